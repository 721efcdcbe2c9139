using Microsoft.Extensions.Logging;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Concurrency;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Schema;
using MiniMilvus.Core.Streaming;
using MiniMilvus.Core.Time;
using MiniMilvus.QueryNode.Sealed;
using MiniMilvus.Storage.Catalog;

namespace MiniMilvus.QueryNode.Channels;

/// <summary>How far a shard has come.</summary>
internal enum ShardPhase
{
    Loading,
    CatchingUp,
    Ready,
}

/// <summary>
/// Keeps one vchannel loaded: loads the target, reads the log from the checkpoint, and follows the catalogue beside it. When any of that
/// fails it starts over from a fresh target, after a growing pause; reads fail with a retriable error meanwhile, never with half an answer.
/// </summary>
internal sealed class ShardRunner(
    VChannel channel, CollectionId collection, ILogReader log, CatalogView catalog, ShardParts parts, ReaderPositions positions, TimeProvider time, ILogger logger)
{
    private volatile Shard? _shard;
    private volatile Exception? _failure;
    private CatchUpProgress? _catchUp;
    private readonly AsyncSignal _phaseChanged = new();
    private int _phase;
    private int _segmentsTotal;
    private int _segmentsLoaded;

    public VChannel Channel => channel;

    public ShardPhase Phase => (ShardPhase)Volatile.Read(ref _phase);

    /// <summary>Pulses when the phase changes.</summary>
    public Task PhaseChanged => _phaseChanged.Next;

    /// <summary>The state to read from; null until the target is loaded.</summary>
    public Shard? Shard => _shard;

    /// <summary>Why it last started over; null when it has not, or has caught up since.</summary>
    public Exception? Failure => _failure;

    public int Progress => Phase switch
    {
        ShardPhase.Ready => 100,
        ShardPhase.CatchingUp => 50 + (Volatile.Read(ref _catchUp)?.Percent / 2 ?? 0),
        _ => _segmentsTotal == 0 ? 0 : 50 * Volatile.Read(ref _segmentsLoaded) / _segmentsTotal,
    };

    public async Task RunAsync(CancellationToken ct)
    {
        var delay = parts.Options.RetryDelay;
        while (true)
        {
            var shard = new Shard(channel, Schema, MetricOf, parts);
            Exception failure;
            try
            {
                await RunOnceAsync(shard, ct);
                failure = MiniMilvusException.Unavailable($"{channel}: the log ended");
            }
            catch (OperationCanceledException) when (ct.IsCancellationRequested)
            {
                Reset(shard, MiniMilvusException.Unavailable(ErrorReason.CollectionNotLoaded, $"{channel}: released"));
                positions.Remove(channel);
                Log.ShardStopped(logger, channel);
                return;
            }
            catch (Exception e)
            {
                failure = e;
            }

            delay = Phase == ShardPhase.Ready ? parts.Options.RetryDelay : delay;
            Reset(shard, failure is MiniMilvusException { Kind: ErrorKind.Corrupted }
                ? failure
                : MiniMilvusException.Unavailable(ErrorReason.CollectionNotFullyLoaded, $"{channel}: starting over: {failure.Message}", failure));
            _failure = failure;
            Log.ShardFailed(logger, failure, channel, delay);
            try
            {
                await Task.Delay(delay, time, ct);
            }
            catch (OperationCanceledException)
            {
                positions.Remove(channel);
                return;
            }

            delay = delay * 2 < parts.Options.RetryDelayMax ? delay * 2 : parts.Options.RetryDelayMax;
        }
    }

    private async Task RunOnceAsync(Shard shard, CancellationToken ct)
    {
        var view = catalog.Current;
        var from = view.CheckpointOf(channel)?.Position ?? LogPosition.Beginning;
        // Before anything is read, so that the log is not truncated under us (S3).
        await positions.SetAsync(channel, from, ct);
        // And now the newest: of what was forgotten before it could know of this reader, nothing may be read again (S8).
        view = await catalog.RefreshAsync(ct);
        from = view.CheckpointOf(channel)?.Position ?? from;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var handoff = new SegmentHandoff(channel, collection, shard, parts, time, logger);
        var damaged = await handoff.LoadTargetAsync(view, total => _segmentsTotal = total, () => Interlocked.Increment(ref _segmentsLoaded), stop.Token);
        if (damaged.Count > 0)
        {
            if (damaged.Any(d => catalog.Current.SegmentsOf(collection).GetValueOrDefault(d.Record.Id) is not { State: SegmentState.Flushed } known || known.ManifestPath != d.Record.ManifestPath))
            {
                throw MiniMilvusException.Unavailable($"{channel}: segments of the target went while it was loaded: {damaged[0].Problem.Message}", damaged[0].Problem);
            }

            from = LogPosition.Min(from, damaged.Select(d => d.Record.Start).Aggregate(LogPosition.Min));
            await positions.SetAsync(channel, from, ct);
        }

        Volatile.Write(ref _catchUp, new CatchUpProgress(damaged.Count > 0 ? damaged.Min(d => d.Record.MinTick) : view.CheckpointOf(channel)?.Tick ?? Record.CreatedAt, time));
        Volatile.Write(ref _phase, (int)ShardPhase.CatchingUp);
        _shard = shard;
        Log.TargetLoaded(logger, channel, shard.Snapshot.Sealed.Length, from);
        var tail = TailAsync(shard, from, damaged, stop.Token);
        var follow = handoff.FollowAsync(catalog, view, position => positions.Checkpointed(channel, position), stop.Token);
        var first = await Task.WhenAny(tail, follow);
        stop.Cancel();
        try
        {
            await Task.WhenAll(tail, follow);
        }
        catch (OperationCanceledException)
        {
            // The one that went on was told to stop; the first one's outcome is what counts.
        }

        await first;
    }

    private async Task TailAsync(Shard shard, LogPosition from, IReadOnlyList<DamagedSegment> damaged, CancellationToken ct)
    {
        try
        {
            await TailAsync(shard, from, () => CheckMadeAnew(shard, damaged), ct);
        }
        catch (MiniMilvusException e) when (e.Kind == ErrorKind.NotFound && damaged.Count > 0)
        {
            // Nothing that is tried again brings these rows back, unless somebody restores the files.
            throw MiniMilvusException.Corrupted($"segment {damaged[0].Record.Id} is damaged ({damaged[0].Problem.Message}), and the log no longer reaches back to its rows at {damaged[0].Record.Start}", e);
        }
    }

    private static void CheckMadeAnew(Shard shard, IReadOnlyList<DamagedSegment> damaged)
    {
        foreach (var (record, problem) in damaged)
        {
            if (shard.GrowingRowsOf(record) is { } rows && rows != record.Rows)
            {
                throw MiniMilvusException.Corrupted($"segment {record.Id} is damaged ({problem.Message}), and the log holds {rows} of its {record.Rows} rows", problem);
            }
        }
    }

    private async Task TailAsync(Shard shard, LogPosition from, Action caughtUp, CancellationToken ct)
    {
        await foreach (var next in log.ReadAsync(channel.PChannel, from, ct).WithCancellation(ct))
        {
            if (next.Message is not { } message)
            {
                shard.SafeTime.AdvanceTo(next.Tick.Tick);
                if (Phase == ShardPhase.CatchingUp)
                {
                    caughtUp();
                    Volatile.Write(ref _phase, (int)ShardPhase.Ready);
                    _phaseChanged.Pulse();
                    _failure = null;
                    Log.CaughtUp(logger, channel);
                }

                continue;
            }

            Volatile.Read(ref _catchUp)?.Reached(message.CommitTick);
            if (message.Channel == channel)
            {
                await ApplyAsync(shard, message, ct);
            }

            positions.Consumed(channel, message.ResumePosition);
            // More of a transaction may follow with the same commit tick: it is whole when anything later arrives.
            var isWhole = message.Transaction == Timestamp.Zero;
            shard.SafeTime.AdvanceTo(isWhole ? message.CommitTick : new Timestamp(message.CommitTick.Value - 1));
        }
    }

    private async ValueTask ApplyAsync(Shard shard, LogMessage message, CancellationToken ct)
    {
        var bytes = shard.BytesOf(message);
        if (bytes > 0 && !parts.Budget.TryTake(bytes))
        {
            Log.GrowingFull(logger, channel, parts.Budget.Used, parts.Budget.BytesMax);
            await parts.Budget.TakeAsync(bytes, ct);
        }

        shard.Apply(message, bytes);
        if (message.Body is InsertBody insert)
        {
            parts.Metrics.RowsConsumed.Add(insert.Rows.Count);
        }
    }

    private void Reset(Shard shard, Exception reason)
    {
        _shard = null;
        Volatile.Write(ref _phase, (int)ShardPhase.Loading);
        _phaseChanged.Pulse();
        _segmentsTotal = 0;
        _segmentsLoaded = 0;
        shard.Close(reason);
    }

    private CollectionRecord Record => catalog.Current.FindCollection(collection)
        ?? throw MiniMilvusException.NotFound(ErrorReason.CollectionNotFound, $"collection {collection} is gone");

    private CollectionSchema Schema() => Record.Schema;

    // Without an index no search comes; any metric will do then, and a search in another space scans.
    private MetricType MetricOf(FieldId field) => Record.Indexes.FirstOrDefault(i => i.Field == field)?.Metric ?? MetricType.Cosine;
}
