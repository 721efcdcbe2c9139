using System.Threading.Channels;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Events;
using MiniMilvus.Core.Streaming;
using MiniMilvus.Core.Time;
using MiniMilvus.StreamingNode.Tail;
using MiniMilvus.Woodpecker;

namespace MiniMilvus.StreamingNode.Append;

/// <summary>
/// Station 11: replies leave in log order, over the gapless durable prefix only (W2). What is durable is published to the tail first and acked
/// then, so whoever has an ack can read the row; a tick is published when everything stamped before it is durable (T1).
/// </summary>
internal sealed class AckTracker(
    PChannel channel, Term term, ILogWriter writer, ChannelReader<UnackedItem> unacked, TailBuffer tail, BacklogGauge backlog, IStationSink stations)
{
    private TimeTick _published;

    public async Task RunAsync(CancellationToken ct)
    {
        await foreach (var item in unacked.ReadAllAsync(ct))
        {
            switch (item)
            {
                case UnackedAppend append:
                    await AckAsync(append);
                    break;
                case UnackedTick tick:
                    Publish(tick.Tick);
                    tick.Done.TrySetResult(tick.Tick);
                    break;
            }
        }
    }

    private async ValueTask AckAsync(UnackedAppend append)
    {
        try
        {
            // Places are given in order and become durable in order (W2): the last speaks for all.
            await append.Messages[^1].Durable;
        }
        catch (Exception e)
        {
            append.Done?.TrySetException(MiniMilvusException.Unavailable($"pchannel {channel}: the log failed before the append was durable; its outcome is unknown (W14): {e.Message}", e));
            throw;
        }

        foreach (var (message, _, bytes) in append.Messages)
        {
            tail.Publish(message, bytes);
            backlog.Add(message.Position, bytes);
        }

        var last = append.Messages[^1].Message;
        tail.Wake();
        if (stations.IsEnabled)
        {
            stations.Emit(new StationEvent(Station.AckTracker, channel.Name, last.TimeTick, last.Position, append.Messages.Length));
        }

        append.Done?.TrySetResult(new AppendResult(last.TimeTick, last.Position, append.Sealed));
    }

    private void Publish(Timestamp tick)
    {
        _published = new TimeTick(term, tick, writer.Confirmed);
        tail.Publish(_published);
        tail.Wake();
        if (stations.IsEnabled)
        {
            stations.Emit(new StationEvent(Station.TickPublished, channel.Name, tick, _published.Confirmed, 0));
        }
    }

    /// <summary>Fails what is still waiting, when the owner stops.</summary>
    public static void Drain(ChannelReader<UnackedItem> unacked, Exception reason)
    {
        while (unacked.TryRead(out var item))
        {
            _ = item switch
            {
                UnackedAppend { Done: { } done } => done.TrySetException(reason),
                UnackedTick tick => tick.Done.TrySetException(reason),
                _ => false,
            };
        }
    }
}
