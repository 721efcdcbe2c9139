using System.Collections.Immutable;
using System.Text;
using MiniMilvus.Conformance.Support;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Conformance.Meta;

/// <summary>
/// What every <see cref="IMetaStore"/> must do. Keys lie under a prefix of the test's own, and revisions are compared as differences, so that a
/// server shared with other tests passes too (<see cref="IsAlone"/> = false).
/// </summary>
public abstract partial class MetaStoreConformance : IAsyncLifetime
{
    private static int s_tests;
    private readonly string _prefix = $"conformance/{Interlocked.Increment(ref s_tests)}/";

    protected IMetaStore Store { get; private set; } = null!;

    /// <summary>Nobody else writes to this store during the test.</summary>
    protected virtual bool IsAlone => true;

    protected static CancellationToken Soon => new CancellationTokenSource(TimeSpan.FromSeconds(30)).Token;

    protected abstract ValueTask<IMetaStore> OpenAsync();

    protected abstract ValueTask CloseAsync();

    /// <summary>Lets time pass: moves the store's clock, or waits.</summary>
    protected abstract ValueTask PassAsync(TimeSpan time);

    /// <summary>Makes revisions below <paramref name="revision"/> unavailable to watches.</summary>
    protected abstract ValueTask CompactAsync(long revision);

    public async Task InitializeAsync() => Store = await OpenAsync();

    public Task DisposeAsync() => CloseAsync().AsTask();

    protected string Key(string name) => _prefix + name;

    protected static ReadOnlyMemory<byte> Bytes(string text) => Encoding.UTF8.GetBytes(text);

    protected static string Text(MetaEntry? entry) => Encoding.UTF8.GetString(entry!.Value.Span);

    protected async Task<long> PutAsync(string name, string value, long lease = 0) =>
        (await Store.TransactAsync([], [new MetaOperation.Put(Key(name), Bytes(value), lease)], Soon)).Revision;

    protected async Task<long> DeleteAsync(string name) => (await Store.TransactAsync([], [new MetaOperation.Delete(Key(name))], Soon)).Revision;

    private Task<MetaEntry?> GetAsync(string name) => Store.GetAsync(Key(name), Soon).AsTask();

    [Fact]
    public async Task A_put_is_read_back_with_its_history()
    {
        var first = await PutAsync("a", "one");
        var second = await PutAsync("a", "two");
        var entry = await GetAsync("a");
        Assert.Equal("two", Text(entry));
        Assert.Equal((first, second, 2L, 0L), (entry!.CreateRevision, entry.ModRevision, entry.Version, entry.Lease));
    }

    [Fact]
    public async Task An_absent_key_is_null()
    {
        Assert.Null(await GetAsync("absent"));
    }

    [Fact]
    public async Task A_key_deleted_and_put_again_begins_a_new_life()
    {
        await PutAsync("a", "one");
        await DeleteAsync("a");
        var again = await PutAsync("a", "two");
        var entry = await GetAsync("a");
        Assert.Equal((again, again, 1L), (entry!.CreateRevision, entry.ModRevision, entry.Version));
    }

    [Fact]
    public async Task Each_changing_transaction_spends_one_revision_for_all_its_operations()
    {
        var before = await PutAsync("a", "0");
        var result = await Store.TransactAsync([], [new MetaOperation.Put(Key("b"), Bytes("1")), new MetaOperation.Put(Key("c"), Bytes("2")), new MetaOperation.Delete(Key("a"))], Soon);
        Assert.True(result.Succeeded);
        Assert.True(IsAlone ? result.Revision == before + 1 : result.Revision > before);
        Assert.Equal((await GetAsync("b"))!.ModRevision, (await GetAsync("c"))!.ModRevision);
        Assert.Null(await GetAsync("a"));
    }

    [Fact]
    public async Task A_delete_of_an_absent_key_and_an_empty_transaction_spend_no_revision()
    {
        var before = await PutAsync("a", "0");
        await DeleteAsync("absent");
        var result = await Store.TransactAsync([], [], Soon);
        Assert.True(result.Succeeded);
        Assert.True(!IsAlone || result.Revision == before);
    }

    [Fact]
    public async Task A_transaction_whose_comparison_fails_changes_nothing()
    {
        var at = await PutAsync("a", "one");
        var result = await Store.TransactAsync(
            [new MetaCompare.ModRevision(Key("a"), at), new MetaCompare.ModRevision(Key("b"), 7)], [new MetaOperation.Put(Key("a"), Bytes("two"))], Soon);
        Assert.False(result.Succeeded);
        Assert.Equal("one", Text(await GetAsync("a")));
        Assert.True(result.Revision >= at);
    }

