using System.ComponentModel.DataAnnotations;
using MiniMilvus.StreamingNode.Ticks;

namespace MiniMilvus.StreamingNode;

/// <summary>Settings of the streaming node (configuration section <c>StreamingNode</c>).</summary>
public sealed record StreamingNodeOptions
{
    /// <summary>Requests that may wait for the sequencer of one pchannel; more make the caller wait.</summary>
    public int QueueRequestsMax { get; init; } = 1024;

    /// <summary>Messages of requests that one group may take; bounds how long a timestamp grant is in use (T8).</summary>
    public int GroupMessagesMax { get; init; } = 1024;

    /// <summary>Groups stamped and on their way to the disk, per pchannel.</summary>
    public int UnackedRequestsMax { get; init; } = 4096;

    /// <summary>Encoded bytes of recent messages kept for tail readers, per pchannel.</summary>
    public long TailBufferBytes { get; init; } = 64L << 20;

    /// <summary>A growing segment is sealed when a batch would take it over this many bytes.</summary>
    public long SegmentBytesMax { get; init; } = 256L << 20;

    /// <summary>… or over this many rows.</summary>
    public long SegmentRowsMax { get; init; } = 1_000_000;

    /// <summary>Log bytes above the lowest checkpoint at which appends are refused with a retriable error (Q8).</summary>
    public long BacklogBytesMax { get; init; } = 8L << 30;

    /// <summary>The part of it above which appends are slowed, the more the nearer it is.</summary>
    [Range(0.0, 1.0)]
    public double BacklogSlowFrom { get; init; } = 0.75;

    /// <summary>How long an append is slowed at most because of it; zero only refuses.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:00:10", ParseLimitsInInvariantCulture = true, ConvertValueInInvariantCulture = true)]
    public TimeSpan BacklogDelayMax { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>Whether idle ticks enter the log.</summary>
    public TimeTickPersistence TimeTickPersist { get; init; } = TimeTickPersistence.Lazy;

    /// <summary>The interval of stored ticks with <see cref="TimeTickPersistence.All"/> (Milvus: 200 ms).</summary>
    public TimeSpan TimeTickInterval { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>At most one truncation of a log per interval.</summary>
    public TimeSpan TruncationInterval { get; init; } = TimeSpan.FromSeconds(10);
}
