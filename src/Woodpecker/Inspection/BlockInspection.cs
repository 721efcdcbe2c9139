using MiniMilvus.Core;

namespace MiniMilvus.Woodpecker.Inspection;

/// <summary>What became of a place where a block should lie.</summary>
public enum BlockVerdict
{
    /// <summary>All that was read of it verifies: the header, and the payload when it was asked for.</summary>
    Intact,
    /// <summary>It does not verify, and something says that it had been confirmed (W16).</summary>
    Damaged,
    /// <summary>It does not verify, and nothing says that it was ever acked: half written, under way, or the last block of all.</summary>
    TornTail,
}

/// <summary>One block as found.</summary>
/// <param name="Number">Counted from 0; behind damage that hid a block's length it may be too low.</param>
/// <param name="Offset">Bytes from the beginning of the segment's file; of its object in a sealed segment; 0 where the block is an object of its own.</param>
/// <param name="Problem">Null when intact.</param>
/// <param name="IsFooter">The segment's end; it has no entries.</param>
/// <param name="First">The first entry: the one expected here when the header does not verify.</param>
/// <param name="EntryCount">0 when the header does not verify.</param>
/// <param name="Confirmed">What the block says was confirmed when it was written, exclusive.</param>
/// <param name="Header">The 64 bytes of the header as they lie on the disk; fewer at the end of the file.</param>
/// <param name="Entries">Empty unless payloads were asked for and the block is intact.</param>
public sealed record BlockInspection(
    string Log, long Segment, long Number, long Offset, BlockVerdict Verdict, string? Problem, bool IsFooter, int PayloadBytes, LogPosition First,
    int EntryCount, long Epoch, LogPosition Confirmed, ReadOnlyMemory<byte> Header, IReadOnlyList<LogEntry> Entries)
{
    /// <summary>The object that the block lies in, alone or, in a sealed segment, at <see cref="Offset"/>; null when it lies in a segment's file.</summary>
    public string? Key { get; init; }

    /// <summary>Log, segment, block and offset or object.</summary>
    public string Where => FormattableString.Invariant($"log '{Log}', segment {Segment}, block {Number}, {(Key is null ? $"offset {Offset}" : Offset == 0 ? $"object {Key}" : $"offset {Offset} of object {Key}")}");
}

/// <summary>A segment of a log before its blocks are read.</summary>
/// <param name="State">As metadata has it (Active, Completed, Sealed, Truncated); null when metadata does not know it.</param>
/// <param name="End">The exclusive end that metadata decided (W4); null while it is open or unknown.</param>
/// <param name="FileBytes">Of the file, zeros written ahead included, or of its objects; null when there is none.</param>
public sealed record SegmentInspection(long Number, string? State, LogPosition? End, long? FileBytes)
{
    /// <summary>The name of its sealed form, as metadata has it; null when it has none.</summary>
    public string? SealedAs { get; init; }

    /// <summary>Sealed, and nothing is left of the blocks that the sealed form was made of.</summary>
    public bool IsSwept { get; init; }

    /// <summary>Since when it is truncated and waits for its collection; null when it is not, or when metadata does not say.</summary>
    public DateTimeOffset? TruncatedAt { get; init; }
}

/// <summary>A log before its blocks are read. What only metadata knows is null without it.</summary>
/// <param name="Confirmed">The highest position that metadata or, without it, a block of the newest segments says was confirmed, exclusive; the truth may be higher.</param>
/// <param name="Problems">Damage outside the blocks: a record of this log that cannot be read (its files are looked at alone), the file that fences.</param>
public sealed record LogInspection(
    string Name, long? Epoch, string? WriterId, bool IsDeleted, LogPosition? TruncatedUntil, LogPosition Confirmed, IReadOnlyList<SegmentInspection> Segments, IReadOnlyList<string> Problems)
{
    /// <summary>Where the store does not fence: the term that holds the log's lock; else null.</summary>
    public long? LockTerm { get; init; }

    /// <summary>Processes that read it without writing it, by their leases: the oldest segment that each needs. A dead one's is there until a collector has seen it run out.</summary>
    public IReadOnlyList<(string Process, long Segment)> Readers { get; init; } = [];

    public long FileBytes => Segments.Sum(s => s.FileBytes ?? 0);
}
