using Grpc.Core;
using MiniMilvus.Coordinator;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Events;
using MiniMilvus.Core.Streaming;
using MiniMilvus.DataNode;
using MiniMilvus.Host.Cli;
using MiniMilvus.Host.Remote;
using MiniMilvus.Host.Verifying;
using MiniMilvus.Proxy;
using MiniMilvus.Proxy.Grpc;
using MiniMilvus.Proxy.Reading;
using MiniMilvus.Proxy.Streaming;
using MiniMilvus.QueryNode;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Storage.Meta;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Storage.Segments;
using MiniMilvus.StreamingNode;
using MiniMilvus.StreamingNode.Reading;
using MiniMilvus.Woodpecker;
using MiniMilvus.Woodpecker.Inspection;

namespace MiniMilvus.Host.Wiring;

/// <summary>
/// The composition root: makes the stores, then the roles, and joins them by interfaces - in this process directly, else over gRPC. Here, and
/// nowhere else, is it known whether a neighbour is a neighbour.
/// </summary>
internal sealed class RoleHost(HostOptions options) : IAsyncDisposable
{
    private readonly TimeProvider _time = TimeProvider.System;
    private readonly IStationSink _stations = NoStations.Instance;
    private readonly Belongings _owned = new();
    private readonly Connections _connections = new();
    private RoleRunner? _runner;
    private ILoggerFactory _logs = null!;
    private IMetaStore _meta = null!;
    private IObjectStore _objects = null!;
    private IWoodpecker _woodpecker = null!;
    private CatalogView _catalog = null!;
    private ICoordinator _coordinator = null!;
    private IChannelAssigner _assigner = null!;
    private CoordinatorRole? _coordinatorRole;
    private StreamingNodeRole? _streamingNode;
    private QueryNodeRole? _queryNode;
    private ProxyRole? _proxy;
    private readonly TaskCompletionSource<Exception> _failed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private volatile bool _isStopping;

    public bool IsReady { get; private set; }

    public Task<Exception> Failed => _failed.Task;

    public void AddServices(IServiceCollection services)
    {
        services.AddSingleton(_ => new MetaGrpcService(_meta));
        services.AddSingleton(_ => new CoordinatorGrpcService(_coordinatorRole!));
        services.AddSingleton(_ => new AssignmentGrpcService(_coordinatorRole!));
        services.AddSingleton(_ => new HandlerGrpcService(_streamingNode!.Handler));
        services.AddSingleton(_ => new QueryNodeGrpcService(_queryNode!));
        services.AddSingleton(_ => _proxy?.Service ?? throw new RpcException(new Status(StatusCode.Unavailable, "starting")));
    }

    public void MapServices(IEndpointRouteBuilder endpoints)
    {
        if (options.Has(Roles.Coordinator))
        {
            endpoints.MapGrpcService<MetaGrpcService>();
            endpoints.MapGrpcService<CoordinatorGrpcService>();
            endpoints.MapGrpcService<AssignmentGrpcService>();
        }

        if (options.Has(Roles.StreamingNode))
        {
            endpoints.MapGrpcService<HandlerGrpcService>();
        }

        if (options.Has(Roles.QueryNode))
        {
            endpoints.MapGrpcService<QueryNodeGrpcService>();
        }

        if (options.Has(Roles.Proxy))
        {
            endpoints.MapGrpcService<MilvusGrpcService>();
        }
    }

