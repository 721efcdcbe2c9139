using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Woodpecker.Backends;
using MiniMilvus.Woodpecker.Blocks;
using MiniMilvus.Woodpecker.Compaction;
using MiniMilvus.Woodpecker.Metadata;
using MiniMilvus.Woodpecker.Reading;

namespace MiniMilvus.Woodpecker.Objects;

/// <summary>
/// Log segments as objects, one for each block. The fence is a footer under the first number that is free: the older writer cannot take it
/// any more, so nothing from there on is ever acked, whatever of it was already on its way. Where the store does not know the condition, a
/// lock fences (<see cref="LockFence"/>). A segment's record says how it was written, so that anybody reads both.
/// </summary>
internal sealed class ObjectBackend : ILogBackend
{
    private readonly IObjectStore _store;
    private readonly TimeProvider _time;
    private readonly BlockObjects _objects;
    private readonly ReadBudget _readAhead;
    private readonly LogMetadata _metadata;
    private readonly WoodpeckerOptions _options;
    private readonly LockFence? _lock;

    public ObjectBackend(IObjectStore store, LogMetadata metadata, WoodpeckerOptions options, TimeProvider time, ObjectFence fence)
    {
        (_store, _time) = (store, time);
        (_objects, _readAhead, _metadata, _options) = (new BlockObjects(store, options, time), new ReadBudget(options.ReadAheadBytesMax), metadata, options);
        _lock = fence == ObjectFence.Lock ? new LockFence(_objects, metadata, (segment, log) => NewReader(BlockKeys.Of(log, segment), isFinished: false)) : null;
    }

    public int GroupsInFlightMax => _options.ObjectGroupsInFlightMax;

    public int EarlyGroupBytesMin => 0;

    public TimeSpan GroupInterval => _options.SyncIntervalMax;

    public int BlockBytesMax => _options.BlockBytesMax;

    public DiskRoom Room => default;

    public ValueTask<IEpochGuard> FenceAsync(string log, Term epoch, CancellationToken ct) => _lock?.FenceAsync(log, epoch, ct) ?? new(new OwnerGuard(_metadata, log, epoch));

    public ValueTask<long> RecoverSegmentAsync(string log, LogSegmentRecord segment, Term epoch, IEpochGuard guard, CancellationToken ct) =>
        _lock?.RecoverSegmentAsync(log, segment, epoch, guard, ct) ?? RecoverSegmentAsync(log, segment, epoch, ct);

