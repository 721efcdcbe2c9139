using System.Buffers;
using System.Text;
using MiniMilvus.Conformance.Support;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Objects;

namespace MiniMilvus.Conformance.Objects;

/// <summary>What every <see cref="IObjectStore"/> must do. Keys lie under a prefix of the test's own, so that a server may be shared.</summary>
public abstract class ObjectStoreConformance : IAsyncLifetime
{
    private static int s_tests;
    private readonly string _prefix = $"conformance/{Interlocked.Increment(ref s_tests)}/";

    protected IObjectStore Store { get; private set; } = null!;

    private static CancellationToken Soon => new CancellationTokenSource(TimeSpan.FromSeconds(30)).Token;

    protected abstract ValueTask<IObjectStore> OpenAsync();

    protected abstract ValueTask CloseAsync();

    public async Task InitializeAsync() => Store = await OpenAsync();

    public Task DisposeAsync() => CloseAsync().AsTask();

    private string Key(string name) => _prefix + name;

    private Task<ObjectInfo> PutAsync(string name, string content, PutCondition? condition = null) =>
        Store.PutAsync(Key(name), new ReadOnlySequence<byte>(Encoding.UTF8.GetBytes(content)), condition ?? PutCondition.Always, Soon).AsTask();

    private async Task<string> GetAsync(string name) => Encoding.UTF8.GetString((await Store.GetAsync(Key(name), Soon)).Span);

    private async Task<List<string>> ListAsync(string prefix)
    {
        var keys = new List<string>();
        await foreach (var info in Store.ListAsync(Key(prefix), Soon))
        {
            keys.Add(info.Key[_prefix.Length..]);
        }

        return keys;
    }

    [Fact]
    public async Task What_was_put_is_read_back()
    {
        var put = await PutAsync("a/b", "content");
        Assert.Equal((Key("a/b"), 7L), (put.Key, put.Bytes));
        Assert.Equal("content", await GetAsync("a/b"));
        Assert.Equal(put, await Store.HeadAsync(Key("a/b"), Soon));
    }

    [Fact]
    public async Task A_view_shows_what_was_put_whatever_becomes_of_the_key()
    {
        await PutAsync("a", "content");
        using var view = await Store.ViewAsync(Key("a"), Soon);
        await PutAsync("a", "another");
        Assert.Equal("another", await GetAsync("a"));
        await Store.DeleteAsync(Key("a"), Soon);
        Assert.Equal("content", Encoding.UTF8.GetString(view.Bytes.Span));
        var e = await Assert.ThrowsAsync<MiniMilvusException>(async () => await Store.ViewAsync(Key("a"), Soon));
        Assert.Equal(ErrorKind.NotFound, e.Kind);
    }

    [Fact]
    public async Task A_second_put_replaces_the_whole_object_and_its_etag()
    {
        var first = await PutAsync("a", "a longer content");
        var second = await PutAsync("a", "short");
        Assert.NotEqual(first.ETag, second.ETag);
        Assert.Equal("short", await GetAsync("a"));
    }

    [Fact]
    public async Task An_absent_object_is_not_found()
    {
        await Expect.KindAsync(ErrorKind.NotFound, () => Store.GetAsync(Key("absent"), Soon).AsTask());
        await Expect.KindAsync(ErrorKind.NotFound, () => Store.GetRangeAsync(Key("absent/deep"), 0, 1, Soon).AsTask());
        Assert.Null(await Store.HeadAsync(Key("absent"), Soon));
    }

    [Fact]
    public async Task A_put_if_absent_loses_to_what_is_there()
    {
        await PutAsync("a", "first", PutCondition.Absent);
        await Expect.KindAsync(ErrorKind.Conflict, () => PutAsync("a", "second", PutCondition.Absent));
        Assert.Equal("first", await GetAsync("a"));
    }

    [Fact]
    public async Task Of_racers_that_put_if_absent_exactly_one_wins()
    {
        for (var round = 0; round < 5; round++)
        {
            var racers = Enumerable.Range(0, 8).Select(async i =>
            {
                try
                {
                    await PutAsync($"race{round}", $"{i}", PutCondition.Absent);
                    return i;
                }
                catch (MiniMilvusException e) when (e.Kind == ErrorKind.Conflict)
                {
                    return -1;
                }
            });
            var winner = Assert.Single(await Task.WhenAll(racers), r => r >= 0);
            Assert.Equal($"{winner}", await GetAsync($"race{round}"));
        }
    }

    [Fact]
    public async Task A_put_if_match_needs_the_etag_of_now()
    {
        var first = await PutAsync("a", "1");
        var second = await PutAsync("a", "2", new PutCondition.IfMatch(first.ETag));
        await Expect.KindAsync(ErrorKind.Conflict, () => PutAsync("a", "3", new PutCondition.IfMatch(first.ETag)));
        Assert.Equal("2", await GetAsync("a"));
        await PutAsync("a", "4", new PutCondition.IfMatch(second.ETag));
        await Expect.KindAsync(ErrorKind.Conflict, () => PutAsync("absent", "5", new PutCondition.IfMatch(first.ETag)));
    }

