using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Configuration;

namespace MiniMilvus.Woodpecker;

/// <summary>The numbers of the log. Defaults are those of a local disk; sizes in bytes.</summary>
public sealed partial record WoodpeckerOptions
{
    /// <summary>A larger entry is Invalid.</summary>
    [Range(1, 1 << 30)]
    public int EntryBytesMax { get; init; } = 64 * 1024 * 1024;

    /// <summary>A block ends when the next entry would make it longer (a longer entry has a block of its own).</summary>
    [Range(1, 1 << 30)]
    public int BlockBytesMax { get; init; } = 2 * 1024 * 1024;

    /// <summary>
    /// The same in a file, where a block costs no request: small enough that a reader's memory for it is reused at once, where that of large
    /// ones comes fresh from the system, page by page (twice the speed of catching up).
    /// </summary>
    [Range(1, 1 << 30)]
    public int FileBlockBytesMax { get; init; } = 64 * 1024;

    /// <summary>What one flush covers at most: enough for a disk to be busy, little enough that the next group is written meanwhile.</summary>
    [Range(1, 1 << 30)]
    public int GroupBytesMax { get; init; } = 4 * 1024 * 1024;

    /// <summary>On a disk: a group of this size is encoded and written while an earlier one is being flushed.</summary>
    [Range(1, 1 << 30)]
    public int EarlyGroupBytesMin { get; init; } = 1024 * 1024;

