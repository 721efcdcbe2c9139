using System.Collections.Concurrent;
using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Events;
using MiniMilvus.Core.Query;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Schema;
using MiniMilvus.Core.Streaming;
using MiniMilvus.Core.Time;
using MiniMilvus.Index.Hnsw;
using MiniMilvus.QueryNode.Channels;
using MiniMilvus.QueryNode.Growing;
using MiniMilvus.QueryNode.Sealed;
using MiniMilvus.QueryNode.Search;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Objects;

namespace MiniMilvus.QueryNode;

/// <summary>
/// The query node: keeps every loaded collection's shards in memory, fresh from the log, and answers searches and queries at a guaranteed
/// timestamp. It writes nothing durable; everything here can be loaded again.
/// </summary>
public sealed class QueryNodeRole : IQueryNode, IDisposable
{
    private readonly ILogReader _log;
    private readonly CatalogView _catalog;
    private readonly ICoordinator _coordinator;
    private readonly IComputePool _pool;
    private readonly TimeProvider _time;
    private readonly QueryNodeOptions _options;
    private readonly ILogger _logger;
    private readonly QueryNodeMetrics _metrics = new();
    private readonly ShardParts _parts;
    private readonly ReaderPositions _positions;
    private readonly GuaranteeGate _gate;
    private readonly HnswScratchPool _scratch = new();
    private readonly ConcurrentDictionary<VChannel, ShardRunner> _shards = [];

    public QueryNodeRole(
        ILogReader log, CatalogView catalog, IObjectStore store, ICoordinator coordinator, IComputePool pool, IComputePool building, TimeProvider time,
        IStationSink stations, ILoggerFactory loggers, QueryNodeOptions options)
    {
        _log = log;
        _catalog = catalog;
        _coordinator = coordinator;
        _pool = pool;
        _time = time;
        _options = options;
        _logger = loggers.CreateLogger("MiniMilvus.QueryNode");
        var budget = new GrowingBudget(options.GrowingBytesMax);
        _parts = new ShardParts(options, _metrics, stations, new GraphBuilder(building, options.GraphWorkers, budget, _metrics, _logger), budget, new SealedLoader(store, coordinator, pool, options, _logger));
        _positions = new ReaderPositions(coordinator, options, time, _logger);
        _gate = new GuaranteeGate(options, time, _metrics);
        _metrics.ObserveLag(() => _shards.Values.Select(s => s.Shard).OfType<Shard>()
            .Select(s => (time.GetUtcNow().ToUnixTimeMilliseconds() - s.SafeTime.Value.UnixMilliseconds) / 1000.0).DefaultIfEmpty(0).Max());
    }

    internal QueryNodeMetrics Metrics => _metrics;

    /// <summary>Bytes of growing rows and their graphs.</summary>
    internal long GrowingBytes => _parts.Budget.Used;

    /// <summary>Bytes of memory that sealed segments take.</summary>
    internal long SealedBytes => _parts.Loader.Bytes;

    /// <summary>Follows the catalogue and keeps what is loaded there loaded here, until cancelled.</summary>
    public async Task RunAsync(CancellationToken ct)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var running = new Dictionary<VChannel, (CancellationTokenSource Stop, Task Task)>();
        var background = new[] { _parts.Builder.RunAsync(stop.Token), _positions.RunAsync(stop.Token) };
        try
        {
            _positions.Registered(await _coordinator.RegisterAsync("querynode", _options.Address, ct));
            var revision = -1L;
            while (true)
            {
                var view = revision < 0 ? _catalog.Current : await NextViewAsync(revision, background, ct);
                revision = view.Revision;
                await ReconcileAsync(view, running, stop.Token);
            }
        }
        finally
        {
            stop.Cancel();
            await Task.WhenAll([.. running.Values.Select(r => r.Task), .. background]).ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Current);
            foreach (var (_, (source, _)) in running)
            {
                source.Dispose();
            }

