using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using MiniMilvus.Coordinator;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Events;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Streaming;
using MiniMilvus.Core.Time;
using MiniMilvus.DataNode;
using MiniMilvus.DataNode.Flush;
using MiniMilvus.Proxy;
using MiniMilvus.Proxy.Grpc;
using MiniMilvus.Proxy.Reading;
using MiniMilvus.Proxy.Streaming;
using MiniMilvus.QueryNode;
using MiniMilvus.Simulation.Scheduling;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Storage.Meta;
using MiniMilvus.Storage.Objects;
using MiniMilvus.StreamingNode;
using MiniMilvus.StreamingNode.Reading;
using MiniMilvus.Woodpecker;

namespace MiniMilvus.Simulation.World;

/// <summary>
/// One life of the server: every role in one process, joined as Host/Wiring/RoleHost joins them, over a simulated disk, clock and compute pool.
/// Everything inside is production code.
/// </summary>
internal sealed class SimCluster(int generation, SimProcess process, IDisk disk, SimOptions options, IStationSink stations, SimLog logs, Random random)
{
    private readonly List<(string Name, CancellationTokenSource Stop, Task Loop)> _loops = [];
    private readonly Stack<IAsyncDisposable> _stores = new();
    private readonly Stack<IDisposable> _owned = new();
    private readonly TaskCompletionSource<(string Role, Exception Reason)> _failed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public int Generation => generation;

    public SimProcess Process => process;

    /// <summary>Completes with the first failure of a role: the process then stops, as the host does.</summary>
    public Task<(string Role, Exception Reason)> Failed => _failed.Task;

    public IMetaStore Meta { get; private set; } = null!;

    public IObjectStore Objects { get; private set; } = null!;

    public CatalogView Catalog { get; private set; } = null!;

    public ILogReader Reader { get; private set; } = null!;

    public IWoodpecker Log { get; private set; } = null!;

    public QueryNodeRole QueryNode { get; private set; } = null!;

    public MilvusGrpcService Service { get; private set; } = null!;

    public async Task StartAsync(string writerId, CancellationToken ct)
    {
        var time = process.Time;
        var meta = await EmbeddedMetaStore.OpenAsync(disk, "meta", time, options.Meta, ct);
        _stores.Push(meta);
        _ = ForwardFailureAsync(meta);
        Meta = meta;
        Objects = await LocalObjectStore.OpenAsync(disk, "objects", ct);
        Log = new LocalWoodpecker(disk, Meta, options.Woodpecker, time, stations, writerId);
        _stores.Push(Log);
        Catalog = new CatalogView(Meta, time);
        var resolver = new Resolver(Catalog, time);
        var streaming = new ChannelAppender(resolver, options.Proxy, time, stations, logs);
        var coordinator = new CoordinatorRole(Meta, Objects, streaming, options.Coordinator, time, logs.CreateLogger<CoordinatorRole>());
        await coordinator.StartAsync(ct);
        Start("catalog view", Catalog.RunAsync);
        await Catalog.RefreshAsync(ct);
        var streamingNode = new StreamingNodeRole("", Log, coordinator, coordinator, Catalog, Meta, options.StreamingNode, time, stations, logs.CreateLogger<StreamingNodeRole>());
        resolver.Local = new WatchedHandler(streamingNode.Handler);
        Start("streaming node", streamingNode.RunAsync);
        Start("coordinator", coordinator.RunAsync);
        Reader = new TailingLogReader(Log, resolver, time, stations);
        var compute = new SimComputePool(process, random);
        var seams = options.Seams;
        QueryNode = new QueryNodeRole(
            seams.QueryNodeLog(Reader), Catalog, seams.QueryNodeObjects(Objects), coordinator, seams.Searches(compute), compute, time, stations, logs, options.QueryNode);
        _owned.Push(QueryNode);
        Start("query node", QueryNode.RunAsync);
        var dataNode = new DataNodeRole(Reader, coordinator, Catalog, seams.DataNodeObjects(Objects), compute, new SealRequester(streaming), time, stations, logs, options.DataNode with { PChannels = options.PChannels, IndexThreads = 2 });
        _owned.Push(dataNode);
        Start("data node", dataNode.RunAsync);
        var proxy = new ProxyRole(new ProxyDependencies(coordinator, Catalog, streaming, new SingleQueryNode(QueryNode), time, stations, logs, options.Proxy));
        _owned.Push(proxy);
        Start("proxy", proxy.RunAsync);
        Service = proxy.Service;
    }