    private async ValueTask<long> RecoverSegmentAsync(string log, LogSegmentRecord segment, Term epoch, CancellationToken ct)
    {
        if (segment.LockRevision is not null)
        {
            throw LockFence.Mixed(log, segment.Number, "by conditional puts, as this process does", "under a lock");
        }

        await using var reader = NewReader(BlockKeys.Of(log, segment), isFinished: false);
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
                    if (await FindLossAsync(reader, log, end, ct) is { } confirmed)
                    {
                        // What confirms it was put after it: it may have come since the look at it.
                        read = await reader.NextAsync(0, ct);
                        if (read.Kind == BlockReadKind.NotYet)
                        {
                            throw MiniMilvusException.Corrupted($"{read.Where}: expected entry {end.Entry} in an object, found none; entries below {confirmed} had been confirmed");
                        }

                        break;
                    }

                    var footer = EncodedBlock.Footer(segment.Number, end.Entry, epoch.Value, end);
                    await _objects.TryPutAsync(ObjectPaths.Block(log, segment.Number, reader.BlockNumber), BlockObjects.Encode(footer, log, reader.BlockNumber), ct);
                    break; // read what lies there now: our footer, or what came before it
                default:
                    throw MiniMilvusException.Internal($"unknown kind of block {read.Kind}");
            }
        }
    }

    /// <summary>
    /// A free number is the segment's end, unless a block behind it, or the truncation point, says that entries there had been confirmed: then
    /// its object was lost (W16). What was put out of order and never acked confirms nothing beyond the gap. Null when nothing is missed.
    /// </summary>
    private async ValueTask<LogPosition?> FindLossAsync(ObjectSegmentReader reader, string log, LogPosition end, CancellationToken ct)
    {
        var truncated = (await _metadata.GetLogAsync(log, ct)).Record.TruncatedUntil;
        var behind = await reader.FindConfirmedBehindAsync(ct) ?? LogPosition.Beginning;
        var confirmed = truncated.Segment == end.Segment && truncated > behind ? truncated : behind;
        return confirmed > end ? confirmed : null;
    }

    public ValueTask<ISegmentWriter> CreateSegmentAsync(string log, long segment, Term epoch, IEpochGuard guard, CancellationToken ct) => new(guard is LockGuard held
        ? new LockedSegmentWriter(_objects, new BlockKeys(log, segment, epoch.Value, held.LockRevision), held)
        : new ObjectSegmentWriter(_objects, log, segment, epoch));

    public async ValueTask<ISegmentReader?> OpenSegmentAsync(string log, LogSegmentRecord segment, CancellationToken ct)
    {
        if (segment.SealedAs is { } name)
        {
            return await OpenSealedAsync(log, segment.Number, name, ct);
        }

        var reader = NewReader(BlockKeys.Of(log, segment), segment.State != LogSegmentState.Active);
        return segment.LockRevision is null ? reader : new LockedSegmentReader(
            reader, _metadata, log, segment, _options.ForeignPollInterval * (_options.ForeignPollsPerMetadataLook - 1), _time);
    }

    private async ValueTask<ISegmentReader?> OpenSealedAsync(string log, long segment, string name, CancellationToken ct)
    {
        var key = ObjectPaths.SealedIndex(log, segment, name);
        return await _objects.GetAsync(key, ct) is { } bytes
            ? new SealedSegmentReader(
                _objects, log, name, SealedIndex.Decode(bytes.Span, log, segment, $"log '{log}', segment {segment}, object {key}"), _options.SealedReadBytes,
                (source, ranges) => new BlockPrefetch(source, _readAhead, _options.ReadsAheadMax, window: 1, ranges))
            : null;
    }

    /// <summary>Of a segment that has ended, so that its own writer's keys hold all of it, under a lock too.</summary>
    public Func<CompactionMetrics, ISegmentSealer>? Sealer => _options.CompactsSegments
        ? metrics => new SegmentCompactor(new CompactionStore(_store, metrics), _options, _time, (objects, log, segment) => new ObjectSegmentReader(
            objects, BlockKeys.Of(log, segment), source => new BlockPrefetch(source, _readAhead, _options.CompactionReadsMax, _options.CompactionReadsMax, units: 0)))
        : null;

    /// <summary>Under a lock a block's key is told by the metadata alone.</summary>
    public async ValueTask<bool> SegmentExistsAsync(string log, long segment, CancellationToken ct) => _lock is null
        ? await _objects.ExistsAsync(ObjectPaths.Block(log, segment, 0), ct)
        : await _metadata.FindSegmentAsync(log, segment, ct) is not null;

    public ValueTask DeleteSegmentAsync(string log, long segment, CancellationToken ct) => _objects.DeleteAllAsync(ObjectPaths.Segment(log, segment), ct);

    public async ValueTask<long> MeasureSegmentAsync(string log, long segment, CancellationToken ct)
    {
        var bytes = 0L;
        await foreach (var info in _store.ListAsync(ObjectPaths.Segment(log, segment), ct))
        {
            bytes += info.Bytes;
        }

        return bytes;
    }

    /// <summary>Keys come in the order of the segments' numbers, so this ends at the first that is not below.</summary>
    public async ValueTask<IReadOnlyList<long>> ListSegmentsAsync(string log, long below, CancellationToken ct)
    {
        var found = new List<long>();
        await foreach (var info in _store.ListAsync(ObjectPaths.Log(log), ct))
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

    public async ValueTask DeleteLogAsync(string log, CancellationToken ct)
    {
        if (_lock is not null)
        {
            await _metadata.RemoveLockAsync(log, ct); // first, so that its writer acks nothing of what goes
        }

        await _objects.DeleteAllAsync(ObjectPaths.Log(log), ct);
    }

    public ValueTask DisposeAsync() => default;

    private ObjectSegmentReader NewReader(BlockKeys keys, bool isFinished) =>
        new(_objects, keys, source => new BlockPrefetch(source, _readAhead, _options.ReadsAheadMax, isFinished ? _options.ReadsAheadMax : 1, units: 0));

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