            _shards.Clear();
        }
    }

    public async ValueTask<SearchResult> SearchAsync(SearchRequest request, CancellationToken ct)
    {
        var (record, shards) = await PrepareAsync(request.Collection, request.Channels, ct);
        var field = record.Schema.Find(request.VectorField);
        if (field is not { Type: DataType.FloatVector } || request.TopK < 1 || request.QueryCount < 1 || request.Queries.Length != (long)request.QueryCount * field.Dim)
        {
            throw MiniMilvusException.Invalid(
                $"search: expected top-k ≥ 1 and queries of {field?.Dim ?? 0} floats on a float vector field, found top-k {request.TopK} and {request.Queries.Length} floats for {request.QueryCount} queries on field {request.VectorField}");
        }

        using var view = await ViewAsync(shards, request.Guarantee, at => ReadView.Of(shards, request.Partitions, request.IgnoreGrowing, at, record.Schema, request.Filter), ct);
        var groups = (request.QueryCount + _options.QueriesPerJob - 1) / _options.QueriesPerJob;
        var search = await view.RunAsync(_pool, () => new VectorSearch(request, view.Cut(), field.Dim, _options, _scratch, Math.Max(1, _options.SearchThreads / groups)), ct);
        var jobs = new List<Task<(ImmutableArray<ImmutableArray<Hit>> Hits, long Distances)>>();
        for (var first = 0; first < request.QueryCount; first += _options.QueriesPerJob)
        {
            var (from, count) = (first, Math.Min(_options.QueriesPerJob, request.QueryCount - first));
            jobs.Add(AnswerAsync(view, search, from, count, ct));
        }

        var answers = await Task.WhenAll(jobs);
        var hits = answers.SelectMany(a => a.Hits).ToList();
        var distances = answers.Sum(a => a.Distances);
        _metrics.Searches.Add(1);
        _metrics.Distances.Add(distances);
        return await view.RunAsync(_pool, () => Assemble(request, record.Schema, hits, view.At, search.Cost(distances)), ct);
    }

    private async Task<(ImmutableArray<ImmutableArray<Hit>> Hits, long Distances)> AnswerAsync(ReadView view, VectorSearch search, int first, int count, CancellationToken ct)
    {
        if (search.Slices == 1)
        {
            return await view.RunAsync(_pool, () => search.Finish(first, count, [search.Collect(0, first, count)]), ct);
        }

        var slices = await Task.WhenAll(Enumerable.Range(0, search.Slices).Select(s => view.RunAsync(_pool, () => search.Collect(s, first, count), ct)));
        return await view.RunAsync(_pool, () => search.Finish(first, count, slices), ct);
    }

    public async ValueTask<RetrieveResult> RetrieveAsync(RetrieveRequest request, CancellationToken ct)
    {
        var (record, shards) = await PrepareAsync(request.Collection, request.Channels, ct);
        if (request.Offset < 0 || request.Limit < 0)
        {
            throw MiniMilvusException.Invalid($"query: expected offset and limit ≥ 0, found {request.Offset} and {request.Limit}");
        }

        using var view = await ViewAsync(shards, request.Guarantee, at => ReadView.Of(shards, request.Partitions, false, at, record.Schema, request.Filter), ct);
        _metrics.Searches.Add(1);
        return await view.RunAsync(_pool, () => new Retriever(view, request, _options.RetrieveRowsMax).Run(), ct);
    }

    public ValueTask<LoadStatus> GetLoadStatusAsync(CollectionId collection, CancellationToken ct)
    {
        if (_catalog.Current.FindCollection(collection) is not { IsLoaded: true, State: DdlState.Created } record)
        {
            return ValueTask.FromResult(new LoadStatus(0, []));
        }

        var runners = record.Channels.Select(c => _shards.GetValueOrDefault(c)).ToList();
        var progress = runners.Count == 0 ? 0 : (int)runners.Average(r => r?.Progress ?? 0);
        var segments = runners.SelectMany(r => r?.Shard?.Snapshot.Segments ?? []).Select(s => s.Describe());
        return ValueTask.FromResult(new LoadStatus(progress, [.. segments]));
    }

    public void Dispose() => _metrics.Dispose();

    /// <summary>What a read with the guarantee sees. Never below what compactions have purged: there the read waits until it can run later, or fails (Q7, Q6).</summary>
    private async ValueTask<ReadView> ViewAsync(ImmutableArray<Shard> shards, Timestamp guarantee, Func<Timestamp, ReadView> open, CancellationToken ct)
    {
        while (true)
        {
            var view = open(await _gate.PassAsync(shards, guarantee, ct));
            if (view.At >= view.Horizon)
            {
                return view;
            }

            view.Dispose();
            guarantee = view.Horizon;
        }
    }

    // A background loop never ends before it is told to: if one has, its failure is this role's.
    private async Task<CatalogSnapshot> NextViewAsync(long revision, Task[] background, CancellationToken ct)
    {
        var changed = _catalog.ChangedAsync(revision, ct).AsTask();
        var first = await Task.WhenAny([changed, .. background]);
        await first;
        return await changed;
    }

    private async ValueTask ReconcileAsync(CatalogSnapshot view, Dictionary<VChannel, (CancellationTokenSource Stop, Task Task)> running, CancellationToken ct)
    {
        var wanted = view.Collections.Values.Where(c => c is { IsLoaded: true, State: DdlState.Created })
            .SelectMany(c => c.Channels.Select(v => (Channel: v, Collection: c.Id))).ToDictionary(p => p.Channel, p => p.Collection);
        foreach (var (channel, (stop, task)) in running.Where(r => !wanted.ContainsKey(r.Key)).ToList())
        {
            stop.Cancel();
            await task;
            stop.Dispose();
            running.Remove(channel);
            _shards.TryRemove(channel, out _);
        }

        foreach (var (channel, collection) in wanted.Where(w => !running.ContainsKey(w.Key)))
        {
            var runner = new ShardRunner(channel, collection, _log, _catalog, _parts, _positions, _time, _logger);
            var stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
            _shards[channel] = runner;
            running[channel] = (stop, runner.RunAsync(stop.Token));
        }
    }

    /// <summary>Whether a part of the collection cannot be loaded for a reason that does not pass by itself.</summary>
    public bool IsDamaged(CollectionRecord record) => record.Channels.Any(c => IsFinal(_shards.GetValueOrDefault(c)?.Failure));

    private static bool IsFinal(Exception? failure) => failure is MiniMilvusException { Kind: ErrorKind.Corrupted };

    private async ValueTask<(CollectionRecord Record, ImmutableArray<Shard> Shards)> PrepareAsync(CollectionId collection, ImmutableArray<VChannel> channels, CancellationToken ct)
    {
        var record = _catalog.Current.FindCollection(collection)
            ?? throw MiniMilvusException.NotFound(ErrorReason.CollectionNotFound, $"collection {collection} does not exist");
        if (!record.IsLoaded)
        {
            throw MiniMilvusException.Invalid(ErrorReason.CollectionNotLoaded, $"collection {record.Name}: not loaded");
        }

        var wanted = channels.IsDefaultOrEmpty ? record.Channels : channels;
        var shards = ImmutableArray.CreateBuilder<Shard>(wanted.Length);
        using var patience = new CancellationTokenSource(_options.LoadWait, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, patience.Token);
        foreach (var channel in wanted)
        {
            shards.Add(await ReadyAsync(record, channel, either.Token, ct));
        }

        return (record, shards.MoveToImmutable());
    }

    /// <summary>A shard that is ready. One that loads (after a restart, say) is waited for a little; a part that is missing fails the whole (Q6).</summary>
    private async ValueTask<Shard> ReadyAsync(CollectionRecord record, VChannel channel, CancellationToken patience, CancellationToken ct)
    {
        while (true)
        {
            var runner = _shards.GetValueOrDefault(channel);
            var changed = runner?.PhaseChanged;
            if (runner is { Phase: ShardPhase.Ready, Shard: { } shard })
            {
                return shard;
            }

            var failure = runner?.Failure;
            if (changed is null || failure is not null || patience.IsCancellationRequested)
            {
                ct.ThrowIfCancellationRequested();
                // Damage does not pass by itself: to try again would only hide it.
                throw IsFinal(failure)
                    ? MiniMilvusException.Corrupted($"collection {record.Name}: {failure!.Message}", failure)
                    : MiniMilvusException.Unavailable(
                        ErrorReason.CollectionNotFullyLoaded, $"collection {record.Name}: channel {channel} is at {runner?.Progress ?? 0} % of loading{(failure is null ? "" : $" after: {failure.Message}")}");
            }

            await changed.WaitAsync(patience).ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }
    }

    private static SearchResult Assemble(SearchRequest request, CollectionSchema schema, List<ImmutableArray<Hit>> answers, Timestamp at, SearchCost cost)
    {
        var flat = answers.SelectMany(a => a).ToList();
        var rows = flat.ConvertAll(h => (h.Segment, h.Row));
        return new SearchResult(
            [.. answers.Select(a => a.Length)],
            ColumnGather.Field(schema.PrimaryKey.Id, schema, rows),
            [.. flat.Select(h => h.Score)],
            ColumnGather.Fields(request.OutputFields, schema, rows),
            at,
            cost);
    }
}
