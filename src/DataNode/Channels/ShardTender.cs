using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Events;
using MiniMilvus.DataNode.Checkpoints;
using MiniMilvus.DataNode.Flush;

namespace MiniMilvus.DataNode.Channels;

/// <summary>
/// Starts what a shard is due and takes in what came of it: segment flush, delete file, checkpoint, in this order (S3). Called by the channel's loop only;
/// the jobs themselves touch no state of the shard.
/// </summary>
internal sealed class ShardTender(NodeContext context, ChannelLease lease, ShardSet shards, JobSet jobs, CancellationToken ct)
{
    /// <summary>Jobs under way whose end gives bytes back.</summary>
    public int UploadsInFlight { get; private set; }

    /// <summary>Starts a delete file and a checkpoint if they are due.</summary>
    public void Tend(Shard shard, HoldPoint consumed, long now)
    {
        var open = shard.Deletes;
        if (open.Count > 0 && context.Time.GetElapsedTime(open.OldestAt, now) >= context.Options.DeleteAgeMax)
        {
            shard.DeletesDue = true;
        }

        StartDeletes(shard);
        var isGone = context.Catalog.Current.FindCollection(shard.Collection) is null;
        if (isGone && (shard.IsDropped || shard.HasCheckpoint))
        {
            RemoveIfIdle(shard); // The coordinator has taken its checkpoint away; writing one would leave it behind for ever.
            return;
        }

        var candidate = shard.Candidate(consumed);
        if (shard.CheckpointInFlight || !shard.IsBehind(candidate))
        {
            return;
        }

        var interval = shard.IsActive ? context.Options.CheckpointInterval : context.Options.IdleCheckpointInterval;
        if (!shard.HasCheckpoint || shard.Satisfies(candidate) || shard.IsDropped || context.Time.GetElapsedTime(shard.CheckpointAt, now) >= interval)
        {
            StartCheckpoint(shard, candidate, consumed, now);
        }
    }

    public void StartFlush(Shard shard, WriteBuffer buffer)
    {
        UploadsInFlight++;
        jobs.Start(async () =>
        {
            var kept = await context.Flusher.FlushAsync(lease, shard.Channel, buffer, ct);
            return new JobOutcome.SegmentDone(shard, buffer, kept);
        });
    }

    public void StartDeletes(Shard shard)
    {
        if (!shard.DeletesDue || shard.Deletes.InFlight is not null)
        {
            return;
        }

        shard.DeletesDue = false;
        if (shard.Deletes.Count == 0)
        {
            return;
        }

        var batch = shard.Deletes.Cut();
        UploadsInFlight++;
        jobs.Start(async () =>
        {
            await context.DeleteFlusher.FlushAsync(lease, shard.Channel, shard.Collection, batch, ct);
            return new JobOutcome.DeletesDone(shard, batch);
        });
    }

    public void DropCollection(Shard shard)
    {
        shard.IsDropped = true;
        shard.DeletesDue = false;
        context.Budget.Refund(shard.Deletes.Discard());
        foreach (var buffer in shard.Segments.Values.Where(b => !b.IsSealed).ToArray())
        {
            Discard(buffer);
            shard.End(buffer);
        }
    }

    /// <summary>The partition's growing segments become Dropped in the catalogue, so that nobody waits for them.</summary>
    public void DropPartition(Shard shard, PartitionId partition)
    {
        foreach (var buffer in shard.Segments.Values.Where(b => b.Partition == partition && !b.IsSealed && !b.IsDiscarded).ToArray())
        {
            Discard(buffer);
            StartFlush(shard, buffer);
        }
    }

