using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Woodpecker.Backends;
using MiniMilvus.Woodpecker.Metadata;

namespace MiniMilvus.Woodpecker.Objects;

/// <summary>
/// A writer's hold on its log's lock. Confirming compares the lock and records what is confirmed, in one transaction: the group may be acked
/// when it has passed, and whoever takes the lock later finds it there (W1, W3).
/// </summary>
internal sealed class LockGuard(LogMetadata metadata, string log, Versioned<LogLockRecord> taken) : IEpochGuard
{
    private Versioned<LogLockRecord> _held = taken;
    private MiniMilvusException? _lost;

    public long? LockRevision { get; } = taken.Record.Taken;

    /// <summary>Called in the order of the log, one at a time, when everything below <paramref name="end"/> is durable.</summary>
    public async ValueTask ConfirmAsync(LogPosition end, long blocks, CancellationToken ct)
    {
        await CheckAsync(ct);
        try
        {
            _held = await metadata.ConfirmAsync(log, _held, _held.Record with { Segment = end.Segment, Entries = end.Entry, Blocks = blocks }, ct);
        }
        catch (MiniMilvusException e)
        {
            Volatile.Write(ref _lost, e);
            throw;
        }
    }

    /// <summary>Asks nobody: the confirmation before it, and the decision of a segment's end after it, compare for themselves.</summary>
    public ValueTask CheckAsync(CancellationToken ct) => Volatile.Read(ref _lost) is { } lost ? ValueTask.FromException(lost) : default;

    public ValueTask DisposeAsync() => default;
}
