using MiniMilvus.Core.Time;

namespace MiniMilvus.Core.Messages;

/// <summary>
/// One entry of a pchannel's log: a header that every consumer understands and a body. Immutable and shared:
/// in one process the tail buffer, the growing segment and the write buffer hold the same instance.
/// </summary>
public sealed record LogMessage
{
    /// <summary>The term of the owner that wrote it.</summary>
    public required Term Term { get; init; }

    /// <summary>Unique and increasing on the pchannel; its order is the log's order (decision 1).</summary>
    public required Timestamp TimeTick { get; init; }

    /// <summary>The shard it belongs to; null = the whole pchannel (a timetick).</summary>
    public VChannel? Channel { get; init; }

    /// <summary>The tick of the Begin that opened its transaction, or zero.</summary>
    public Timestamp Transaction { get; init; }

    public required MessageBody Body { get; init; }

    /// <summary>Where it lies; set when the log has given it a place.</summary>
    public LogPosition Position { get; init; }

    /// <summary>
    /// Set on delivery: reading from here yields this message again with the whole of its transaction (T3).
    /// A checkpoint that must include this message again is at or below it (S4).
    /// </summary>
    public LogPosition ResumePosition { get; init; }

    /// <summary>Set on delivery: when its rows become visible. Its own tick, or its transaction's commit tick (S10).</summary>
    public Timestamp CommitTick { get; init; }

    public MessageType Type => Body.Type;
}
