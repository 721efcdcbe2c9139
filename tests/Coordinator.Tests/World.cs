using System.Collections.Immutable;
using Microsoft.Extensions.Logging.Abstractions;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Schema;
using MiniMilvus.Core.Streaming;
using MiniMilvus.Core.Time;
using MiniMilvus.Storage.Meta;
using MiniMilvus.Storage.Objects;

namespace MiniMilvus.Coordinator.Tests;

/// <summary>A clock that stands where it is put.</summary>
internal sealed class StillTime : TimeProvider
{
    public DateTimeOffset Now { get; set; } = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public override DateTimeOffset GetUtcNow() => Now;
}

/// <summary>Counts what is written, and can lose the reply of a transaction that was applied.</summary>
internal sealed class CountingMeta(IMetaStore inner) : IMetaStore
{
    public int Writes { get; private set; }

    public bool LoseNextReply { get; set; }

    public ValueTask<MetaEntry?> GetAsync(string key, CancellationToken ct) => inner.GetAsync(key, ct);

    public ValueTask<MetaRange> RangeAsync(string prefix, CancellationToken ct) => inner.RangeAsync(prefix, ct);

    public async ValueTask<MetaTransactionResult> TransactAsync(ImmutableArray<MetaCompare> compares, ImmutableArray<MetaOperation> operations, CancellationToken ct)
    {
        var result = await inner.TransactAsync(compares, operations, ct);
        Writes += result.Succeeded ? 1 : 0;
        if (LoseNextReply)
        {
            LoseNextReply = false;
            throw MiniMilvusException.Unavailable("the reply was lost");
        }

        return result;
    }

    public IAsyncEnumerable<MetaWatchBatch> WatchAsync(string prefix, long fromRevision, CancellationToken ct) => inner.WatchAsync(prefix, fromRevision, ct);

    public ValueTask<long> GrantLeaseAsync(TimeSpan timeToLive, CancellationToken ct) => inner.GrantLeaseAsync(timeToLive, ct);

    public ValueTask KeepAliveAsync(long lease, CancellationToken ct) => inner.KeepAliveAsync(lease, ct);

    public ValueTask RevokeLeaseAsync(long lease, CancellationToken ct) => inner.RevokeLeaseAsync(lease, ct);
}

/// <summary>A log that remembers what was appended, and can refuse.</summary>
internal sealed class RecordingLog : IStreamingClient
{
    public List<(VChannel Channel, MessageBody Body)> Appended { get; } = [];

    public bool IsDown { get; set; }

    public ValueTask<AppendResult> AppendAsync(VChannel channel, ImmutableArray<MessageBody> messages, CancellationToken ct)
    {
        if (IsDown)
        {
            throw MiniMilvusException.Unavailable("no owner");
        }

        Appended.AddRange(messages.Select(m => (channel, m)));
        return new(new AppendResult(new Timestamp(1), default, []));
    }

    public ValueTask<Timestamp> SignalAsync(PChannel channel, Timestamp atLeast, CancellationToken ct) => new(atLeast);
}

internal sealed class World : IDisposable
{
    private readonly CancellationTokenSource _stop = new();

    public World() => Meta = new CountingMeta(new MemoryMetaStore(TimeProvider.System));

    public StillTime Time { get; } = new();

    public CountingMeta Meta { get; }

    public MemoryObjectStore Objects { get; } = new();

    public RecordingLog Log { get; } = new();

    public CancellationToken Stop => _stop.Token;

    public async Task<CoordinatorRole> StartAsync()
    {
        var role = new CoordinatorRole(Meta, Objects, Log, new CoordinatorOptions(), Time, NullLogger<CoordinatorRole>.Instance);
        await role.StartAsync(default);
        return role;
    }

    public static CreateCollection Collection(string name, int dim = 4, int shards = 1) => new("default", new CollectionSchema
    {
        Name = name,
        Fields =
        [
            new FieldSchema { Id = default, Name = "id", Type = DataType.Int64, IsPrimaryKey = true },
            new FieldSchema { Id = default, Name = "vector", Type = DataType.FloatVector, Dim = dim },
        ],
    }, shards, ConsistencyLevel.Bounded, ImmutableSortedDictionary<string, string>.Empty);

    public void Dispose()
    {
        _stop.Cancel();
        _stop.Dispose();
    }
}
