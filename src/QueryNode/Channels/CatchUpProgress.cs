using MiniMilvus.Core.Time;

namespace MiniMilvus.QueryNode.Channels;

/// <summary>How far a shard has come in reading the log up to now, by the ticks of what it has read: the end of a log is known only once it is reached.</summary>
internal sealed class CatchUpProgress(Timestamp from, TimeProvider time)
{
    private ulong _reached = from.Value;

    /// <summary>0 … 99.</summary>
    public int Percent
    {
        get
        {
            var all = Math.Max(1, time.GetUtcNow().ToUnixTimeMilliseconds() - from.UnixMilliseconds);
            return (int)Math.Clamp(100 * (new Timestamp(Volatile.Read(ref _reached)).UnixMilliseconds - from.UnixMilliseconds) / all, 0, 99);
        }
    }

    public void Reached(Timestamp tick) => Volatile.Write(ref _reached, tick.Value);
}