    [Theory]
    [InlineData(0, 3, "012")]
    [InlineData(4, 3, "456")]
    [InlineData(8, 5, "89")]
    [InlineData(10, 5, "")]
    [InlineData(99, 5, "")]
    [InlineData(3, 0, "")]
    public async Task A_range_is_cut_at_the_end(long offset, long bytes, string expected)
    {
        await PutAsync("digits", "0123456789");
        Assert.Equal(expected, Encoding.UTF8.GetString((await Store.GetRangeAsync(Key("digits"), offset, bytes, Soon)).Span));
    }

    [Fact]
    public async Task A_list_is_in_ordinal_order_and_a_prefix_may_end_within_a_name()
    {
        foreach (var name in new[] { "b/2", "b/10", "b/1", "a", "c/x/y", "bb", "b-" })
        {
            await PutAsync(name, name);
        }

        Assert.Equal(["a", "b-", "b/1", "b/10", "b/2", "bb", "c/x/y"], await ListAsync(""));
        Assert.Equal(["b/1", "b/10", "b/2"], await ListAsync("b/"));
        Assert.Equal(["b/1", "b/10"], await ListAsync("b/1"));
        Assert.Equal(["b-", "b/1", "b/10", "b/2", "bb"], await ListAsync("b"));
        Assert.Empty(await ListAsync("nothing/"));
    }

    [Fact]
    public async Task A_key_may_have_any_letters_and_the_order_stays_ordinal()
    {
        // In UTF-8 the full-width '！' (U+FF01) comes before the emoji, in UTF-16 after it.
        string[] names = ["a b", "a%2Fb", "a&b=c", "a+b", "a?b#c", "a~(b)*'!", "x/y z/\u00E9", "\u00E9", "\U0001F600/1", "\U0001F600/2", "\uFF01"];
        foreach (var name in names.Reverse())
        {
            await PutAsync(name, name);
        }

        Assert.Equal(names, await ListAsync(""));
        foreach (var name in names)
        {
            Assert.Equal(name, await GetAsync(name));
        }

        await Store.DeleteAsync(Key("a+b"), Soon);
        Assert.Equal(names.Where(n => n != "a+b"), await ListAsync(""));
    }

    [Fact]
    public async Task A_deleted_object_is_gone_and_a_second_delete_is_fine()
    {
        await PutAsync("a/b", "1");
        await Store.DeleteAsync(Key("a/b"), Soon);
        await Store.DeleteAsync(Key("a/b"), Soon);
        Assert.Null(await Store.HeadAsync(Key("a/b"), Soon));
        Assert.Empty(await ListAsync("a/"));
        await PutAsync("a/b", "2", PutCondition.Absent);
    }

    [Fact]
    public async Task An_object_may_be_empty_and_content_may_come_in_pieces()
    {
        await Store.PutAsync(Key("empty"), ReadOnlySequence<byte>.Empty, PutCondition.Always, Soon);
        Assert.Equal(0, (await Store.GetAsync(Key("empty"), Soon)).Length);
        var first = new Piece("01234"u8.ToArray(), 0);
        var last = first.Then(new Piece([], 5)).Then(new Piece("56789"u8.ToArray(), 5));
        await Store.PutAsync(Key("pieces"), new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length), PutCondition.Always, Soon);
        Assert.Equal("0123456789", await GetAsync("pieces"));
    }

    [Fact]
    public async Task The_callers_buffer_may_be_reused_after_a_put()
    {
        var buffer = "mine"u8.ToArray();
        await Store.PutAsync(Key("a"), new ReadOnlySequence<byte>(buffer), PutCondition.Always, Soon);
        buffer.AsSpan().Clear();
        Assert.Equal("mine", await GetAsync("a"));
    }

    [Fact]
    public async Task A_large_object_comes_back_whole()
    {
        var content = new byte[3_000_001];
        new Random(1).NextBytes(content);
        await Store.PutAsync(Key("large"), new ReadOnlySequence<byte>(content), PutCondition.Always, Soon);
        Assert.Equal(content, (await Store.GetAsync(Key("large"), Soon)).ToArray());
        Assert.Equal(content[1_000_000..2_500_000], (await Store.GetRangeAsync(Key("large"), 1_000_000, 1_500_000, Soon)).ToArray());
    }

    [Theory]
    [InlineData("")]
    [InlineData("/a")]
    [InlineData("a/")]
    [InlineData("a//b")]
    [InlineData("../a")]
    [InlineData("a/../b")]
    [InlineData("a/./b")]
    [InlineData("a\\b")]
    [InlineData("a\nb")]
    public async Task A_bad_key_is_invalid(string key)
    {
        await Expect.KindAsync(ErrorKind.Invalid, () => Store.PutAsync(key, ReadOnlySequence<byte>.Empty, PutCondition.Always, Soon).AsTask());
        await Expect.KindAsync(ErrorKind.Invalid, () => Store.GetAsync(key, Soon).AsTask());
    }

    [Fact]
    public async Task A_key_of_more_than_1024_bytes_is_invalid()
    {
        await Expect.KindAsync(ErrorKind.Invalid, () => Store.HeadAsync(string.Join('/', Enumerable.Repeat("parts", 200)), Soon).AsTask());
    }

    private sealed class Piece : ReadOnlySequenceSegment<byte>
    {
        public Piece(byte[] bytes, long index) => (Memory, RunningIndex) = (bytes, index);

        public Piece Then(Piece next)
        {
            Next = next;
            return next;
        }
    }
}