    /// <summary>A stop as the host makes it: roles one by one, the last started first, then the stores.</summary>
    public async Task StopAsync()
    {
        foreach (var (_, stop, loop) in Enumerable.Reverse(_loops))
        {
            stop.Cancel();
            await loop;
        }

        while (_stores.TryPop(out var store))
        {
            await store.DisposeAsync();
        }

        Release();
    }

    /// <summary>Gives back what lives outside of the simulation (meters); also for a process that was killed.</summary>
    public void Release()
    {
        while (_owned.TryPop(out var owned))
        {
            owned.Dispose();
        }
    }

    private void Start(string name, Func<CancellationToken, Task> run)
    {
        var stop = new CancellationTokenSource();
        _loops.Add((name, stop, WatchAsync(name, run, stop.Token)));
    }

    private async Task WatchAsync(string name, Func<CancellationToken, Task> run, CancellationToken ct)
    {
        try
        {
            await run(ct);
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            // Stopped as asked.
        }
        catch (Exception e)
        {
            logs.Add($"role {name} failed: {e}");
            _failed.TrySetResult((name, e));
        }
    }

    private async Task ForwardFailureAsync(EmbeddedMetaStore store)
    {
        await store.Stopped;
        if (store.Failure is { } failure)
        {
            _failed.TrySetResult(("metadata store", failure));
        }
    }

    /// <summary>As Host/Wiring/LogSealRequester.</summary>
    private sealed class SealRequester(IStreamingClient streaming) : ISealRequester
    {
        public async ValueTask RequestSealAsync(VChannel channel, CollectionId collection, CancellationToken ct) =>
            await streaming.AppendAsync(channel, [new ManualFlushBody(collection, [])], ct);
    }

    /// <summary>Tells of subscribers that the tail buffer has cut off.</summary>
    private sealed class WatchedHandler(IStreamingHandler inner) : IStreamingHandler
    {
        public ValueTask<AppendResult> AppendAsync(PChannel pchannel, Term term, VChannel channel, ImmutableArray<MessageBody> messages, CancellationToken ct) =>
            inner.AppendAsync(pchannel, term, channel, messages, ct);

        public ValueTask<Timestamp> SignalAsync(PChannel channel, Term term, Timestamp atLeast, CancellationToken ct) => inner.SignalAsync(channel, term, atLeast, ct);

        public async ValueTask<TailSubscription> SubscribeAsync(PChannel channel, LogPosition from, CancellationToken ct)
        {
            var subscription = await inner.SubscribeAsync(channel, from, ct);
            return subscription with { Frames = WatchAsync(subscription.Frames, ct) };
        }

        private static async IAsyncEnumerable<TailFrame> WatchAsync(IAsyncEnumerable<TailFrame> frames, [EnumeratorCancellation] CancellationToken ct)
        {
            await using var enumerator = frames.GetAsyncEnumerator(ct);
            while (true)
            {
                try
                {
                    if (!await enumerator.MoveNextAsync())
                    {
                        yield break;
                    }
                }
                catch (MiniMilvusException e) when (e.Message.Contains("behind the tail buffer", StringComparison.Ordinal))
                {
                    Happened.Shared.Add(Happened.TailFellBehind);
                    throw;
                }

                yield return enumerator.Current;
            }
        }
    }

    /// <summary>As Host/Wiring/AssignmentResolver, for the one node there is.</summary>
    private sealed class Resolver(CatalogView catalog, TimeProvider time) : IAssignmentResolver
    {
        private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

        public IStreamingHandler Local { get; set; } = null!;

        public async ValueTask<(ChannelAssignment Assignment, IStreamingHandler Handler)> ResolveAsync(PChannel channel, CancellationToken ct) =>
            (await WaitAsync(channel, Term.None, ct), Local);

        public async ValueTask InvalidateAsync(ChannelAssignment assignment, CancellationToken ct) => await WaitAsync(assignment.Channel, assignment.Term, ct);

        private async ValueTask<ChannelAssignment> WaitAsync(PChannel channel, Term above, CancellationToken ct)
        {
            using var timeout = new CancellationTokenSource(Patience, time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, timeout.Token);
            while (true)
            {
                var snapshot = catalog.Current;
                if (snapshot.AssignmentOf(channel) is { } assignment && assignment.Term > above)
                {
                    return assignment;
                }

                try
                {
                    await catalog.ChangedAsync(snapshot.Revision, either.Token);
                }
                catch (OperationCanceledException) when (!ct.IsCancellationRequested)
                {
                    throw MiniMilvusException.Unavailable($"pchannel {channel}: no owner in a term above {above} within {Patience.TotalSeconds:0} s");
                }
            }
        }
    }
}
