using MiniMilvus.Contracts.Wire.Common;
using MiniMilvus.Contracts.Wire.Milvus;
using MiniMilvus.Simulation.Faults;
using MiniMilvus.Simulation.Model;
using MiniMilvus.Simulation.World;

namespace MiniMilvus.Simulation.Workload;

/// <summary>How much a run does.</summary>
internal sealed record SeedSize
{
    public int Operations { get; init; } = 520;

    public int Clients { get; init; } = 4;

    public int Faults { get; init; } = 14;

    public bool WithFaults { get; init; } = true;

    /// <summary>Whether the machine fails and the server is restarted now and then, beside the plan's faults.</summary>
    public bool WithCrashes { get; init; } = true;
}

/// <summary>What a run did.</summary>
internal sealed record SeedReport(int Seed, ulong Trace, long Steps, TimeSpan Simulated, long Operations, long Succeeded, int Faults, int Lives, IReadOnlyList<string> Violations, IReadOnlyList<string> Tail)
{
    /// <summary>How often segments became another (S8).</summary>
    public long Compactions { get; init; }

    public override string ToString() =>
        $"seed {Seed}: {Operations} operations ({Succeeded} ok), {Faults} faults, {Lives} lives, {Compactions} compactions, {Steps} steps, {Simulated.TotalSeconds:0.0} s simulated, trace {Trace:x16}";
}

/// <summary>
/// One seed: several clients insert, upsert, delete, flush and read three collections on two pchannels while one creates, loads, releases and drops
/// others, and the plan's faults strike; then a last restart without faults, and everything is checked.
/// </summary>
internal sealed class SeedRun
{
    private const int Few = 9;
    private const int Many = 50;

    /// <summary>What has to happen over so many seeds, beside the faults.</summary>
    public static IReadOnlyList<string> Required(int seeds) =>
    [
        .. seeds < Few ? [] : (string[])
        [
            Happened.HandoffBesideRead, Happened.TailFellBehind, Happened.FilteredRead, "a delete file was committed", "segments were compacted", "a sealed segment got its index", "a segment was released",
            "a growing buffer was let go and read again", "a truncated log segment was collected", "an append was slowed", "an append was refused for want of room",
        ],
        .. seeds < Many ? [] : (string[])["a query node's shard failed and started over"],
    ];

    private const int OperationsMin = 500;
    private const int FaultsMin = 5;
    private readonly SimWorld _world;
    private readonly SeedSize _size;
    private readonly Random _random;
    private readonly List<CollectionModel> _collections;
    private readonly List<SimClient> _clients = [];
    private long _nextValue = 1;
    private int _left;

    private SeedRun(int seed, SeedSize size, SimWorld world)
    {
        _size = size;
        _random = new Random(seed * 31 + 7);
        _world = world;
        _collections = [new("c0", 2, world.Violations), new("c1", 1, world.Violations), new("c2", 1, world.Violations)];
        _left = size.Operations;
    }

    public static SeedReport Run(int seed, SeedSize? size = null, Action<SimWorld>? arrange = null)
    {
        var world = new SimWorld(seed);
        var run = new SeedRun(seed, size ?? new SeedSize(), world);
        arrange?.Invoke(world);
        var faults = new SeededFaults(new Random(seed * 17 + 3), Stations.All, run._size.Faults, () => world.Scheduler.Now);
        if (run._size.WithFaults)
        {
            world.Faults = faults;
        }

        var violations = world.Violations;
        try
        {
            world.Run(() => run.StoryAsync(faults));
        }
        catch (Exception e)
        {
            violations.Add("the run ends", e is Scheduling.SimulationHangException or Scheduling.EscapedException ? e.Message : e.ToString());
        }

        if (run._size.WithFaults && violations.Found.Count == 0)
        {
            run.RequireEnough(faults);
        }

        return new SeedReport(seed, world.Scheduler.Trace, world.Scheduler.Steps, TimeSpan.FromTicks(world.Scheduler.Now),
            run._clients.Sum(c => c.Operations), run._clients.Sum(c => c.Succeeded), faults.Struck, world.Generation, violations.Found, [.. world.Log.Lines])
        {
            Compactions = world.Stations.Counts.GetValueOrDefault(Core.Events.Station.SegmentCompacted),
        };
    }

