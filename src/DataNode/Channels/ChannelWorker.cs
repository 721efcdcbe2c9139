using MiniMilvus.Core;
using MiniMilvus.Core.Concurrency;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Streaming;
using MiniMilvus.DataNode.Checkpoints;
using MiniMilvus.DataNode.Flush;

namespace MiniMilvus.DataNode.Channels;

/// <summary>
/// One pchannel's loop: the only owner of its shards' state. It reads on while uploads run, stops reading when the node's buffers are full,
/// and wakes for what jobs report and for the clock. Idle, it waits on one read and holds no timer.
/// </summary>
internal sealed class ChannelWorker
{
    private readonly NodeContext _context;
    private readonly ChannelLease _lease;
    private readonly AsyncSignal _wake = new();
    private readonly SealPolicy _seals;
    private readonly ShardSet _shards;
    private readonly JobSet _jobs;
    private ReadProgress _progress;
    private long? _sweepAt;
    private int _rung;
    private long? _pressedAt;

    public ChannelWorker(NodeContext context, ChannelLease lease)
    {
        _context = context;
        _lease = lease;
        _seals = new SealPolicy(context.Options, context.Time);
        _shards = new ShardSet(lease.Channel, context.Catalog, context.Log);
        _jobs = new JobSet(_wake);
    }

