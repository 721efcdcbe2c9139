using Microsoft.Extensions.Logging;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Events;
using MiniMilvus.Core.Streaming;
using MiniMilvus.Core.Time;
using MiniMilvus.DataNode.Channels;
using MiniMilvus.DataNode.Compaction;
using MiniMilvus.DataNode.Deletes;
using MiniMilvus.DataNode.Flush;
using MiniMilvus.DataNode.Garbage;
using MiniMilvus.DataNode.Indexing;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Objects;

namespace MiniMilvus.DataNode;

/// <summary>
/// Tails the log and makes it durable as segments: collects rows, uploads sealed segments and delete files, commits them, builds their indexes,
/// and moves checkpoints so that the log may be truncated (architecture stations 14b to 17). The catalogue view is run by the host.
/// </summary>
public sealed class DataNodeRole : IDisposable
{
    private readonly ICoordinator _coordinator;
    private readonly DataNodeOptions _options;
    private readonly Retry _retry;
    private readonly ILogger _log;
    private readonly BufferBudget _budget;
    private readonly Metrics _metrics;
    private readonly NodeContext _context;
    private readonly IndexBuildJob _indexBuild;
    private readonly LiveAttempts _live = new();
    private readonly RetryingObjectStore _files;
    private readonly LoadGate _gate;
    private readonly CompactionJob _compaction;
    private readonly IComputePool _compute;

    public DataNodeRole(
        ILogReader logReader, ICoordinator coordinator, CatalogView catalog, IObjectStore objects, IComputePool compute, ISealRequester seals,
        TimeProvider time, IStationSink stations, ILoggerFactory logs, DataNodeOptions options)
    {
        options.Check();
        _coordinator = coordinator;
        _options = options;
        _log = logs.CreateLogger("MiniMilvus.DataNode");
        _retry = new Retry(time, options, _log);
        _budget = new BufferBudget(options.BufferBytesMax);
        _metrics = new Metrics(_budget);
        var files = _files = new RetryingObjectStore(objects, _retry);
        var slots = new WorkSlots(options.FlushConcurrency);
        var replay = new SegmentReplay(logReader, _retry);
        var flusher = new SegmentFlusher(files, compute, replay, _live, _budget, slots, time, stations, _metrics, _log);
        var deletes = new DeleteFlusher(files, compute, _live, time, _metrics, _log);
        _context = new NodeContext(logReader, catalog, flusher, deletes, seals, _budget, _retry, time, stations, _metrics, _log, options);
        _indexBuild = new IndexBuildJob(catalog, files, compute, _live, time, stations, _metrics, _log, options);
        _compute = compute;
        _gate = new LoadGate(_budget, options, time);
        _compaction = new CompactionJob(files, compute, _live, _gate, time, stations, _metrics, _log);
    }

    /// <summary>The most bytes that buffers held at once since the start; never much above <see cref="DataNodeOptions.BufferBytesMax"/>.</summary>
    public long BufferedBytesPeak => _budget.Peak;

    /// <summary>
    /// Runs until cancelled, or until every channel was taken by another data node: then it returns. Throws the first failure that is neither
    /// Unavailable nor Fenced; a role never limps.
    /// </summary>
    public async Task RunAsync(CancellationToken ct)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var node = await _retry.RunAsync("registration", token => _coordinator.RegisterAsync("datanode", _options.Address, token), stop.Token);
        var leases = new List<ChannelLease>();
        try
        {
            foreach (var channel in _options.PChannels)
            {
                try
                {
                    var term = await _retry.RunAsync($"acquiring {channel}", token => _coordinator.AcquireDataChannelAsync(node, channel, token), stop.Token);
                    leases.Add(new ChannelLease(channel, term, _coordinator, _retry));
                }
                catch (MiniMilvusException e) when (e.Kind == ErrorKind.Fenced)
                {
                    Log.ChannelLost(_log, channel, Core.Term.None); // Another node was faster.
                }
            }

            await RunAsync(leases, stop);
        }
        finally
        {
            leases.ForEach(l => l.Dispose());
        }
    }

    public void Dispose() => _metrics.Dispose();

    private async Task RunAsync(List<ChannelLease> leases, CancellationTokenSource stop)
    {
        var indexes = new IndexWatcher(_context.Catalog, leases, _indexBuild, _retry, _log, _options).RunAsync(stop.Token);
        var running = leases.Select(l => new ChannelWorker(_context, l).RunAsync(stop.Token)).ToList();
        var channels = running.Count;
        running.Add(indexes);
        var share = new DeleteShare(_files, _compute, _options.Compaction);
        var compactions = new CompactionWatcher(_context.Catalog, leases, _compaction, share, _gate, _retry, _context.Time, _log, _options).RunAsync(stop.Token);
        running.Add(compactions);
        var garbage = new GarbageCollector(_context.Catalog, leases, _files, _live, _context.Time, _metrics, _log, _options).RunAsync(stop.Token);
        if (_options.GarbageInterval > TimeSpan.Zero)
        {
            running.Add(garbage);
        }

        Task? first = null;
        while (channels > 0 && first is null)
        {
            var ended = await Task.WhenAny(running);
            running.Remove(ended);
            channels -= ended == indexes || ended == compactions || ended == garbage ? 0 : 1;
            first = ended.IsCompletedSuccessfully ? null : ended;
        }

        stop.Cancel();
        foreach (var task in running)
        {
            try
            {
                await task;
            }
            catch (Exception e) when (first is null || e is OperationCanceledException or MiniMilvusException)
            {
                first ??= e is OperationCanceledException ? null : task; // What counts is the first failure.
            }
        }

        if (first is not null)
        {
            await first;
        }
    }
}