    /// <summary>A seed in which little was asked and little failed has proved little.</summary>
    private void RequireEnough(SeededFaults faults)
    {
        var operations = _clients.Sum(c => c.Operations);
        if (operations < OperationsMin || faults.Struck < FaultsMin)
        {
            _world.Violations.Add("a seed is full", $"{operations} operations and {faults.Struck} faults; expected at least {OperationsMin} and {FaultsMin}");
        }
    }

    private async Task StoryAsync(SeededFaults faults)
    {
        var admin = Client("admin", 0);
        foreach (var model in _collections)
        {
            await CreateAsync(admin, model);
        }

        faults.IsOn = true;
        var clients = Enumerable.Range(0, _size.Clients).Select(i => WorkAsync(i, Client($"client {i}", _size.WithFaults ? 0.02 : 0)));
        var extra = TablesAsync(Client("ddl", 0));
        await Task.WhenAll([.. clients, extra, DisturbAsync()]);
        faults.IsOn = false;
        _world.FreeBytes = null;
        _world.Faults = NoFaults.Instance;
        if (!_world.Violations.Any)
        {
            await FinishAsync(admin);
        }
    }

    private SimClient Client(string name, double loss)
    {
        var client = new SimClient(_world, new Random(_random.Next()), name) { LossRate = loss };
        _clients.Add(client);
        return client;
    }

    internal static async Task CreateAsync(SimClient client, CollectionModel model)
    {
        await client.UntilOkAsync($"create {model.Name}", (s, c) => s.CreateCollection(Wire.Create(model.Name, model.Shards).Sent(), c));
        await client.UntilOkAsync($"index {model.Name}", (s, c) => s.CreateIndex(Wire.Index(model.Name).Sent(), c));
        await client.UntilOkAsync($"load {model.Name}", (s, c) => s.LoadCollection(new LoadCollectionRequest { CollectionName = model.Name }.Sent(), c));
    }

    /// <summary>Now and then the whole machine fails, or an operator restarts the server.</summary>
    private async Task DisturbAsync()
    {
        while (_left > 0 && _size.WithCrashes && !_world.Violations.Any)
        {
            await _world.DelayAsync(TimeSpan.FromMilliseconds(_random.Next(500, 6000)));
            switch (_random.Next(8))
            {
                case 3 or 4:
                    _world.FreeBytes = SimWorld.FullBelowBytes + _random.NextInt64(SimWorld.FullBelowBytes); // slowed …
                    await _world.DelayAsync(TimeSpan.FromMilliseconds(_random.Next(500, 3000)));
                    _world.FreeBytes = _random.NextInt64(SimWorld.FullBelowBytes); // … then refused, and then there is room again
                    await _world.DelayAsync(TimeSpan.FromMilliseconds(_random.Next(500, 3000)));
                    _world.FreeBytes = null;
                    break;
                case 0:
                    _world.Cut();
                    break;
                case 1:
                    _world.Kill();
                    break;
                case 2:
                    await _world.RestartAsync();
                    break;
            }
        }
    }

