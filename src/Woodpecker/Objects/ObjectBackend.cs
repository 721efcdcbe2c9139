using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Woodpecker.Backends;
using MiniMilvus.Woodpecker.Blocks;
using MiniMilvus.Woodpecker.Metadata;

namespace MiniMilvus.Woodpecker.Objects;

/// <summary>
/// Log segments as objects, one for each block. The fence is a footer under the first number that is free: the older writer cannot take it
/// any more, so nothing from there on is ever acked, whatever of it was already on its way.
/// </summary>
internal sealed class ObjectBackend(IObjectStore store, LogMetadata metadata, WoodpeckerOptions options, TimeProvider time) : ILogBackend
{
    private readonly BlockObjects _objects = new(store, options, time);
    private readonly ReadBudget _readAhead = new(options.ReadAheadBytesMax);

    public int GroupsInFlightMax => options.ObjectGroupsInFlightMax;

    public int EarlyGroupBytesMin => 0;

    public TimeSpan GroupInterval => options.SyncIntervalMax;

    public int BlockBytesMax => options.BlockBytesMax;

    public void RequireRoom()
    {
    }

    public ValueTask<IEpochGuard> FenceAsync(string log, Term epoch, CancellationToken ct) => new(new OwnerGuard(metadata, log, epoch));

    public async ValueTask<long> RecoverSegmentAsync(string log, LogSegmentRecord segment, Term epoch, CancellationToken ct)
    {
        await using var reader = NewReader(log, segment.Number, isFinished: false);
        while (true)
        {
            var read = await reader.NextAsync(0, ct);
            switch (read.Kind)
            {
                case BlockReadKind.Block or BlockReadKind.Skipped:
                    break;
                case BlockReadKind.Footer:
                    return read.Header.FirstEntry;
                case BlockReadKind.Bad:
                    throw MiniMilvusException.Corrupted($"{read.Where}: expected entry {reader.NextEntry} in a block that verifies, found damaged bytes");
                case BlockReadKind.NotYet:
                    var end = new LogPosition(segment.Number, reader.NextEntry);
                    var footer = EncodedBlock.Footer(segment.Number, end.Entry, epoch.Value, end);
                    await _objects.TryPutAsync(ObjectPaths.Block(log, segment.Number, reader.BlockNumber), BlockObjects.Encode(footer, log, reader.BlockNumber), ct);
                    break; // read what lies there now: our footer, or what came before it
                default:
                    throw MiniMilvusException.Internal($"unknown kind of block {read.Kind}");
            }
        }
    }

    public ValueTask<ISegmentWriter> CreateSegmentAsync(string log, long segment, Term epoch, CancellationToken ct) =>
        new(new ObjectSegmentWriter(_objects, log, segment, epoch));

    public ValueTask<ISegmentReader?> OpenSegmentAsync(string log, LogSegmentRecord segment, CancellationToken ct) =>
        new(NewReader(log, segment.Number, segment.State != LogSegmentState.Active));

    public ValueTask<bool> SegmentExistsAsync(string log, long segment, CancellationToken ct) => _objects.ExistsAsync(ObjectPaths.Block(log, segment, 0), ct);

    public ValueTask DeleteSegmentAsync(string log, long segment, CancellationToken ct) => _objects.DeleteAllAsync(ObjectPaths.Segment(log, segment), ct);

    public async ValueTask<long> MeasureSegmentAsync(string log, long segment, CancellationToken ct)
    {
        var bytes = 0L;
        await foreach (var info in store.ListAsync(ObjectPaths.Segment(log, segment), ct))
        {
            bytes += info.Bytes;
        }

        return bytes;
    }

    /// <summary>Keys come in the order of the segments' numbers, so this ends at the first that is not below.</summary>
    public async ValueTask<IReadOnlyList<long>> ListSegmentsAsync(string log, long below, CancellationToken ct)
    {
        var found = new List<long>();
        await foreach (var info in store.ListAsync(ObjectPaths.Log(log), ct))
        {
            if (ObjectPaths.ParseSegment(info.Key) is { } number && (found.Count == 0 || found[^1] != number))
            {
                if (number >= below)
                {
                    break;
                }

                found.Add(number);
            }
        }

        return found;
    }

    public ValueTask DeleteLogAsync(string log, CancellationToken ct) => _objects.DeleteAllAsync(ObjectPaths.Log(log), ct);

    public ValueTask DisposeAsync() => default;

    private ObjectSegmentReader NewReader(string log, long segment, bool isFinished) =>
        new(_objects, log, segment, source => new BlockPrefetch(source, _readAhead, options.ReadsAheadMax, isFinished ? options.ReadsAheadMax : 1, units: 0));

    /// <summary>
    /// A put under a free number already proves that no footer came first. What it cannot tell is that the whole log has been deleted, and
    /// the numbers with it; the metadata can.
    /// </summary>
    private sealed class OwnerGuard(LogMetadata metadata, string log, Term epoch) : IEpochGuard
    {
        public async ValueTask CheckAsync(CancellationToken ct) => await metadata.RequireOwnedAsync(log, epoch, ct);

        public ValueTask DisposeAsync() => default;
    }
}
