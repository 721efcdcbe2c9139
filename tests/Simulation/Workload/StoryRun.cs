using MiniMilvus.Contracts.Wire.Common;
using MiniMilvus.Contracts.Wire.Milvus;
using MiniMilvus.Simulation.Faults;
using MiniMilvus.Simulation.Model;
using MiniMilvus.Simulation.World;

namespace MiniMilvus.Simulation.Workload;

/// <summary>
/// The fixed story of the systematic runs: insert, upsert, delete, flush, checkpoint, truncate, and once more, restart, look. One fault strikes
/// somewhere in it; after the last restart everything must be as the answers said.
/// </summary>
internal sealed class StoryRun
{
    private readonly SimWorld _world;
    private readonly CollectionModel _model;
    private readonly SimClient _client;
    private long _value = 1;

    private StoryRun(SimWorld world)
    {
        _world = world;
        _model = new CollectionModel("books", 1, world.Violations);
        _client = new SimClient(world, new Random(5), "reader");
    }

    public static SeedReport Run(IFaultPlan faults, int seed = 7, Action<SimWorld>? arrange = null, bool cutAtEnd = false)
    {
        var world = new SimWorld(seed) { Faults = faults };
        arrange?.Invoke(world);
        var run = new StoryRun(world);
        try
        {
            world.Run(() => run.StoryAsync(cutAtEnd), stepsMax: 100_000);
        }
        catch (Exception e)
        {
            world.Violations.Add("the run ends", e is Scheduling.SimulationHangException or Scheduling.EscapedException ? e.Message : e.ToString());
        }

        return new SeedReport(seed, world.Scheduler.Trace, world.Scheduler.Steps, TimeSpan.FromTicks(world.Scheduler.Now), run._client.Operations, run._client.Succeeded,
            0, world.Generation, world.Violations.Found, [.. world.Log.Lines]);
    }

    private async Task StoryAsync(bool cutAtEnd)
    {
        await SeedRun.CreateAsync(_client, _model);
        for (var round = 0; round < 2; round++)
        {
            var first = round * 100L;
            await WriteAsync("insert", first, 6);
            await WriteAsync("upsert", first, 3);
            await WriteAsync("delete", first + 4, 2);
            await WriteAsync("insert", first + 20, 25); // Larger than a message: a transaction.
            await _client.QueryAsync(_model, ConsistencyLevel.Strong);
            await FlushedAsync();
            await _world.DelayAsync(TimeSpan.FromSeconds(3)); // Checkpoints move, the log is truncated.
        }

        await WriteAsync("insert", 300, 4);
        await WriteAsync("delete", 0, 1);
        _world.Faults = NoFaults.Instance;
        var generation = (await _world.ClusterAsync()).Generation;
        if (cutAtEnd)
        {
            _world.Cut();
        }
        else
        {
            await _world.RestartAsync();
        }

        var cluster = await _world.LaterThanAsync(generation);
        await FinalCheck.RunAsync(_world, cluster, _client, [_model]);
    }

    private async Task WriteAsync(string rpc, long first, int count)
    {
        var keys = Enumerable.Range(0, count).Select(i => first + i).Where(k => !_model.Of(k).IsUncertain).ToList();
        if (keys.Count > 0)
        {
            await _client.WriteAsync(_model, rpc, [.. keys.Select(k => (k, rpc == "delete" ? (long?)null : _value++))]);
        }
    }

    /// <summary>Flush, and wait until it is done, as clients do.</summary>
    private async Task FlushedAsync()
    {
        FlushResponse? flush = null;
        await _client.UntilOkAsync("flush", async (s, c) =>
        {
            flush = await s.Flush(new FlushRequest { CollectionNames = { _model.Name } }.Sent(), c);
            return flush.Status;
        });
        await _client.UntilTrueAsync("flush state", async () =>
        {
            var flushed = false;
            await _client.UntilOkAsync("flush state", async (s, c) =>
            {
                var request = new GetFlushStateRequest { CollectionName = _model.Name, FlushTs = flush!.CollFlushTs[_model.Name] };
                request.SegmentIDs.AddRange(flush.CollSegIDs[_model.Name].Data);
                var state = await s.GetFlushState(request.Sent(), c);
                flushed = state.Flushed;
                return state.Status;
            });
            return flushed;
        });
    }
}
