using System.Buffers;
using MiniMilvus.Conformance.Support;
using MiniMilvus.Conformance.Woodpecker;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Storage.S3;

namespace MiniMilvus.Conformance.S3;

/// <summary>The probe finds out, by trying, whether a store's conditional put can fence.</summary>
public sealed class ConditionalPutProbeTests
{
    private static readonly CancellationToken Never = CancellationToken.None;

    public static TheoryData<string, OnCondition> ProfilesAndServers => S3ProfileTests.ProfilesAndServers;

    [Theory]
    [MemberData(nameof(ProfilesAndServers))]
    public async Task A_server_is_found_to_honour_to_reject_or_to_ignore_the_profiles_condition(string name, OnCondition server)
    {
        await using var fake = await FakeS3.StartAsync();
        var profile = S3Profile.Parse(name);
        fake.Conditions[profile.IfAbsent.Key] = server;
        using var store = await S3ObjectStore.OpenAsync(fake.Options(profile), TimeProvider.System, Never);
        var found = await new ConditionalPutProbe(store, new Random(1)).RunAsync(Never);
        Assert.True(found.ReadsAfterWrites);
        Assert.Equal(
            server switch { OnCondition.Honours => ConditionalPuts.Honoured, OnCondition.Rejects => ConditionalPuts.NotSupported, _ => ConditionalPuts.Ignored }, found.ConditionalPuts);
        Assert.Empty(await store.ListAsync("", Never).ToListAsync()); // nothing of it stays
        if (server == OnCondition.Ignores)
        {
            var e = Expect.Kind(ErrorKind.Invalid, () => found.RequireSafe());
            Assert.Equal(ErrorReason.NotSupported, e.Reason);
            Assert.All([FakeS3.Bucket, fake.Endpoint.Authority, profile.IfAbsent.Key, "ignores it"], part => Assert.Contains(part, e.Message, StringComparison.Ordinal));
        }
        else
        {
            Assert.Equal(server == OnCondition.Rejects, found.RequireSafe().NeedsLock);
        }
    }

    [Fact]
    public async Task A_server_that_looks_and_then_stores_loses_the_race_although_it_honours_a_single_put()
    {
        var found = await Probe(new LooksThenStores(new MemoryObjectStore())).RunAsync(Never);
        Assert.Equal(ConditionalPuts.Ignored, found.ConditionalPuts);
        Assert.Contains("racers", found.Evidence, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_store_whose_reads_lag_behind_its_writes_is_refused()
    {
        var found = await Probe(new StaleReads(new MemoryObjectStore())).RunAsync(Never);
        Assert.False(found.ReadsAfterWrites);
        Assert.Contains("older object", Expect.Kind(ErrorKind.Invalid, () => found.RequireSafe()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Lost_replies_leave_the_verdict_as_it_is()
    {
        for (var seed = 0; seed < 50; seed++)
        {
            try
            {
                var found = await Probe(new DisorderlyObjects(new MemoryObjectStore(), seed, lostReplies: 0.2, failures: 0.1)).RunAsync(Never);
                Assert.Equal((ConditionalPuts.Honoured, true), (found.ConditionalPuts, found.ReadsAfterWrites));
            }
            catch (MiniMilvusException e) when (e.Kind == ErrorKind.Unavailable)
            {
                // It could not tell; it is run again.
            }
        }
    }

    [Fact]
    public async Task When_no_race_is_decided_there_is_no_verdict()
    {
        var lost = new DisorderlyObjects(new MemoryObjectStore(), 1, lostReplies: 1, failures: 0);
        await Expect.KindAsync(ErrorKind.Unavailable, async () => await Probe(lost).RunAsync(Never));
    }

    [Fact]
    public void What_was_found_can_be_kept()
    {
        var found = new StoreCapabilities("a store", "If-None-Match: *", ConditionalPuts.NotSupported, true, "it answered 501");
        Assert.Equal(found, StoreCapabilities.Decode(found.Encode()));
        foreach (var damaged in new[] { "", "null", "{}", "{\"store\":1}", "{\"store\":\"a\",\"condition\":\"b\",\"conditionalPuts\":\"Perhaps\",\"readsAfterWrites\":true,\"evidence\":\"\"}" })
        {
            Expect.Kind(ErrorKind.Corrupted, () => StoreCapabilities.Decode(System.Text.Encoding.UTF8.GetBytes(damaged)));
        }
    }

    private static ConditionalPutProbe Probe(IObjectStore store) => new(store, "a store", "If-None-Match: *", new Random(1));

    /// <summary>Checks the condition, lets a second racer do so too, then stores: right for one writer, wrong for two.</summary>
    private sealed class LooksThenStores(IObjectStore inner) : Decorated(inner)
    {
        private readonly TaskCompletionSource _two = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _racers;

        public override async ValueTask<ObjectInfo> PutAsync(string key, ReadOnlySequence<byte> content, PutCondition condition, CancellationToken ct)
        {
            if (condition is PutCondition.IfAbsent && await Inner.HeadAsync(key, ct) is not null)
            {
                throw MiniMilvusException.Conflict(ErrorReason.Unspecified, "it is there");
            }

            if (key.Contains("race", StringComparison.Ordinal))
            {
                if (Interlocked.Increment(ref _racers) == 2)
                {
                    _two.SetResult();
                }

                await _two.Task;
            }

            return await Inner.PutAsync(key, content, PutCondition.Always, ct);
        }
    }

    /// <summary>An overwritten object is read as it was before.</summary>
    private sealed class StaleReads(IObjectStore inner) : Decorated(inner)
    {
        private readonly Dictionary<string, ReadOnlyMemory<byte>> _before = [];

        public override async ValueTask<ObjectInfo> PutAsync(string key, ReadOnlySequence<byte> content, PutCondition condition, CancellationToken ct)
        {
            var info = await Inner.HeadAsync(key, ct);
            var before = info is null ? default(ReadOnlyMemory<byte>?) : await Inner.GetAsync(key, ct);
            var put = await Inner.PutAsync(key, content, condition, ct);
            if (before is { } old)
            {
                _before[key] = old;
            }

            return put;
        }

        public override ValueTask<ReadOnlyMemory<byte>> GetAsync(string key, CancellationToken ct) => _before.TryGetValue(key, out var old) ? new(old) : Inner.GetAsync(key, ct);
    }

    private abstract class Decorated(IObjectStore inner) : IObjectStore
    {
        protected IObjectStore Inner => inner;

        public abstract ValueTask<ObjectInfo> PutAsync(string key, ReadOnlySequence<byte> content, PutCondition condition, CancellationToken ct);

        public virtual ValueTask<ReadOnlyMemory<byte>> GetAsync(string key, CancellationToken ct) => inner.GetAsync(key, ct);

        public ValueTask<ReadOnlyMemory<byte>> GetRangeAsync(string key, long offset, long bytes, CancellationToken ct) => inner.GetRangeAsync(key, offset, bytes, ct);

        public ValueTask<ObjectInfo?> HeadAsync(string key, CancellationToken ct) => inner.HeadAsync(key, ct);

        public IAsyncEnumerable<ObjectInfo> ListAsync(string prefix, CancellationToken ct) => inner.ListAsync(prefix, ct);

        public ValueTask DeleteAsync(string key, CancellationToken ct) => inner.DeleteAsync(key, ct);
    }
}