    /// <summary>Takes the ownership of what the roles of this process own, and opens the stores.</summary>
    public async Task OpenAsync(ILoggerFactory logs, CancellationToken ct)
    {
        if (!options.Has(Roles.Coordinator) && options.CoordinatorAddress.Length == 0)
        {
            throw MiniMilvusException.Invalid($"roles {options.Roles}: expected --coordinator HOST:PORT, because no coordinator runs in this process");
        }

        _logs = logs;
        _runner = new RoleRunner(logs.CreateLogger("MiniMilvus.Host"));
        _ = ForwardFailureAsync(_runner);
        var stores = new Stores(options, _time, _stations, _owned, e => StopFor("metadata store", e));
        _meta = await stores.OpenMetaAsync(() => new RemoteMetaStore(Connect(options.CoordinatorAddress)), ct);
        _objects = await stores.OpenObjectsAsync(ct);
        _woodpecker = await stores.OpenLogAsync(_meta, _objects, logs.CreateLogger("MiniMilvus.Woodpecker"), ct);
        _catalog = new CatalogView(_meta, _time);
    }

    /// <summary>Starts the roles, in the order in which they need each other.</summary>
    public async Task StartAsync(string ownAddress, CancellationToken ct)
    {
        var runner = _runner!;
        var isAlone = options.Roles == Roles.All;
        var address = isAlone ? "" : ownAddress;
        var resolver = new AssignmentResolver(_catalog, address, a => new RemoteStreamingHandler(Connect(a)), _time);
        var streaming = new ChannelAppender(resolver, options.Proxy, _time, _stations, _logs);
        if (options.Has(Roles.Coordinator))
        {
            _coordinatorRole = new CoordinatorRole(_meta, _objects, streaming, options.Coordinator with { Compaction = options.DataCoord, Retention = options.Common }, _time, _logs.CreateLogger<CoordinatorRole>());
            await _coordinatorRole.StartAsync(ct);
            (_coordinator, _assigner) = (_coordinatorRole, _coordinatorRole);
        }
        else
        {
            var remote = new RemoteCoordinator(Connect(options.CoordinatorAddress), e => _failed.TrySetResult(e));
            (_coordinator, _assigner) = (remote, remote);
        }

        runner.Start("catalog view", _catalog.RunAsync);
        await _catalog.RefreshAsync(ct);
        if (options.Has(Roles.StreamingNode))
        {
            _streamingNode = new StreamingNodeRole(address, _woodpecker, _coordinator, _assigner, _catalog, _meta, options.StreamingNode, _time, _stations, _logs.CreateLogger<StreamingNodeRole>());
            resolver.Local = _streamingNode.Handler;
            runner.Start("streaming node", _streamingNode.RunAsync);
        }

        if (_coordinatorRole is not null)
        {
            runner.Start("coordinator", _coordinatorRole.RunAsync);
            StartScrub(runner);
        }

        var reader = new TailingLogReader(_woodpecker, resolver, _time, _stations);
        if (options.Has(Roles.QueryNode))
        {
            var compute = _owned.Add(new ThreadComputePool("query", Environment.ProcessorCount + 1));
            var building = _owned.Add(new ThreadComputePool("graph", options.QueryNode.GraphWorkers, BackgroundThread.Graphs));
            _queryNode = new QueryNodeRole(reader, _catalog, _objects, _coordinator, compute, building, _time, _stations, _logs, options.QueryNode with { Address = address });
            runner.Start("query node", _queryNode.RunAsync);
        }

        if (options.Has(Roles.DataNode))
        {
            var compute = _owned.Add(new ThreadComputePool("data", Environment.ProcessorCount, BackgroundThread.Files));
            var channels = Enumerable.Range(0, options.Coordinator.PChannels).Select(i => new PChannel($"{options.Coordinator.PChannelPrefix}_{i}"));
            var dataNode = _owned.Add(new DataNodeRole(reader, _coordinator, _catalog, _objects, compute, new LogSealRequester(streaming), _time, _stations, _logs,
                options.DataNode with { Address = address, PChannels = [.. channels], Compaction = options.DataCoord, Retention = options.Common }));
            runner.Start("data node", dataNode.RunAsync);
        }

        if (options.Has(Roles.Proxy))
        {
            IQueryRouter router = _queryNode is { } local ? new SingleQueryNode(local) : new CatalogQueryRouter(_catalog, a => new RemoteQueryNode(Connect(a)));
            _proxy = _owned.Add(new ProxyRole(new ProxyDependencies(_coordinator, _catalog, streaming, router, _time, _stations, _logs, options.Proxy)));
            runner.Start("proxy", _proxy.RunAsync);
        }

        if (options.Has(Roles.StreamingNode))
        {
            await WaitForChannelsAsync(ct);
        }

        if (_queryNode is { } queryNode)
        {
            await WaitForLoadAsync(queryNode, ct);
        }

        IsReady = true;
    }

