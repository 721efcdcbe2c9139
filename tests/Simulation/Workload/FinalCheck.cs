using MiniMilvus.Contracts.Wire.Common;
using MiniMilvus.Core;
using MiniMilvus.Core.Time;
using MiniMilvus.Simulation.Model;
using MiniMilvus.Simulation.World;
using SegmentState = MiniMilvus.Core.Catalog.SegmentState;

namespace MiniMilvus.Simulation.Workload;

/// <summary>After the last restart nothing fails any more: every row is asked for by query, count and search, the log is read from its beginning, the segments are counted.</summary>
internal static class FinalCheck
{
    public static async Task RunAsync(SimWorld world, SimCluster cluster, SimClient client, IReadOnlyList<CollectionModel> collections)
    {
        foreach (var model in collections)
        {
            await client.UntilTrueAsync($"last query of {model.Name}", () => client.QueryAsync(model, ConsistencyLevel.Strong));
            await client.UntilTrueAsync($"last count of {model.Name}", () => client.CountAsync(model, ConsistencyLevel.Strong));
            await client.UntilTrueAsync($"last search of {model.Name}", () => client.SearchAsync(model, ConsistencyLevel.Strong, 4000));
            await client.UntilTrueAsync($"last top-k of {model.Name}", () => client.SearchAsync(model, ConsistencyLevel.Strong, 3));
        }

        foreach (var ledger in world.Ledgers)
        {
            await CheckLogAsync(world, cluster, ledger);
        }

        await CheckSegmentsAsync(world, cluster);
    }

    /// <summary>W1: every acked tick that is not truncated is in the log as a reader sees it.</summary>
    private static async Task CheckLogAsync(SimWorld world, SimCluster cluster, LogLedger ledger)
    {
        if (!world.Stations.AckedTicks.TryGetValue(ledger.Channel.Name, out var acked) || acked.Count == 0)
        {
            return;
        }

        var until = acked[^1];
        var cursor = ledger.Open(LogPosition.Beginning);
        await cluster.Process.CallAsync(async () =>
        {
            using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(60), cluster.Process.Time);
            await world.ReadAsync(cluster, cursor, ledger.Channel, LogPosition.Beginning, v => (v.Message?.CommitTick ?? v.Tick.Tick) < until, stop.Token);
            return true;
        });
        var seen = cursor.Commits.ToHashSet();
        var first = cursor.Commits.Count > 0 ? cursor.Commits[0] : Timestamp.Max;
        foreach (var tick in acked)
        {
            if (tick >= first && !seen.Contains(tick))
            {
                world.Violations.Add("W1 an acked entry is readable until it is truncated", $"{ledger.Channel}: acked tick {tick} is not in the log, which begins at {first} and was read to {cursor.LastPosition}");
            }
        }
    }

    /// <summary>S2: a sealed segment holds exactly the rows that the log assigned to it.</summary>
    private static async Task CheckSegmentsAsync(SimWorld world, SimCluster cluster)
    {
        var seen = world.Ledgers.SelectMany(l => l.RowsOf.Select(r => (Segment: r.Key, Rows: r.Value, IsWhole: l.SawWhole(r.Key)))).ToDictionary(r => r.Segment);
        var snapshot = await cluster.Process.CallAsync(async () => await cluster.Catalog.RefreshAsync(CancellationToken.None));
        foreach (var collection in snapshot.Collections.Values)
        {
            foreach (var segment in snapshot.SegmentsOf(collection.Id).Values.Where(s => s.State == SegmentState.Flushed))
            {
                if (seen.TryGetValue(segment.Id, out var log) && (segment.Rows < log.Rows || (log.IsWhole && segment.Rows > log.Rows)))
                {
                    world.Violations.Add("S2 a sealed segment holds the rows that the log assigned to it", $"segment {segment.Id} of {collection.Name}: {segment.Rows} rows, the log has {log.Rows}");
                }
            }
        }
    }
}
