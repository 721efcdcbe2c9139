using System.Text;
using Microsoft.Extensions.Logging;
using MiniMilvus.Coordinator.Channels;
using MiniMilvus.Coordinator.Ddl;
using MiniMilvus.Coordinator.Ids;
using MiniMilvus.Coordinator.Segments;
using MiniMilvus.Coordinator.Sessions;
using MiniMilvus.Coordinator.Timestamps;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Streaming;
using MiniMilvus.Core.Time;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Meta;
using MiniMilvus.Storage.Objects;

namespace MiniMilvus.Coordinator;

/// <summary>
/// The coordinator: timestamps, ids, the catalogue, channel assignment, node sessions and terms. Everything it knows is in the metadata store;
/// started again, it goes on from there.
/// </summary>
public sealed class CoordinatorRole : ICoordinator, IChannelAssigner
{
    private static readonly TimeSpan ResumePause = TimeSpan.FromSeconds(1);

    private readonly IMetaStore _meta;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly TimestampOracle _oracle;
    private readonly IdAllocator _ids;
    private readonly SessionRegistry _sessions;
    private readonly ChannelAssigner _assigner;
    private readonly SegmentCatalog _segments;
    private readonly DdlExecutor _ddl;
    private CancellationToken _running;

    /// <param name="streaming">Carries DDL messages to the logs of a collection's shards.</param>
    public CoordinatorRole(IMetaStore meta, IObjectStore objects, IStreamingClient streaming, CoordinatorOptions options, TimeProvider time, ILogger<CoordinatorRole> logger)
    {
        _meta = meta;
        _time = time;
        _logger = logger;
        _oracle = new TimestampOracle(meta, time, options.TimestampWindow);
        _ids = new IdAllocator(meta, options.IdWindow);
        _sessions = new SessionRegistry(meta);
        _assigner = new ChannelAssigner(meta, options, logger);
        _segments = new SegmentCatalog(meta, _assigner.RequireTerm, logger);
        var context = new DdlContext(meta, streaming, _ids, async ct => (await _oracle.AllocateAsync(1, ct)).First, options, time);
        _ddl = new DdlExecutor(context, _assigner.Channels, objects, options.Compaction, options.Retention, logger);
    }

    /// <summary>Every pchannel of this data folder.</summary>
    public IReadOnlyList<PChannel> PChannels => _assigner.Channels;

    /// <summary>Reads the stored state; must have returned before anything else is called.</summary>
    public async Task StartAsync(CancellationToken ct)
    {
        await _oracle.StartAsync(ct);
        await _ids.StartAsync(ct);
        await _sessions.StartAsync(ct);
        await _assigner.StartAsync(ct);
        await _ddl.StartAsync(ct);
    }

    /// <summary>Finishes interrupted DDL, then waits to be cancelled.</summary>
    public async Task RunAsync(CancellationToken ct)
    {
        _running = ct;
        while (true)
        {
            try
            {
                await _ddl.ResumeAsync(ct);
                break;
            }
            catch (MiniMilvusException e) when (e.IsRetriable || e.Kind == ErrorKind.Fenced)
            {
                Log.ResumePostponed(_logger, e);
                await Task.Delay(ResumePause, _time, ct);
            }
        }

        await Task.Delay(Timeout.InfiniteTimeSpan, _time, ct);
    }

    /// <inheritdoc/>
    public ValueTask<TimestampRange> AllocateTimestampsAsync(int count, CancellationToken ct) => _oracle.AllocateAsync(count, ct);

    /// <inheritdoc/>
    public async ValueTask<TimestampRange> AllocateTicksAsync(PChannel channel, Term term, int count, CancellationToken ct)
    {
        var range = await _oracle.AllocateAsync(count, ct);
        _assigner.RequireTerm(channel, term); // After allocating and before replying (T7, T8).
        return range;
    }

    /// <inheritdoc/>
    public ValueTask<long> AllocateIdsAsync(int count, CancellationToken ct) => _ids.AllocateIdsAsync(count, ct);

    /// <inheritdoc/>
    public ValueTask<long> ExecuteAsync(DdlCommand command, CancellationToken ct) => _ddl.ExecuteAsync(command, ct);

    /// <inheritdoc/>
    public ValueTask CommitAsync(SegmentCommit commit, CancellationToken ct) => _segments.CommitAsync(commit, ct);

    /// <inheritdoc/>
    public async ValueTask<long> RegisterAsync(string role, string address, CancellationToken ct)
    {
        var session = new NodeSession(await _ids.AllocateIdsAsync(1, ct), role, address);
        var replaced = await _sessions.AddAsync(session, ct);
        Log.NodeJoined(_logger, session.NodeId, role, address);
        foreach (var old in replaced)
        {
            await LeftAsync(old, ct);
        }

        if (role == "streamingnode")
        {
            await _assigner.NodeJoinedAsync(session, ct);
        }

        _ = EndSessionAsync(session, ct);
        return session.NodeId;
    }

    /// <inheritdoc/>
    public ValueTask<Term> AcquireDataChannelAsync(long nodeId, PChannel channel, CancellationToken ct) =>
        _sessions.IsAlive(nodeId)
            ? _segments.AcquireDataChannelAsync(channel, ct)
            : throw MiniMilvusException.Fenced($"node {nodeId}: its session has ended; register again");

    /// <inheritdoc/>
    public async ValueTask ReportReaderPositionAsync(long nodeId, PChannel channel, LogPosition position, CancellationToken ct)
    {
        if (!_sessions.IsAlive(nodeId))
        {
            throw MiniMilvusException.Fenced($"node {nodeId}: its session has ended; register again");
        }

        var key = CatalogKeys.Reader(channel, nodeId);
        await _meta.TransactAsync([], [new MetaOperation.Put(key, Encoding.ASCII.GetBytes(position.ToString()))], ct);
    }

    /// <inheritdoc/>
    public ValueTask<ChannelAssignment> ReportErrorAsync(ChannelAssignment assignment, CancellationToken ct) => _assigner.ReportErrorAsync(assignment, ct);

    private async Task EndSessionAsync(NodeSession session, CancellationToken ct)
    {
        await Task.Delay(Timeout.InfiniteTimeSpan, _time, ct).ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        if (_running.IsCancellationRequested)
        {
            return; // The whole process goes; the next start drops every session.
        }

        try
        {
            if (await _sessions.RemoveAsync(session.NodeId, _running) is not null)
            {
                await LeftAsync(session, _running);
            }
        }
        catch (OperationCanceledException) when (_running.IsCancellationRequested)
        {
            // As above.
        }
        catch (MiniMilvusException e)
        {
            Log.SessionEndFailed(_logger, session.NodeId, e);
        }
    }

    private async ValueTask LeftAsync(NodeSession session, CancellationToken ct)
    {
        Log.NodeLeft(_logger, session.NodeId);
        if (session.Role == "streamingnode")
        {
            await _assigner.NodeLeftAsync(session.NodeId, ct);
        }
    }
}