    /// <summary>Runs until cancelled, or until the channel is lost: then it returns. Throws the first failure.</summary>
    public async Task RunAsync(CancellationToken ct)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(ct, _lease.Lost);
        try
        {
            await LoopAsync(stop);
        }
        catch (MiniMilvusException e) when (e.Kind == ErrorKind.Fenced)
        {
            _lease.Lose();
            Log.ChannelLost(_context.Log, _lease.Channel, _lease.Term);
        }
        catch (OperationCanceledException) when (_lease.Lost.IsCancellationRequested && !ct.IsCancellationRequested)
        {
            Log.ChannelLost(_context.Log, _lease.Channel, _lease.Term);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            Log.ChannelFailed(_context.Log, _lease.Channel, _lease.Term, e);
            throw;
        }
        finally
        {
            stop.Cancel();
            await _jobs.WhenEndedAsync();
            ReleaseAll();
        }
    }

    private async Task LoopAsync(CancellationTokenSource stop)
    {
        var ct = stop.Token;
        await _context.Retry.RunAsync("reading the catalogue", token => _context.Catalog.RefreshAsync(token), ct);
        var from = _shards.Open();
        _progress = new ReadProgress(new HoldPoint(from, default));
        var tender = new ShardTender(_context, _lease, _shards, _jobs, ct);
        var consumer = new MessageConsumer(_context, _shards, tender);
        Log.ChannelAcquired(_context.Log, _lease.Channel, _lease.Term, from, _shards.All.Count);
        await using var reader = new ChannelReader(_context.LogReader, _lease.Channel, from, _context.Options, _context.Time, _context.Retry, _context.Log);
        using var timer = _context.Time.CreateTimer(_ => Ring(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        using var cancelled = ct.Register(_wake.Pulse);
        _context.Budget.Join(_wake);
        Task<LogEvent>? pending = null;
        try
        {
            while (true)
            {
                var woken = _wake.Next; // Before looking, so that no wake-up is lost.
                ct.ThrowIfCancellationRequested();
                var now = _context.Time.GetTimestamp();
                while (_jobs.TryTake(out var outcome))
                {
                    tender.Complete(outcome, _progress.Point, now);
                    SweepWithin(_context.Options.CheckpointInterval, now, timer);
                }

                if (Interlocked.Exchange(ref _rung, 0) != 0)
                {
                    Sweep(consumer, tender, now, timer);
                }

                if (_context.Budget.IsFull && !MakeRoom(consumer, tender, now))
                {
                    await woken;
                    continue;
                }

                if (pending is null)
                {
                    var next = reader.NextAsync(ct);
                    if (next.IsCompletedSuccessfully)
                    {
                        Take(next.Result, consumer, tender, now, timer);
                        continue;
                    }

                    pending = next.AsTask();
                }

                if (!pending.IsCompleted)
                {
                    await Task.WhenAny(pending, woken);
                }
                else
                {
                    var next = await pending;
                    pending = null;
                    Take(next, consumer, tender, now, timer);
                }
            }
        }
        finally
        {
            _context.Budget.Leave(_wake);
            stop.Cancel();
            await EndAsync(pending);
        }
    }

    private void Take(in LogEvent next, MessageConsumer consumer, ShardTender tender, long now, ITimer timer)
    {
        _progress.Advance(next);
        if (next.Message is { } message)
        {
            consumer.Consume(message, _progress.Point, now);
            SweepWithin(_context.Options.CheckpointInterval, now, timer);
            if (_context.Budget.Used >= _context.Options.SealPressureBytes)
            {
                AskForLargest(tender, now);
            }
        }
    }

    /// <summary>What the clock brings: checkpoints that were held up by the rate limit, deletes and segments that grew old.</summary>
    private void Sweep(MessageConsumer consumer, ShardTender tender, long now, ITimer timer)
    {
        _sweepAt = null;
        TimeSpan? next = null;
        foreach (var shard in _shards.All.ToArray())
        {
            tender.Tend(shard, _progress.Point, now);
            if (!shard.CheckpointInFlight && shard.IsBehind(shard.Candidate(_progress.Point)))
            {
                var interval = shard.IsActive ? _context.Options.CheckpointInterval : _context.Options.IdleCheckpointInterval;
                var left = interval - _context.Time.GetElapsedTime(shard.CheckpointAt, now);
                next = Sooner(next, left > TimeSpan.Zero ? left : interval);
            }

            if (shard.Deletes.Count > 0)
            {
                next = Sooner(next, _context.Options.DeleteAgeMax - _context.Time.GetElapsedTime(shard.Deletes.OldestAt, now));
            }

            foreach (var buffer in shard.Segments.Values.Where(b => !b.IsSealed && !b.IsDiscarded))
            {
                if (_seals.Reason(buffer, consumer.LogBytes, now) is { } reason)
                {
                    tender.AskForSeal(shard, reason, now);
                }

                next = Sooner(next, _seals.Until(buffer, now));
            }
        }

        if (next is { } within)
        {
            SweepWithin(within, now, timer);
        }
    }

    /// <summary>The buffers are full: what is on its way out makes room; when nothing is, the largest growing buffer is let go. True = read on.</summary>
    private bool MakeRoom(MessageConsumer consumer, ShardTender tender, long now)
    {
        foreach (var shard in _shards.All.Where(s => s.Deletes.Count > 0))
        {
            shard.DeletesDue = true;
            tender.StartDeletes(shard);
        }

        while (_context.Budget.IsFull && tender.UploadsInFlight == 0 && Largest() is var (shard, buffer))
        {
            tender.AskForSeal(shard, "memory", now);
            var freed = buffer.Evict();
            Log.BufferEvicted(_context.Log, buffer.Segment, shard.Channel, freed);
            _context.Metrics.Evicted();
            _context.Budget.Refund(freed);
        }

        return !_context.Budget.IsFull;
    }

    private void AskForLargest(ShardTender tender, long now)
    {
        // Looking through the buffers costs something, so not for every message.
        if (_pressedAt is { } at && _context.Time.GetElapsedTime(at, now) < _context.Options.CheckpointInterval)
        {
            return;
        }

        _pressedAt = now;
        if (Largest() is var (shard, _))
        {
            tender.AskForSeal(shard, "memory", now);
        }
    }

    private (Shard Shard, WriteBuffer Buffer)? Largest()
    {
        (Shard Shard, WriteBuffer Buffer)? largest = null;
        foreach (var shard in _shards.All)
        {
            foreach (var buffer in shard.Segments.Values)
            {
                if (!buffer.IsSealed && buffer.Bytes > (largest?.Buffer.Bytes ?? 0))
                {
                    largest = (shard, buffer);
                }
            }
        }

        return largest;
    }

    private void SweepWithin(TimeSpan delay, long now, ITimer timer)
    {
        var wait = delay > TimeSpan.FromMilliseconds(1) ? delay : TimeSpan.FromMilliseconds(1);
        var at = now + (long)(wait.TotalSeconds * _context.Time.TimestampFrequency);
        if (_sweepAt is null || at < _sweepAt)
        {
            _sweepAt = at;
            timer.Change(wait, Timeout.InfiniteTimeSpan);
        }
    }

    private void ReleaseAll()
    {
        foreach (var shard in _shards.All)
        {
            _context.Budget.Refund(shard.Deletes.Discard() + (shard.Deletes.InFlight?.Bytes ?? 0));
            foreach (var buffer in shard.Segments.Values)
            {
                _context.Metrics.Buffered(buffer.IsDiscarded ? 0 : -buffer.Rows);
                _context.Budget.Refund(buffer.Clear());
            }
        }
    }

    private static async Task EndAsync(Task<LogEvent>? pending)
    {
        if (pending is null)
        {
            return;
        }

        try
        {
            await pending;
        }
        catch (Exception e) when (e is OperationCanceledException or MiniMilvusException)
        {
            // The loop is ending already, for its own reason.
        }
    }

    private void Ring()
    {
        Interlocked.Exchange(ref _rung, 1);
        _wake.Pulse();
    }

    private static TimeSpan? Sooner(TimeSpan? a, TimeSpan b) => a is { } value && value < b ? value : b;
}