    /// <summary>No new work; what runs may end.</summary>
    public ValueTask StopServingAsync()
    {
        IsReady = false;
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        _isStopping = true;
        if (_runner is not null)
        {
            await _runner.DisposeAsync();
        }

        await _owned.DisposeAsync();
        _connections.Dispose();
    }

    /// <summary>Ready means: every channel of this node is open, so the first request need not wait for recovery.</summary>
    private async Task WaitForChannelsAsync(CancellationToken ct)
    {
        while (true)
        {
            // Armed before looking: a channel that opens in between must not be missed.
            var opened = _streamingNode!.Changed;
            var snapshot = _catalog.Current;
            var mine = snapshot.Assignments.Values.ToList();
            if (mine.Count > 0 && _streamingNode.HasOpened(mine))
            {
                return;
            }

            var moved = await Task.WhenAny(_catalog.ChangedAsync(snapshot.Revision, ct).AsTask(), opened.WaitAsync(ct), Failed);
            if (moved == Failed)
            {
                throw MiniMilvusException.Unavailable("a role failed while starting", await Failed);
            }

            ct.ThrowIfCancellationRequested();
        }
    }

    /// <summary>… and every collection that was loaded is loaded again, within a bound: what takes longer answers "not fully loaded" meanwhile, and what is damaged answers so.</summary>
    private async Task WaitForLoadAsync(QueryNodeRole queryNode, CancellationToken ct)
    {
        var began = _time.GetTimestamp();
        foreach (var collection in _catalog.Current.Collections.Values.Where(c => c is { IsLoaded: true, State: DdlState.Created }))
        {
            while ((await queryNode.GetLoadStatusAsync(collection.Id, ct)).ProgressPercent < 100 && !queryNode.IsDamaged(collection) && _time.GetElapsedTime(began) < HostLimits.LoadTime && !Failed.IsCompleted)
            {
                await Task.Delay(HostLimits.LoadPoll, _time, ct);
            }
        }
    }

    /// <summary>Beside the coordinator, so that a deployment has one.</summary>
    private void StartScrub(RoleRunner runner)
    {
        if (options.StorageType == StorageType.Remote && !options.Scrub.Remote)
        {
            return;
        }

        var scrub = new Scrub(Begin, options.Scrub, _time, _logs.CreateLogger("MiniMilvus.Host"));
        _owned.Add(scrub);
        runner.Start("scrub", scrub.RunAsync);

        Verification Begin()
        {
            if (options.StorageType == StorageType.Remote)
            {
                return new(new LogInspector(_objects, MetadataAsync, options.Woodpecker, _time, MetadataView.ConsumedOf), new ObjectCheck(_objects, MetadataAsync));
            }

            var folder = new ReadOnlyDisk(new RealDisk(options.DataFolder));
            return new(new LogInspector(folder, MetadataAsync, MetadataView.ConsumedOf), new ObjectCheck(LocalObjectStore.View(folder, "objects"), MetadataAsync));
        }

        async ValueTask<MetaRange?> MetadataAsync(CancellationToken ct) => await _meta.RangeAsync("", ct);
    }

    private CallInvoker Connect(string address) => _connections.Connect(address);

    private async Task ForwardFailureAsync(RoleRunner runner) => _failed.TrySetResult(await runner.Failed);

    private void StopFor(string name, Exception failure)
    {
        if (!_isStopping)
        {
            _runner?.Fail(name, failure);
        }
    }
}
