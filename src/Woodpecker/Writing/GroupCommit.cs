using MiniMilvus.Core;
using MiniMilvus.Core.Events;
using MiniMilvus.Core.Time;
using MiniMilvus.Woodpecker.Backends;
using MiniMilvus.Woodpecker.Blocks;
using MiniMilvus.Woodpecker.Metadata;
using MiniMilvus.Woodpecker.Reading;

namespace MiniMilvus.Woodpecker.Writing;

/// <summary>
/// Station 9, the one loop of a writer: takes what is queued as a group, makes it durable, acks it. It starts at once when idle (where
/// requests cost money: as the pace allows); what arrives meanwhile is the next group, so the busier the log the larger the groups. Up to
/// a backend's number of groups are on their way (on a disk: one is being flushed while a large one behind it is encoded and written);
/// acks go out in order and stop at the first failure (W2). It also ends one log segment and begins the next (W15).
/// </summary>
internal sealed class GroupCommit(
    string log, Term term, ILogBackend backend, LogMetadata metadata, Durable durable, StepLimit limit, EntryQueue queue, LogTail tail, IStationSink stations,
    ISegmentWriter firstSegment, long firstNumber)
{
    private readonly Queue<(EntryGroup Group, List<EncodedBlock> Blocks, List<DecodedBlock>? ForReaders, Task Durable)> _inFlight = new();
    private EntryGroup? _starting;
    private ISegmentWriter _segment = firstSegment;
    private long _number = firstNumber;

    /// <summary>Runs until the queue has ended, and then ends the segment. Throws the first failure, after every group on its way has come to rest.</summary>
    public async Task RunAsync(CancellationToken ct)
    {
        try
        {
            while (true)
            {
                var changed = queue.Changed;
                await StartGroupsAsync(ct);
                if (!_inFlight.TryPeek(out var head))
                {
                    if (queue.IsEnded)
                    {
                        break;
                    }

                    await changed;
                    continue;
                }

                await (_inFlight.Count < backend.GroupsInFlightMax ? Task.WhenAny(head.Durable, changed) : head.Durable);
                var woken = 0;
                while (_inFlight.TryPeek(out head) && head.Durable.IsCompleted)
                {
                    await head.Durable;
                    _inFlight.Dequeue();
                    woken = Math.Max(woken, head.Group.Entries.Count);
                    Ack(head.Group, head.Blocks, head.ForReaders);
                }

                if (woken > 1)
                {
                    // Several callers have just heard of their acks: what they append next shares one flush, instead of the first going alone.
                    await Task.Yield();
                }
            }

            queue.ThrowIfFailed();
            await EndSegmentAsync(ct);
        }
        catch (Exception failure)
        {
            var known = WriterFailure.From(log, term, failure);
            await FailInFlightAsync(known);
            throw known;
        }
        finally
        {
            queue.Dispose();
            await limit.CloseAsync(_segment, tail.Confirmed);
        }
    }

    private async ValueTask StartGroupsAsync(CancellationToken ct)
    {
        while (_inFlight.Count < backend.GroupsInFlightMax && queue.TryTake(_number, isIdle: _inFlight.Count == 0) is { } group)
        {
            _starting = group;
            if (group.First.Segment != _number)
            {
                await EndSegmentAsync(ct);
                await BeginSegmentAsync(group.First.Segment, ct);
            }

            if (stations.IsEnabled)
            {
                stations.Emit(new StationEvent(Station.GroupCommit, log, Timestamp.Zero, group.First, group.Entries.Count));
            }

            var blocks = Encode(group);
            var becomesDurable = limit.WithinAsync(durable.MakeDurableAsync(_segment, blocks, group, ct), "entries to be durable below", group.End);
            _starting = null;
            _inFlight.Enqueue((group, blocks, tail.Prepare(blocks), becomesDurable));
        }
    }

    private List<EncodedBlock> Encode(EntryGroup group)
    {
        var confirmed = tail.Confirmed;
        var blocks = new List<EncodedBlock>(group.BlockStarts.Count);
        for (var i = 0; i < group.BlockStarts.Count; i++)
        {
            var from = group.BlockStarts[i];
            var until = i + 1 < group.BlockStarts.Count ? group.BlockStarts[i + 1] : group.Entries.Count;
            var first = new LogPosition(group.First.Segment, group.First.Entry + from);
            blocks.Add(EncodedBlock.Encode(group.Entries, from, until - from, first, term.Value, confirmed));
        }

        return blocks;
    }

    private void Ack(EntryGroup group, List<EncodedBlock> blocks, List<DecodedBlock>? forReaders)
    {
        tail.Confirm(group.End, forReaders);
        group.Complete();
        blocks.ForEach(static b => b.Recycle());
        queue.Release(group);
    }

    /// <summary>Everything in it is acked; its end is decided before the next segment's first ack (W4, W15).</summary>
    private async ValueTask EndSegmentAsync(CancellationToken ct)
    {
        await durable.RequireNewestAsync(ct);
        var end = tail.Confirmed;
        var entries = end.Segment == _number ? end.Entry : 0;
        await limit.WithinAsync(_segment.FinishAsync(EncodedBlock.Footer(_number, entries, term.Value, end), ct).AsTask(), "a segment to end at", end);
        await metadata.CompleteSegmentAsync(log, term, _number, entries, ct);
    }

    private async ValueTask BeginSegmentAsync(long number, CancellationToken ct)
    {
        await metadata.CreateSegmentAsync(log, term, number, durable.Guard.LockRevision, ct);
        await limit.CloseAsync(_segment, tail.Confirmed);
        var created = backend.CreateSegmentAsync(log, number, term, durable.Guard, ct).AsTask();
        await limit.WithinAsync(created, "a segment to begin at", new LogPosition(number, 0));
        _segment = await created;
        _number = number;
    }

    private async ValueTask FailInFlightAsync(Exception failure)
    {
        _starting?.Fail(failure);
        foreach (var (group, _, _, durable) in _inFlight)
        {
            // The first failure is the answer to all (W2); the others only have to have ended, or run out of time, before the files are closed.
            if (!limit.HasPassed)
            {
                await Task.WhenAny(durable);
            }

            _ = durable.Exception;
            group.Fail(failure);
        }
    }
}