    private async Task WorkAsync(int index, SimClient client)
    {
        var random = new Random(_random.Next());
        var nextKey = (long)index;
        while (_left-- > 0 && !_world.Violations.Any)
        {
            var model = _collections[random.Next(_collections.Count)];
            var level = (ConsistencyLevel)random.Next(4);
            switch (random.Next(20))
            {
                case < 5:
                    await client.WriteAsync(model, "insert", New(random.Next(1, 6)));
                    break;
                case 5:
                    await client.WriteAsync(model, "insert", New(random.Next(20, 60))); // More than one message: a transaction.
                    break;
                case < 9:
                    if (Pick(model, random.Next(1, 5)) is { Count: > 0 } updated)
                    {
                        await client.WriteAsync(model, "upsert", [.. updated.Select(k => (k, (long?)_nextValue++))]);
                    }

                    break;
                case < 12:
                    if (Pick(model, random.Next(1, 5)) is { Count: > 0 } deleted)
                    {
                        await client.WriteAsync(model, "delete", [.. deleted.Select(k => (k, (long?)null))]);
                    }

                    break;
                case 12 when random.Next(3) == 0:
                    await client.CompactAsync(model);
                    break;
                case 12:
                    await client.FlushAsync(model);
                    break;
                case < 15:
                    await client.QueryAsync(model, level, Filter());
                    break;
                case 15:
                    await client.CountAsync(model, level, Filter());
                    break;
                case < 18:
                    await client.SearchAsync(model, level, random.Next(2) == 0 ? 5 : 2000, Filter());
                    break;
                case 18:
                    await client.QueryAsync(model, ConsistencyLevel.Strong);
                    break;
                default:
                    await _world.DelayAsync(TimeSpan.FromMilliseconds(random.Next(1, 1500)));
                    break;
            }

            await _world.DelayAsync(TimeSpan.FromMicroseconds(random.Next(1, 30_000)));
        }

        RowFilter? Filter() => random.Next(2) == 0 ? RowFilter.Any(random) : null;

        List<(long, long?)> New(int count)
        {
            var rows = new List<(long, long?)>();
            for (var i = 0; i < count; i++)
            {
                rows.Add((nextKey, _nextValue++));
                nextKey += _size.Clients;
            }

            return rows;
        }

        List<long> Pick(CollectionModel model, int count)
        {
            var mine = model.Keys.Where(k => k.Key % _size.Clients == index && !k.Value.IsUncertain).Select(k => k.Key).ToList();
            return [.. Enumerable.Range(0, Math.Min(count, mine.Count)).Select(_ => mine[random.Next(mine.Count)]).Distinct()];
        }
    }

    /// <summary>Collections that come and go, with partitions, loads and releases.</summary>
    private async Task TablesAsync(SimClient client)
    {
        for (var i = 0; _left > 0 && !_world.Violations.Any; i++)
        {
            var model = new CollectionModel($"t{i}", 1 + (i % 2), _world.Violations);
            await CreateAsync(client, model);
            await client.UntilOkAsync("create partition", (s, c) => s.CreatePartition(new CreatePartitionRequest { CollectionName = model.Name, PartitionName = "extra" }.Sent(), c));
            await client.WriteAsync(model, "insert", [.. Enumerable.Range(0, 7).Select(k => ((long)k, (long?)_nextValue++))]);
            await client.WriteAsync(model, "insert", [.. Enumerable.Range(100, 7).Select(k => ((long)k, (long?)_nextValue++))], "extra");
            await client.QueryAsync(model, ConsistencyLevel.Strong);
            if (_random.Next(2) == 0)
            {
                await client.FlushAsync(model);
            }

            await client.UntilOkAsync("release", (s, c) => s.ReleaseCollection(new ReleaseCollectionRequest { CollectionName = model.Name }.Sent(), c));
            await client.UntilOkAsync("load again", (s, c) => s.LoadCollection(new LoadCollectionRequest { CollectionName = model.Name }.Sent(), c));
            await client.UntilTrueAsync($"query of {model.Name}", () => client.QueryAsync(model, ConsistencyLevel.Strong));
            await client.UntilOkAsync("drop partition", (s, c) => s.DropPartition(new DropPartitionRequest { CollectionName = model.Name, PartitionName = "extra" }.Sent(), c));
            var dropped = model.Begin([.. Enumerable.Range(100, 7).Select(k => ((long)k, (long?)null))], 0);
            model.Acked(dropped, model.LastAcked + 1); // Any read that begins now no longer shows the partition.
            await client.UntilTrueAsync($"query of {model.Name}", () => client.QueryAsync(model, ConsistencyLevel.Strong));
            await client.UntilOkAsync($"drop {model.Name}", (s, c) => s.DropCollection(new DropCollectionRequest { CollectionName = model.Name }.Sent(), c));
        }
    }

    /// <summary>A last restart, then everything is asked for and compared.</summary>
    private async Task FinishAsync(SimClient client)
    {
        var generation = (await _world.ClusterAsync()).Generation;
        switch (_random.Next(3))
        {
            case 0:
                _world.Cut();
                break;
            case 1:
                _world.Kill();
                break;
            default:
                await _world.RestartAsync();
                break;
        }

        var cluster = await _world.LaterThanAsync(generation);
        await FinalCheck.RunAsync(_world, cluster, client, _collections);
    }
}
