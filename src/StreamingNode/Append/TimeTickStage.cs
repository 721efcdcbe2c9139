using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Time;

namespace MiniMilvus.StreamingNode.Append;

/// <summary>
/// Station 6: timeticks, unique and increasing on the pchannel. One grant serves one group and is not kept beyond it (T8);
/// the coordinator refuses a stale term (T7), so a deposed owner can neither write nor say that nothing is pending.
/// </summary>
internal sealed class TimeTickStage(PChannel channel, Term term, ITimestampOracle oracle, Timestamp last)
{
    /// <summary>The last tick stamped.</summary>
    public Timestamp Last { get; private set; } = last;

    public async ValueTask<TickGrant> BeginGroupAsync(int count, CancellationToken ct)
    {
        var range = await oracle.AllocateTicksAsync(channel, term, count, ct);
        if (range.First <= Last)
        {
            throw MiniMilvusException.Internal($"pchannel {channel}: granted tick {range.First} is not above {Last} (T6)");
        }

        return new TickGrant(this, range);
    }

    /// <summary>The ticks of one group.</summary>
    public sealed class TickGrant(TimeTickStage stage, TimestampRange range)
    {
        private int _used;

        public int Left => range.Count - _used;

        public Timestamp Next() => stage.Last = range[_used++];
    }
}
