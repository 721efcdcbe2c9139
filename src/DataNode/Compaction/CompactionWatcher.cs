using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Time;
using MiniMilvus.DataNode.Channels;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Compaction;

namespace MiniMilvus.DataNode.Compaction;

/// <summary>
/// Has the segments of this node's channels compacted, one plan at a time: first what somebody asked for, then, every
/// <see cref="CompactionOptions.TriggerInterval"/> while anything changes, what the policies say. Idle, it waits for the catalogue and holds no timer.
/// A segment whose files are damaged is left as it is (readers name the files to whoever asks for its rows) and keeps no other from being compacted.
/// </summary>
internal sealed class CompactionWatcher(
    CatalogView catalog, IReadOnlyList<ChannelLease> leases, CompactionJob job, DeleteShare share, LoadGate gate, Retry retry, TimeProvider time, ILogger log, DataNodeOptions options)
{
    private const string AutomaticProperty = "collection.autocompaction.enabled";
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(1); // A delay below it is none, and the wait would spin.
    private readonly HashSet<SegmentId> _refused = [];
    private long _lookedAt = time.GetTimestamp();
    private long _lookedTo = -1;
    private bool _isWaitingForAge;

    public async Task RunAsync(CancellationToken ct)
    {
        await retry.RunAsync("reading the catalogue", catalog.RefreshAsync, ct);
        while (options.Compaction.IsEnabled)
        {
            var snapshot = catalog.Current;
            if (Asked(snapshot) is var (lease, request, plan))
            {
                await CarryOutAsync(snapshot, lease, request, plan, ct);
                await retry.RunAsync("reading the catalogue", catalog.RefreshAsync, ct);
            }
            else if (IsDue(snapshot))
            {
                await LookAsync(ct);
            }
            else
            {
                await WaitAsync(snapshot, ct);
            }
        }
    }

    // ---- what somebody asked for ----------------------------------------------------------------------------------

    private (ChannelLease Lease, CompactionRecord Request, CompactionPlan Plan)? Asked(CatalogSnapshot snapshot)
    {
        foreach (var request in snapshot.Compactions.Values)
        {
            foreach (var plan in request.Plans.Where(p => p.State == CompactionPlanState.Executing))
            {
                if (LeaseOf(plan.Channel) is { } lease && snapshot.FindCollection(request.Collection) is { State: DdlState.Created })
                {
                    return (lease, request, plan);
                }
            }
        }

        return null;
    }

    private async Task CarryOutAsync(CatalogSnapshot snapshot, ChannelLease lease, CompactionRecord request, CompactionPlan plan, CancellationToken ct)
    {
        var inputs = plan.Inputs.Select(id => snapshot.FindSegment(request.Collection, id)).ToList();
        var state = inputs.All(s => s is { State: SegmentState.Flushed }) && snapshot.FindCollection(request.Collection) is { } collection && HasPartition(collection, plan.Partition)
            ? await RunAsync(lease, new PlannedCompaction(plan.Channel, plan.Partition, [.. inputs.Select(s => s!)]), request.Id, snapshot, ct)
            : inputs.All(s => s is { State: SegmentState.Compacted }) ? CompactionPlanState.Completed : CompactionPlanState.Failed;
        if (state is CompactionPlanState.Executing)
        {
            return; // Its commit wrote it down; or the channel was lost, and the next owner carries it out.
        }

        await GuardAsync(lease, token => lease.CommitAsync(new EndCompactionPlan(plan.Channel, lease.Term, request.Collection, request.Id, plan.Inputs, state), token).AsTask(), ct);
    }

    // ---- what the policies say ------------------------------------------------------------------------------------

    private bool IsDue(CatalogSnapshot snapshot) => options.Compaction.IsAutomatic && (snapshot.Revision != _lookedTo || _isWaitingForAge)
        && time.GetElapsedTime(_lookedAt) >= options.Compaction.TriggerInterval;

    /// <summary>Carries out every plan that the policies make of what is there, until they make none or somebody asks for something.</summary>
    private async Task LookAsync(CancellationToken ct)
    {
        var tried = new HashSet<SegmentId>();
        while (true)
        {
            await gate.WaitAsync(ct);
            var snapshot = catalog.Current;
            (_lookedAt, _lookedTo, _isWaitingForAge) = (time.GetTimestamp(), snapshot.Revision, false);
            share.Keep(snapshot);
            if (Asked(snapshot) is not null || await NextAsync(snapshot, tried, ct) is not var (lease, plan))
            {
                return;
            }

            tried.UnionWith(plan.Inputs.Select(s => s.Id));
            await RunAsync(lease, plan, 0, snapshot, ct);
            await retry.RunAsync("reading the catalogue", catalog.RefreshAsync, ct);
        }
    }

    private async ValueTask<(ChannelLease Lease, PlannedCompaction Plan)?> NextAsync(CatalogSnapshot snapshot, HashSet<SegmentId> tried, CancellationToken ct)
    {
        foreach (var collection in snapshot.Collections.Values.Where(c => c.State == DdlState.Created && IsAutomatic(c)).OrderBy(c => c.Id))
        {
            foreach (var channel in collection.Channels)
            {
                if (LeaseOf(channel) is not { } lease)
                {
                    continue;
                }

                var segments = snapshot.SegmentsOf(collection.Id).Values.Where(s => s.State == SegmentState.Flushed && s.Channel == channel
                    && HasPartition(collection, s.Partition) && !_refused.Contains(s.Id) && !tried.Contains(s.Id)).ToList();
                var files = FilesOf(snapshot, channel);
                _isWaitingForAge |= snapshot.DeleteFilesOf(channel).Values.Except(files).Any(f => segments.Exists(s => CompactionPlanner.Concerns(f, s)));
                var worn = await WornAsync(lease, segments, files, ct);
                if (CompactionPlanner.Plan(segments.Where(s => !_refused.Contains(s.Id)), options.Compaction, s => worn.Contains(s.Id), isForced: false).FirstOrDefault() is { } plan)
                {
                    return (lease, plan);
                }
            }
        }

        return null;
    }

    private async ValueTask<HashSet<SegmentId>> WornAsync(ChannelLease lease, List<SegmentRecord> segments, List<DeleteFileRecord> files, CancellationToken ct)
    {
        var worn = new HashSet<SegmentId>();
        foreach (var segment in segments)
        {
            await GuardAsync(lease, async token =>
            {
                try
                {
                    if (await share.IsWorthAsync(segment, files, token))
                    {
                        worn.Add(segment.Id);
                    }
                }
                catch (MiniMilvusException e) when (e.Kind == ErrorKind.NotFound)
                {
                    Log.CompactionUnwanted(log, segment.Channel, e.Message); // Dropped meanwhile, or a delete file was discarded: the next look has another picture.
                }
                catch (MiniMilvusException e) when (e.Kind == ErrorKind.Corrupted)
                {
                    _refused.Add(segment.Id);
                    Log.NotCompacted(log, segment.Channel, e.Message);
                }
            }, ct);
        }

        return worn;
    }

    // ---- both -----------------------------------------------------------------------------------------------------

    /// <returns>Executing when there is nothing more to write down about it.</returns>
    private async Task<CompactionPlanState> RunAsync(ChannelLease lease, PlannedCompaction plan, long request, CatalogSnapshot snapshot, CancellationToken ct)
    {
        var state = CompactionPlanState.Executing;
        await GuardAsync(lease, async token =>
        {
            try
            {
                await job.RunAsync(lease, plan, FilesOf(snapshot, plan.Channel), request, token);
            }
            catch (MiniMilvusException e) when (e.Kind is ErrorKind.Conflict or ErrorKind.NotFound)
            {
                state = CompactionPlanState.Failed;
                Log.CompactionUnwanted(log, plan.Channel, e.Message); // Dropped meanwhile.
            }
            catch (MiniMilvusException e) when (e.Kind is ErrorKind.Corrupted)
            {
                state = CompactionPlanState.Failed;
                _refused.UnionWith(plan.Inputs.Select(s => s.Id));
                Log.NotCompacted(log, plan.Channel, e.Message);
            }
        }, ct);
        return state;
    }

    private static async Task GuardAsync(ChannelLease lease, Func<CancellationToken, Task> step, CancellationToken ct)
    {
        try
        {
            using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, lease.Lost);
            await step(either.Token);
        }
        catch (MiniMilvusException e) when (e.Kind == ErrorKind.Fenced)
        {
            lease.Lose(); // The channel's worker ends and says so.
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            // The channel was lost meanwhile: its next data node goes on.
        }
    }

    private async Task WaitAsync(CatalogSnapshot snapshot, CancellationToken ct)
    {
        using var wait = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var tasks = new List<Task> { catalog.ChangedAsync(snapshot.Revision, wait.Token).AsTask() };
        if (options.Compaction.IsAutomatic && (snapshot.Revision != _lookedTo || _isWaitingForAge))
        {
            var left = options.Compaction.TriggerInterval - time.GetElapsedTime(_lookedAt);
            tasks.Add(Task.Delay(left > Tick ? left : Tick, time, wait.Token));
        }

        var first = await Task.WhenAny(tasks);
        wait.Cancel();
        await Task.WhenAll(tasks).ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Current);
        await first;
    }

    private List<DeleteFileRecord> FilesOf(CatalogSnapshot snapshot, VChannel channel)
    {
        var horizon = Timestamp.FromUnixMilliseconds(time.GetUtcNow().ToUnixTimeMilliseconds()).Minus(options.Retention.RetentionDuration);
        return [.. CompactionPlanner.Retained(snapshot.DeleteFilesOf(channel).Values, horizon)];
    }

    private ChannelLease? LeaseOf(VChannel channel) => leases.FirstOrDefault(l => l.Channel == channel.PChannel && !l.Lost.IsCancellationRequested);

    private static bool HasPartition(CollectionRecord collection, PartitionId partition) => collection.Partitions.Any(p => p.Id == partition && p.State == DdlState.Created);

    private static bool IsAutomatic(CollectionRecord collection) =>
        !collection.Properties.TryGetValue(AutomaticProperty, out var value) || !value.Equals("false", StringComparison.OrdinalIgnoreCase);
}