    [Fact]
    public async Task Every_kind_of_comparison_decides()
    {
        var create = await PutAsync("a", "one");
        var mod = await PutAsync("a", "two");
        Assert.True(await HoldsAsync(new MetaCompare.ModRevision(Key("a"), mod)));
        Assert.False(await HoldsAsync(new MetaCompare.ModRevision(Key("a"), create)));
        Assert.True(await HoldsAsync(new MetaCompare.CreateRevision(Key("a"), create)));
        Assert.False(await HoldsAsync(new MetaCompare.CreateRevision(Key("a"), mod)));
        Assert.True(await HoldsAsync(new MetaCompare.Value(Key("a"), Bytes("two"))));
        Assert.False(await HoldsAsync(new MetaCompare.Value(Key("a"), Bytes("one"))));
        Assert.True(await HoldsAsync(MetaCompare.IsAbsent(Key("b"))));
        Assert.False(await HoldsAsync(MetaCompare.IsAbsent(Key("a"))));
        Assert.True(await HoldsAsync(new MetaCompare.ModRevision(Key("b"), 0)));
        Assert.False(await HoldsAsync(new MetaCompare.Value(Key("b"), Bytes(""))));

        async Task<bool> HoldsAsync(MetaCompare compare) => (await Store.TransactAsync([compare], [], Soon)).Succeeded;
    }

    [Fact]
    public async Task Of_racers_for_an_absent_key_exactly_one_wins()
    {
        var racers = Enumerable.Range(0, 16).Select(i => Store.TransactAsync(
            [MetaCompare.IsAbsent(Key("race"))], [new MetaOperation.Put(Key("race"), Bytes($"{i}"))], Soon).AsTask());
        var results = await Task.WhenAll(racers);
        var winner = Assert.Single(results.Index(), r => r.Item.Succeeded);
        Assert.Equal($"{winner.Index}", Text(await GetAsync("race")));
    }

    [Fact]
    public async Task A_range_is_in_key_order_at_one_revision()
    {
        await PutAsync("r/b", "2");
        await PutAsync("r/a", "1");
        await PutAsync("r", "no");
        var last = await PutAsync("r/a/x", "3");
        await PutAsync("s", "no");
        var range = await Store.RangeAsync(Key("r/"), Soon);
        Assert.Equal([Key("r/a"), Key("r/a/x"), Key("r/b")], range.Entries.Select(e => e.Key));
        Assert.True(range.Revision > last);
        Assert.Empty((await Store.RangeAsync(Key("nothing"), Soon)).Entries);
        Assert.Contains((await Store.RangeAsync("", Soon)).Entries, e => e.Key == Key("s"));
    }

    [Fact]
    public async Task Bad_arguments_are_refused_and_nothing_is_written()
    {
        await Expect.KindAsync(ErrorKind.Invalid, () => Store.TransactAsync(
            [], [new MetaOperation.Put(Key("twice"), Bytes("1")), new MetaOperation.Delete(Key("twice"))], Soon).AsTask());
        await Expect.KindAsync(ErrorKind.Invalid, () => Store.GetAsync("", Soon).AsTask());
        await Expect.KindAsync(ErrorKind.Invalid, () => Store.TransactAsync([], [new MetaOperation.Put(Key("big"), new byte[2_000_000])], Soon).AsTask());
        Assert.Null(await GetAsync("twice"));
        Assert.Null(await GetAsync("big"));
    }

    [Fact]
    public async Task A_transaction_at_the_bounds_is_done_and_one_byte_more_is_refused()
    {
        string Long(string name) => Key(name).PadRight(MetaLimits.KeyMax, '.');
        ImmutableArray<MetaCompare> compares = [.. Enumerable.Range(0, MetaLimits.OperationsMax).Select(i => MetaCompare.IsAbsent(Long($"{i}")))];
        ImmutableArray<MetaOperation> puts = [.. Enumerable.Range(0, MetaLimits.OperationsMax - 1).Select(i => new MetaOperation.Put(Long($"{i}"), default))];
        var rest = new byte[MetaLimits.TransactionBytesMax - (2 * MetaLimits.OperationsMax * MetaLimits.KeyMax)];
        await Expect.KindAsync(ErrorKind.Invalid, () => Store.TransactAsync(compares, puts.Add(new MetaOperation.Put(Long("rest"), new byte[rest.Length + 1])), Soon).AsTask());
        Assert.True((await Store.TransactAsync(compares, puts.Add(new MetaOperation.Put(Long("rest"), rest)), Soon)).Succeeded);
        Assert.Equal(rest.Length, (await Store.GetAsync(Long("rest"), Soon))!.Value.Length);
    }

    [Fact]
    public async Task The_callers_buffer_may_be_reused_after_a_put()
    {
        var buffer = Encoding.UTF8.GetBytes("mine");
        await Store.TransactAsync([], [new MetaOperation.Put(Key("a"), buffer)], Soon);
        buffer.AsSpan().Fill((byte)'x');
        Assert.Equal("mine", Text(await GetAsync("a")));
    }
}
