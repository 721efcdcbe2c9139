using System.Buffers;
using System.Collections.Immutable;
using System.Threading.Channels;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Events;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Streaming;
using MiniMilvus.Core.Time;
using MiniMilvus.Woodpecker;

namespace MiniMilvus.StreamingNode.Append;

/// <summary>
/// The one loop that decides the order of a pchannel (decision 1): stamps, assigns the segment and submits to the log, so that ids, ticks and
/// acks rise together and no consumer sorts again. What arrives while a group is being stamped forms the next group.
/// </summary>
internal sealed class Sequencer(
    PChannel channel,
    Term term,
    ILogWriter writer,
    TimeTickStage ticks,
    SegmentStage segments,
    ChannelReader<SequencerRequest> requests,
    ChannelWriter<UnackedItem> unacked,
    StreamingNodeOptions options,
    BacklogGate backlog,
    IStationSink stations)
{
    private readonly List<SequencerRequest> _group = [];

    public async Task RunAsync(CancellationToken ct)
    {
        while (await requests.WaitToReadAsync(ct))
        {
            _group.Clear();
            var atMost = 0;
            while (atMost < options.GroupMessagesMax && requests.TryRead(out var request))
            {
                _group.Add(request);
                atMost += request is AppendRequest append ? segments.MessagesAtMost(append.Channel, append.Bodies) : 1;
            }

            // SchemaChange and friends may grow a shard between counting and placing, never by more than the slack below.
            TimeTickStage.TickGrant grant;
            try
            {
                grant = await ticks.BeginGroupAsync(atMost + (4 * _group.Count), ct);
            }
            catch (MiniMilvusException e) when (e.Kind == ErrorKind.Unavailable)
            {
                Refuse(0, e);
                continue;
            }
            catch (Exception e)
            {
                Refuse(0, NothingWritten(e));
                throw;
            }

            await SubmitGroupAsync(grant, ct);
        }
    }

    private async ValueTask SubmitGroupAsync(TimeTickStage.TickGrant grant, CancellationToken ct)
    {
        var at = 0;
        try
        {
            for (; at < _group.Count; at++)
            {
                switch (_group[at])
                {
                    case AppendRequest append:
                        await AppendAsync(append, grant, ct);
                        break;
                    case SignalRequest signal:
                        await SignalAsync(signal, grant, ct);
                        break;
                    case StoredTickRequest when HasRoom():
                        var stored = await EnqueueAsync(null, new TimeTickBody(), grant.Next(), Timestamp.Zero, ct);
                        await unacked.WriteAsync(new UnackedAppend([stored], [], null), ct);
                        break;
                }
            }
        }
        catch (Exception e)
        {
            // The one that failed has been answered; those behind it have not been looked at.
            Refuse(at + 1, NothingWritten(e));
            throw;
        }
    }

    /// <summary>A stored tick that finds no room is left out: the next one tells as much.</summary>
    private bool HasRoom()
    {
        try
        {
            writer.RequireRoom();
            return true;
        }
        catch (MiniMilvusException e) when (e.Kind == ErrorKind.Unavailable)
        {
            return false;
        }
    }

    private MiniMilvusException NothingWritten(Exception reason) =>
        MiniMilvusException.Fenced($"pchannel {channel}: the owner of term {term} stops; nothing was written", reason);

    private void Refuse(int from, MiniMilvusException reason)
    {
        foreach (var request in _group.Skip(from))
        {
            _ = request switch
            {
                AppendRequest append => append.Done.TrySetException(reason),
                SignalRequest signal => signal.Done.TrySetException(reason),
                _ => false,
            };
        }
    }

    private async ValueTask SignalAsync(SignalRequest signal, TimeTickStage.TickGrant grant, CancellationToken ct)
    {
        var tick = grant.Next();
        if (tick < signal.AtLeast)
        {
            signal.Done.TrySetException(MiniMilvusException.Invalid($"a tick at or above {signal.AtLeast} was asked for, but now is {tick}"));
            return;
        }

        try
        {
            await unacked.WriteAsync(new UnackedTick(tick, signal.Done), ct);
        }
        catch (OperationCanceledException e)
        {
            signal.Done.TrySetException(NothingWritten(e));
            throw;
        }
    }

    private async ValueTask AppendAsync(AppendRequest request, TimeTickStage.TickGrant grant, CancellationToken ct)
    {
        var saved = segments.Save(request.Channel);
        var enqueued = ImmutableArray.CreateBuilder<(LogMessage, Task, int)>();
        try
        {
            // Once for all of its messages: a transaction goes whole or not at all.
            backlog.RequireRoom();
            writer.RequireRoom();

            segments.Check(request.Channel, request.Bodies);
            var (bodies, sealedIds) = await segments.PlaceAsync(request.Channel, request.Bodies, ct);
            if (request.Bodies.Length > 1)
            {
                bodies = [new BeginTransactionBody(bodies.Length), .. bodies, new CommitTransactionBody()];
            }

            var transaction = Timestamp.Zero;
            foreach (var body in bodies)
            {
                var tick = grant.Next();
                if (body is BeginTransactionBody)
                {
                    transaction = tick;
                }

                enqueued.Add(await EnqueueAsync(request.Channel, body, tick, transaction, ct));
            }

            await unacked.WriteAsync(new UnackedAppend(enqueued.ToImmutable(), sealedIds, request.Done), ct);
        }
        catch (MiniMilvusException e) when (enqueued.Count == 0 && e.Kind is ErrorKind.Invalid or ErrorKind.NotFound or ErrorKind.Conflict or ErrorKind.Unavailable)
        {
            // Refused before anything entered the log: the channel goes on.
            segments.Restore(request.Channel, saved);
            request.Done.TrySetException(e);
        }
        catch (Exception e)
        {
            request.Done.TrySetException(e is MiniMilvusException ? e : MiniMilvusException.Unavailable($"pchannel {channel}: append interrupted, its outcome is unknown", e));
            throw;
        }
    }

    private async ValueTask<(LogMessage, Task, int)> EnqueueAsync(VChannel? vchannel, MessageBody body, Timestamp tick, Timestamp transaction, CancellationToken ct)
    {
        var message = new LogMessage { Term = term, TimeTick = tick, Channel = vchannel, Transaction = transaction, Body = body };
        var bytes = new ArrayBufferWriter<byte>(MessageCodec.EncodedBytes(message));
        MessageCodec.Encode(message, bytes);
        var pending = await writer.EnqueueOwedAsync(bytes.WrittenMemory, ct);
        if (stations.IsEnabled)
        {
            stations.Emit(new StationEvent(Station.TimeTickStage, channel.Name, tick, pending.Position, 1));
        }

        return (message with { Position = pending.Position }, pending.Durable, bytes.WrittenCount);
    }
}
