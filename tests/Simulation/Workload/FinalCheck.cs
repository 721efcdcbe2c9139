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

    /// <summary>W1: every acked append that begins at or above the truncation watermark is in the log as a reader sees it, also when it sees nothing.</summary>
    private static async Task CheckLogAsync(SimWorld world, SimCluster cluster, LogLedger ledger)
    {
        if (!world.Stations.AckedAppends.TryGetValue(ledger.Channel.Name, out var appends) || appends.Count == 0)
        {
            return;
        }

        // As they are now: roles go on appending while the log is read, a seal that a data node asks for, and reading ends at what is the last one now.
        var acked = appends.ToArray();
        var until = acked[^1].Tick;
        var cursor = ledger.Open(LogPosition.Beginning);
        var truncated = await cluster.Process.CallAsync(async () =>
        {
            using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(60), cluster.Process.Time);
            await world.ReadAsync(cluster, cursor, ledger.Channel, LogPosition.Beginning, v => (v.Message?.CommitTick ?? v.Tick.Tick) < until, stop.Token);
            return (await cluster.Log.GetWatermarksAsync(ledger.Channel.Name, stop.Token)).TruncatedUntil;
        });
        var seen = cursor.Commits.ToHashSet();
        var first = cursor.Commits.Count > 0 ? cursor.Commits[0] : Timestamp.Max;
        foreach (var append in acked)
        {
            if ((append.First >= truncated || append.Tick >= first) && !seen.Contains(append.Tick))
            {
                world.Violations.Add(
                    "W1 an acked entry is readable until it is truncated",
                    $"{ledger.Channel}: the append acked at {append.Tick}, place {append.Last}, is not in the log, which is truncated until {truncated}, begins at {first} and was read to {cursor.LastPosition}");
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