    public void Complete(JobOutcome outcome, HoldPoint consumed, long now)
    {
        switch (outcome)
        {
            case JobOutcome.SegmentDone done:
                UploadsInFlight--;
                Release(done.Buffer);
                done.Shard.End(done.Buffer);
                done.Shard.DeletesDue |= !done.Shard.IsDropped; // Else the deletes would hold the checkpoint where the segment no longer does.
                Tend(done.Shard, consumed, now);
                break;
            case JobOutcome.DeletesDone done:
                UploadsInFlight--;
                context.Budget.Refund(done.Shard.Deletes.Committed(done.Batch));
                Tend(done.Shard, consumed, now);
                break;
            case JobOutcome.CheckpointDone done:
                CheckpointDone(done, consumed, now);
                break;
            case JobOutcome.SealAsked done:
                done.Shard.SealInFlight = false;
                break;
            case JobOutcome.Failed failed:
                System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failed.Error);
                break;
        }
    }

    /// <summary>Asks the owner for a seal, at most once in a while.</summary>
    public void AskForSeal(Shard shard, string reason, long now)
    {
        if (shard.SealInFlight || (shard.SealAskedAt is { } at && context.Time.GetElapsedTime(at, now) < context.Options.SealRequestInterval))
        {
            return;
        }

        shard.SealInFlight = true;
        shard.SealAskedAt = now;
        Log.AskingForSeal(context.Log, shard.Channel, reason);
        jobs.Start(async () =>
        {
            try
            {
                await context.Seals.RequestSealAsync(shard.Channel, shard.Collection, ct);
            }
            catch (MiniMilvusException e) when (e.Kind is ErrorKind.Unavailable or ErrorKind.NotFound or ErrorKind.Conflict or ErrorKind.Fenced)
            {
                Log.SealNotServed(context.Log, shard.Channel, e.Message); // Fenced speaks of the streaming node's term, not of ours.
            }

            return new JobOutcome.SealAsked(shard);
        });
    }

    private void StartCheckpoint(Shard shard, HoldPoint point, HoldPoint consumed, long now)
    {
        shard.CheckpointInFlight = true;
        shard.CheckpointAt = now;
        var tick = point.Tick > shard.Committed.Tick ? point.Tick : shard.Committed.Tick;
        var lag = consumed.Tick.UnixMilliseconds - tick.UnixMilliseconds;
        jobs.Start(async () =>
        {
            try
            {
                await lease.CommitAsync(new AdvanceCheckpoint(shard.Channel, lease.Term, point.Position, tick), ct);
            }
            catch (MiniMilvusException e) when (e.Kind is ErrorKind.NotFound or ErrorKind.Conflict)
            {
                return new JobOutcome.CheckpointDone(shard, point, WasKept: false); // The collection is gone from the catalogue.
            }

            Log.CheckpointAdvanced(context.Log, shard.Channel, point.Position);
            context.Metrics.CheckpointLag(shard.Channel, lag);
            if (context.Stations.IsEnabled)
            {
                context.Stations.Emit(new StationEvent(Station.CheckpointAdvanced, shard.Channel.Name, tick, point.Position, 1));
            }

            return new JobOutcome.CheckpointDone(shard, new HoldPoint(point.Position, tick), WasKept: true);
        });
    }

    private void CheckpointDone(JobOutcome.CheckpointDone done, HoldPoint consumed, long now)
    {
        var shard = done.Shard;
        shard.CheckpointInFlight = false;
        if (done.WasKept)
        {
            shard.Advance(done.Point, now);
        }

        if (!RemoveIfIdle(shard) && done.WasKept)
        {
            Tend(shard, consumed, now);
        }
    }

    private bool RemoveIfIdle(Shard shard)
    {
        var isIdle = shard.IsDropped && !shard.CheckpointInFlight && shard.Segments.Count == 0 && shard.Deletes.Hold is null;
        if (isIdle)
        {
            shards.Remove(shard);
        }

        return isIdle;
    }

    private void Release(WriteBuffer buffer)
    {
        context.Metrics.Buffered(buffer.IsDiscarded ? 0 : -buffer.Rows);
        context.Budget.Refund(buffer.Clear());
    }

    private void Discard(WriteBuffer buffer)
    {
        context.Metrics.Buffered(-buffer.Rows);
        context.Budget.Refund(buffer.Discard());
    }
}
