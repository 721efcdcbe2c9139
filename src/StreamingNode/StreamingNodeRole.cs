using Microsoft.Extensions.Logging;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Events;
using MiniMilvus.Core.Streaming;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Meta;
using MiniMilvus.StreamingNode.Append;
using MiniMilvus.StreamingNode.Checkpoint;
using MiniMilvus.StreamingNode.Recovery;
using MiniMilvus.Woodpecker;

namespace MiniMilvus.StreamingNode;

/// <summary>
/// The streaming node: owns pchannels as the coordinator assigns them, the only role that writes the log. Follows the assignments in the
/// catalogue; an owner that fails is reported and opened again in the term that the report brings.
/// </summary>
public sealed class StreamingNodeRole(
    string address,
    IWoodpecker woodpecker,
    ICoordinator coordinator,
    IChannelAssigner assigner,
    CatalogView catalog,
    IMetaStore meta,
    StreamingNodeOptions options,
    TimeProvider time,
    IStationSink stations,
    ILogger<StreamingNodeRole> logger)
{
    private readonly AppendService _service = new(time);
    private readonly ReopenPause _pauses = new();
    private readonly Dictionary<PChannel, (ChannelAssignment Assignment, CancellationTokenSource Stop, Task Reign)> _reigns = [];

    private long _node;

    /// <summary>What clients talk to.</summary>
    public IStreamingHandler Handler => _service;

    /// <summary>Completes when the next channel has opened.</summary>
    public Task Changed => _service.Changed;

    /// <summary>Whether those of <paramref name="assignments"/> that name this node are open.</summary>
    public bool HasOpened(IReadOnlyCollection<ChannelAssignment> assignments) =>
        Volatile.Read(ref _node) != 0 && assignments.Where(a => a.NodeId == _node).All(_service.HasOpened) && assignments.Any(a => a.NodeId == _node);

    /// <summary>Runs until cancelled; throws the first failure that is not a channel's own.</summary>
    public async Task RunAsync(CancellationToken ct)
    {
        using var metrics = new Metrics(_service);
        _node = await coordinator.RegisterAsync("streamingnode", address, ct);
        try
        {
            while (true)
            {
                var snapshot = catalog.Current;
                foreach (var assignment in snapshot.Assignments.Values)
                {
                    if (assignment.NodeId == _node)
                    {
                        await FollowAsync(assignment, ct);
                    }
                    else if (_reigns.ContainsKey(assignment.Channel))
                    {
                        await EndAsync(assignment.Channel);
                    }
                }

                await catalog.ChangedAsync(snapshot.Revision, ct);
            }
        }
        finally
        {
            foreach (var channel in _reigns.Keys.ToArray())
            {
                await EndAsync(channel);
            }
        }
    }

    private async Task FollowAsync(ChannelAssignment assignment, CancellationToken ct)
    {
        if (_reigns.TryGetValue(assignment.Channel, out var current))
        {
            if (current.Assignment.Term >= assignment.Term)
            {
                return;
            }

            await EndAsync(assignment.Channel);
        }

        var stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
        _reigns[assignment.Channel] = (assignment, stop, ReignAsync(assignment, stop.Token));
    }

    private async Task EndAsync(PChannel channel)
    {
        if (_reigns.Remove(channel, out var reign))
        {
            reign.Stop.Cancel();
            await reign.Reign.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            reign.Stop.Dispose();
        }
    }

    /// <summary>One term of one channel, from fencing to its end.</summary>
    private async Task ReignAsync(ChannelAssignment assignment, CancellationToken ct)
    {
        var began = time.GetTimestamp();
        try
        {
            await catalog.RefreshAsync(ct);
            if (!await woodpecker.ExistsAsync(assignment.Channel.Name, ct))
            {
                await woodpecker.CreateAsync(assignment.Channel.Name, ct);
            }

            await using var owner = await ChannelOwner.OpenAsync(
                assignment, woodpecker, coordinator, catalog.Current.Collections.Values, options, time, stations, ct);
            _service.Add(owner);
            Log.ChannelOpened(logger, assignment.Channel, assignment.Term, owner.Confirmed, catalog.Current.Collections.Values.Count());
            using var stopTruncation = CancellationTokenSource.CreateLinkedTokenSource(ct);
            var truncation = TruncateAsync(owner, stopTruncation.Token);
            try
            {
                await owner.Running.WaitAsync(ct);
            }
            finally
            {
                _service.Remove(owner);
                stopTruncation.Cancel();
                await truncation;
            }
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            Log.ChannelClosed(logger, assignment.Channel, assignment.Term);
        }
        catch (Exception e)
        {
            Log.ChannelFailed(logger, assignment.Channel, assignment.Term, e);
            await ReportAsync(assignment, began, ct);
        }
    }

    private async Task ReportAsync(ChannelAssignment assignment, long began, CancellationToken ct)
    {
        while (true)
        {
            try
            {
                await Task.Delay(_pauses.After(assignment.Channel, time.GetElapsedTime(began)), time, ct);
                await assigner.ReportErrorAsync(assignment, ct);
                return;
            }
            catch (OperationCanceledException) when (ct.IsCancellationRequested)
            {
                return;
            }
            catch (MiniMilvusException e) when (e.IsRetriable)
            {
                Log.ChannelFailed(logger, assignment.Channel, assignment.Term, e);
            }
        }
    }

    private async Task TruncateAsync(ChannelOwner owner, CancellationToken ct)
    {
        var truncation = new LogTruncation(woodpecker, catalog, meta, stations);
        var revision = 0L;
        while (!ct.IsCancellationRequested)
        {
            try
            {
                await catalog.ChangedAsync(revision, ct);
                await Task.Delay(options.TruncationInterval, time, ct);
                revision = catalog.Current.Revision;
                Log.LogTruncated(logger, owner.Assignment.Channel, await truncation.TruncateAsync(owner, ct));
            }
            catch (OperationCanceledException) when (ct.IsCancellationRequested)
            {
                return;
            }
            catch (MiniMilvusException e) when (e.Kind is ErrorKind.Unavailable or ErrorKind.Fenced)
            {
                Log.TruncationFailed(logger, owner.Assignment.Channel, e);
            }
        }
    }
}
