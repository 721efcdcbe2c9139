using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Time;

namespace MiniMilvus.Core.Streaming;

/// <summary>A published timetick: nothing at or below <see cref="Tick"/> is still to come after <see cref="Confirmed"/> (T1, T7).</summary>
public readonly record struct TimeTick(Term Term, Timestamp Tick, LogPosition Confirmed);

/// <summary>What a reader sees: a message, or a tick that was not stored. Exactly one of the two is set.</summary>
public readonly record struct LogEvent(LogMessage? Message, TimeTick Tick)
{
    public static LogEvent Of(LogMessage message) => new(message, default);
    public static LogEvent Of(TimeTick tick) => new(null, tick);
}

/// <summary>
/// Reads a pchannel: every message, in order, once (T4), whether catching up from the stored log or tailing the owner.
/// Transactions arrive whole, after their commit, each message with its <see cref="LogMessage.CommitTick"/>; Begin, Commit and Rollback
/// themselves are not delivered, nor is anything rolled back. A delivered message with commit tick t implies the tick t.
/// Messages and their columns are immutable and may be kept.
/// </summary>
public interface ILogReader
{
    /// <summary>
    /// Everything at or above <paramref name="from"/>, for ever, until cancelled. Survives restarts and moves of the owner.
    /// Throws NotFound when <paramref name="from"/> is truncated, Corrupted when the log does not verify.
    /// </summary>
    IAsyncEnumerable<LogEvent> ReadAsync(PChannel channel, LogPosition from, CancellationToken ct);
}
