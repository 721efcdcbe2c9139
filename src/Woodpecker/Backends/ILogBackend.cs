using MiniMilvus.Core;
using MiniMilvus.Woodpecker.Blocks;
using MiniMilvus.Woodpecker.Compaction;
using MiniMilvus.Woodpecker.Metadata;

namespace MiniMilvus.Woodpecker.Backends;

/// <summary>
/// What differs between the modes of the log: where blocks lie, what makes them durable, how an older writer is shut out. Decisions are
/// made above it, in metadata. Errors: MiniMilvusException, and IOException for what the disk says.
/// </summary>
internal interface ILogBackend : IAsyncDisposable
{
    /// <summary>How many groups may be on their way at once; acks keep their order whatever order they return in.</summary>
    int GroupsInFlightMax { get; }

    /// <summary>A group of this size is started while an earlier one is under way; a smaller one waits for it, and grows.</summary>
    int EarlyGroupBytesMin { get; }

    /// <summary>A group that is not full starts at most once in this time; zero where a flush costs nothing but itself.</summary>
    TimeSpan GroupInterval { get; }

    /// <summary>A block ends when the next entry would make it longer.</summary>
    int BlockBytesMax { get; }

    /// <summary>How much room there is for more; asked before each append, so cheap.</summary>
    DiskRoom Room { get; }

    /// <summary>After it returned, a check of an older epoch's guard fails (W3). Called after the epoch was raised in metadata.</summary>
    ValueTask<IEpochGuard> FenceAsync(string log, Term epoch, CancellationToken ct);

    /// <summary>What makes larger objects of small ones; null where segments are large from the start, or are to stay as they are.</summary>
    Func<CompactionMetrics, ISegmentSealer>? Sealer => null;

    /// <summary>Decides what of an unfinished segment is kept, makes that durable (W16), ends it with a footer, and returns the number of its entries.</summary>
    ValueTask<long> RecoverSegmentAsync(string log, LogSegmentRecord segment, Term epoch, IEpochGuard guard, CancellationToken ct);

    ValueTask<ISegmentWriter> CreateSegmentAsync(string log, long segment, Term epoch, IEpochGuard guard, CancellationToken ct);

    /// <summary>Null when there is no such segment. The record is as metadata had it when the caller looked; the segment may have gone on since.</summary>
    ValueTask<ISegmentReader?> OpenSegmentAsync(string log, LogSegmentRecord segment, CancellationToken ct);

    /// <summary>Whether a segment has been born, without asking the metadata; false may mean "empty so far".</summary>
    ValueTask<bool> SegmentExistsAsync(string log, long segment, CancellationToken ct);

    /// <summary>Absent is fine.</summary>
    ValueTask DeleteSegmentAsync(string log, long segment, CancellationToken ct);

    /// <summary>The bytes that are kept of a segment; 0 when there are none.</summary>
    ValueTask<long> MeasureSegmentAsync(string log, long segment, CancellationToken ct);

    /// <summary>Segments below a number that anything is kept of, whether metadata knows them or not, in order.</summary>
    ValueTask<IReadOnlyList<long>> ListSegmentsAsync(string log, long below, CancellationToken ct);

    /// <summary>Removes whatever is left of a log, after shutting its writer out. Absent is fine.</summary>
    ValueTask DeleteLogAsync(string log, CancellationToken ct);
}

/// <param name="Pressure">0: enough room; up to 1: appends are slowed in proportion.</param>
/// <param name="Refusal">Why appends are refused; null while there is room.</param>
internal readonly record struct DiskRoom(double Pressure, string? Refusal);

/// <summary>Says whether a writer is still the newest, as cheaply as once for each group.</summary>
internal interface IEpochGuard : IAsyncDisposable
{
    /// <summary>Where a lock in the metadata is the fence, what tells this taking from every other (<c>LogLockRecord.Taken</c>); else null.</summary>
    long? LockRevision => null;

    /// <summary>Throws Fenced when a newer epoch has shut this one out.</summary>
    ValueTask CheckAsync(CancellationToken ct);
}

/// <summary>The open end of one log segment.</summary>
internal interface ISegmentWriter : IAsyncDisposable
{
    /// <summary>Hands blocks over, to lie behind all that were handed over before. Buffers are read until it returns.</summary>
    ValueTask WriteAsync(IReadOnlyList<EncodedBlock> blocks, CancellationToken ct);

    /// <summary>Returns when all that <see cref="WriteAsync"/> returned for is durable. Never called again after it failed.</summary>
    ValueTask FlushAsync(CancellationToken ct);

    /// <summary>Writes the footer durably. Metadata decides the end; the footer tells readers that have no metadata at hand.</summary>
    ValueTask FinishAsync(BlockHeader footer, CancellationToken ct);
}

internal enum BlockReadKind
{
    Block,
    /// <summary>A block whose entries all lie below the one asked for.</summary>
    Skipped,
    Footer,
    /// <summary>Nothing has been written here.</summary>
    NotYet,
    /// <summary>Something that does not verify: half written, or damaged. What is confirmed tells which (W16).</summary>
    Bad,
}

/// <param name="Where">Block number and offset, for messages.</param>
internal readonly record struct BlockRead(BlockReadKind Kind, BlockHeader Header, DecodedBlock? Block, string Where);

/// <summary>Reads a segment's blocks in order. A look at NotYet or Bad does not advance and may be repeated.</summary>
internal interface ISegmentReader : IAsyncDisposable
{
    /// <summary>What the caller knows to be confirmed, before a look: a reader that must ask for leave to show a block asks then.</summary>
    void Hear(LogPosition confirmed)
    {
    }

    /// <summary>The next block; with <see cref="BlockReadKind.Skipped"/> when its entries all lie below <paramref name="fromEntry"/>.</summary>
    ValueTask<BlockRead> NextAsync(long fromEntry, CancellationToken ct);

    /// <summary>Gives up what it holds of blocks to come, as far as it has come already: they will not be asked for soon.</summary>
    void Rest()
    {
    }

    /// <summary>The highest confirmed position that any block at or behind the present place claims; Beginning when none does.</summary>
    ValueTask<LogPosition> FindConfirmedAheadAsync(CancellationToken ct);

    /// <summary>
    /// Where nothing lies at the present place: the highest position that blocks behind it claim, Beginning when none does; null where what
    /// was written may not be shown yet, so that absence proves nothing.
    /// </summary>
    ValueTask<LogPosition?> FindConfirmedBehindAsync(CancellationToken ct) => new((LogPosition?)null);
}