    /// <summary>A writer whose disk or store has not answered for so long gives up its role: every append that waits fails, and another term may try (W13).</summary>
    [TimeRange("00:00:01", "01:00:00")]
    public TimeSpan StepTimeMax { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>What may wait for its flush; more makes the appender wait.</summary>
    [Range(1.0, 1L << 40)]
    public long QueueBytesMax { get; init; } = 256 * 1024 * 1024;

    [Range(1, 100_000_000)]
    public int QueueEntriesMax { get; init; } = 100_000;

    /// <summary>What all writers of a process may hold that is not durable yet; more is refused (Unavailable, RateLimited) until less is held.</summary>
    [Range(1024L * 1024, 1L << 40)]
    public long UnackedBytesMax { get; init; } = 512 * 1024 * 1024;

    /// <summary>The part of it where slowing begins: more than one log's full queue, which is no sign of trouble.</summary>
    [Range(0.0, 1.0)]
    public double UnackedSlowFrom { get; init; } = 0.75;

    /// <summary>How long an append is slowed at most, while memory or disk runs short; zero only refuses.</summary>
    [TimeRange("00:00:00", "00:00:10")]
    public TimeSpan AppendDelayMax { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>A log segment ends when it has reached one of these three.</summary>
    [Range(1.0, 1L << 40)]
    public long SegmentBytesMax { get; init; } = 256 * 1024 * 1024;

    [Range(1, 100_000_000)]
    public int SegmentBlocksMax { get; init; } = 100_000;

    [TimeRange("00:00:00.001", "365.00:00:00")]
    public TimeSpan SegmentAgeMax { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Zeros written ahead of the data, so that a flush writes no file metadata: at least this much, else as much as there is data, up to the maximum.</summary>
    [Range(0.0, 1L << 30)]
    public long PreallocateBytesFirst { get; init; } = 64 * 1024;

    [Range(0.0, 1L << 30)]
    public long PreallocateBytesMax { get; init; } = 16 * 1024 * 1024;

    /// <summary>How much of a log a reader that reads on takes from a file at once; up to three times as much is on its way behind it.</summary>
    [Range(512, 1 << 30)]
    public int ReadBytes { get; init; } = 1024 * 1024;

    /// <summary>On object storage: requests of one reader that are on their way, or answered before their turn, at once; 0 gets one object after the other.</summary>
    [Range(0, 1024)]
    public int ReadsAheadMax { get; init; } = 16;

    /// <summary>What all readers of a process may hold of files or objects before their turn; beyond it each reads one block after the other.</summary>
    [Range(0.0, 1L << 40)]
    public long ReadAheadBytesMax { get; init; } = 128 * 1024 * 1024;

    /// <summary>Recent entries kept in memory for each log that has a reader beside its writer.</summary>
    [Range(0, 1 << 30)]
    public int TailBytesMax { get; init; } = 8 * 1024 * 1024;

    /// <summary>How soon a reader looks again when the writer is in another process; then after twice as long, and so on.</summary>
    [TimeRange("00:00:00.001", "00:01:00")]
    public TimeSpan ForeignPollInterval { get; init; } = TimeSpan.FromMilliseconds(50);

    /// <summary>How rarely it looks at last, when nothing comes: each look is a request where the log lies in objects. What it finds sets it back to the first.</summary>
    [TimeRange("00:00:00.001", "00:01:00")]
    public TimeSpan ForeignPollIntervalMax { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>After so many of the first intervals without anything new, metadata is asked.</summary>
    [Range(1, 100_000)]
    public int ForeignPollsPerMetadataLook { get; init; } = 20;

    /// <summary>Appends are refused (Unavailable, DiskFull) while less than this is free.</summary>
    [Range(0.0, 1L << 49)]
    public long DiskFreeBytesMin { get; init; } = 1024L * 1024 * 1024;

    /// <summary>Appends are refused (Unavailable, DiskFull) while more than this part of the disk is used.</summary>
    [Range(0.01, 1.0)]
    public double DiskUsedFractionMax { get; init; } = 0.98;

    /// <summary>Whether appends are refused with so many bytes free of so many.</summary>
    public bool RefusesWith(long freeBytes, long totalBytes) =>
        freeBytes < DiskFreeBytesMin || (totalBytes > 0 && 1 - ((double)freeBytes / totalBytes) > DiskUsedFractionMax);

    /// <summary>Appends are slowed, the more the less there is, while fewer bytes than this are left until they are refused.</summary>
    [Range(0.0, 1L << 49)]
    public long DiskSlowBytes { get; init; } = 1024L * 1024 * 1024;

    /// <summary>0 with enough room, 1 where appends are refused.</summary>
    public double DiskPressure(long freeBytes, long totalBytes)
    {
        var left = freeBytes - (double)DiskFreeBytesMin;
        left = totalBytes > 0 ? Math.Min(left, freeBytes - ((1 - DiskUsedFractionMax) * totalBytes)) : left;
        return left <= 0 ? 1 : left >= DiskSlowBytes ? 0 : 1 - (left / DiskSlowBytes);
    }

    [TimeRange("00:00:00", "01:00:00")]
    public TimeSpan DiskSpaceLookInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// On object storage: a group of entries that does not fill a block is put at most so often, for puts cost money; zero puts it at once.
    /// The first append after a rest never waits (Milvus's key).
    /// </summary>
    [ConfigurationKeyName("Logstore:SegmentSyncPolicy:MaxInterval")]
    [TimeRange("00:00:00", "00:01:00")]
    public TimeSpan SyncIntervalMax { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>
    /// How long a segment is kept after its truncation (W12); Milvus's key. Long enough for a reader that lost its lease to be heard of, short
    /// enough for a laptop's disk (docs/decisions/0010-retention-and-leased-readers.md).
    /// </summary>
    [ConfigurationKeyName("Logstore:RetentionPolicy:TTL")]
    [TimeRange("00:00:00", "365.00:00:00")]
    public TimeSpan RetentionTime { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>
    /// How long a process that reads a log whose writer is elsewhere may be silent before its readings are given up (W12); it tells three times as
    /// often what it needs. Every process of a deployment has the same.
    /// </summary>
    [TimeRange("00:00:01", "01:00:00")]
    public TimeSpan ReaderLeaseTime { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The collector rests so long between two segments.</summary>
    [TimeRange("00:00:00", "00:01:00")]
    public TimeSpan CollectionPause { get; init; } = TimeSpan.FromMilliseconds(20);

    /// <summary>When it looks again at segments that a reader holds, or after a failure.</summary>
    [TimeRange("00:00:00.010", "01:00:00")]
    public TimeSpan CollectionRetryInterval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>A visit of the collector to one log ends after so long, done or not (W13).</summary>
    [TimeRange("00:00:01", "01:00:00")]
    public TimeSpan CollectionTimeMax { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Groups of blocks on their way at once on object storage.</summary>
    [Range(1, 1024)]
    public int ObjectGroupsInFlightMax { get; init; } = 4;

    [Range(1, 1000)]
    public int ObjectAttemptsMax { get; init; } = 5;

    [TimeRange("00:00:00", "00:01:00")]
    public TimeSpan ObjectRetryDelay { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>How often, and how far apart, a metadata write is tried before the writer gives up (W13).</summary>
    [Range(1, 10_000)]
    public int MetadataAttemptsMax { get; init; } = 20;

    [TimeRange("00:00:00", "00:01:00")]
    public TimeSpan MetadataRetryDelay { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>On object storage: whether the small blocks of finished segments are merged into large objects (docs/decisions/0009-compaction-of-log-segments.md).</summary>
    [ConfigurationKeyName("Logstore:SegmentCompactionPolicy:Enabled")]
    public bool CompactsSegments { get; init; } = true;

    /// <summary>The size of a merged object; one that holds a single larger block is larger. Milvus's key.</summary>
    [ConfigurationKeyName("Logstore:SegmentCompactionPolicy:MaxBytes")]
    [Range(4096, 1024 * 1024 * 1024)]
    public int CompactionPartBytesMax { get; init; } = 8 * 1024 * 1024;

    /// <summary>Merged objects on their way to the store at once, and deletes of small ones. Milvus's key.</summary>
    [ConfigurationKeyName("Logstore:SegmentCompactionPolicy:MaxParallelUploads")]
    [Range(1, 64)]
    public int CompactionUploadsMax { get; init; } = 4;

    /// <summary>Small blocks on their way from the store at once. Milvus's key.</summary>
    [ConfigurationKeyName("Logstore:SegmentCompactionPolicy:MaxParallelReads")]
    [Range(1, 256)]
    public int CompactionReadsMax { get; init; } = 8;

    /// <summary>How long small blocks are kept after their segment was sealed: for readers elsewhere that have just begun with them.</summary>
    [ConfigurationKeyName("Logstore:SegmentCompactionPolicy:Grace")]
    [TimeRange("00:00:00", "365.00:00:00")]
    public TimeSpan CompactionGrace { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>What compaction reads and writes again in a second at most; 0 sets no limit.</summary>
    [ConfigurationKeyName("Logstore:SegmentCompactionPolicy:BytesPerSecondMax")]
    [Range(0.0, 1L << 40)]
    public long CompactionBytesPerSecondMax { get; init; } = 64 * 1024 * 1024;

    /// <summary>After a failure that may pass, the first time; then twice as long, up to a minute.</summary>
    [ConfigurationKeyName("Logstore:SegmentCompactionPolicy:RetryDelay")]
    [TimeRange("00:00:00.001", "00:01:00")]
    public TimeSpan CompactionRetryDelay { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How much of a sealed segment a reader takes with one request.</summary>
    [Range(4096, 1 << 30)]
    public int SealedReadBytes { get; init; } = 4 * 1024 * 1024;
}
