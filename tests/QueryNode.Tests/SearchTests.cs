using System.Diagnostics.Metrics;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Query;
using MiniMilvus.Core.Schema;

namespace MiniMilvus.QueryNode.Tests;

/// <summary>What searches and queries return, and what they cost.</summary>
public sealed class SearchTests
{
    [Fact]
    public async Task After_twenty_thousand_fresh_rows_a_search_computes_less_than_thirty_percent_of_the_distances()
    {
        await using var world = await World.ReadyAsync();
        using var steps = new Steps();
        const int rows = 20_000;
        for (var first = 0; first < rows; first += 500)
        {
            world.Insert(10 + (ulong)first, [.. Enumerable.Range(first, 500).Select(i => (long)i)]);
        }

        var at = 10UL + rows;
        world.Tick(at);
        await steps.UntilAsync(() => world.Node.Metrics.RowsWaitingForGraph < world.Options.GraphStepRows && world.Node.Metrics.GrowingRows == rows);
        long distances = 0;
        var found = 0;
        for (var i = 0; i < 20; i++)
        {
            var query = World.VectorOf(1_000_000 + i);
            var result = await world.SearchAsync(at, query);
            distances = Math.Max(distances, result.Cost.DistancesComputed);
            Assert.Equal(rows, result.Cost.RowsVisible);
            found += World.Keys(result.Keys).Intersect(Nearest(query, Enumerable.Range(0, rows).Select(k => (long)k), 10)).Count();
        }

        Assert.True(distances < 0.3 * rows, $"{distances} distances");
        Assert.True(found >= 0.95 * 200, $"recall {found / 200.0}");
    }

    [Theory]
    [InlineData("id >= 0")]
    [InlineData("age < 50")]
    [InlineData("age < 10")]
    [InlineData("age == 1")]
    [InlineData("id in [17, 4001]")]
    [InlineData("color == 'blue' and age < 20")]
    [InlineData("not (age < 90)")]
    [InlineData("id < 0")]
    public async Task A_filtered_search_finds_the_nearest_rows_that_pass(string filter)
    {
        await using var world = await World.ReadyAsync(options: new QueryNodeOptions { ChunkRowsMin = 1024, ChunkRowsMax = 2048, GraphStepRows = 256 });
        using var steps = new Steps();
        var rows = Enumerable.Range(0, 5000).Select(k => (long)k).ToArray();
        for (var first = 0; first < rows.Length; first += 250)
        {
            world.Insert(10 + (ulong)first, rows[first..(first + 250)], segment: first < 2500 ? 1 : 2);
        }

        world.Delete(9000, [17, 18, 19]);
        world.Tick(9001);
        var passing = (await world.KeysAsync(9001, filter)).ToArray();
        Assert.DoesNotContain(17, passing);
        await steps.UntilAsync(() => world.Node.Metrics.RowsWaitingForGraph < 512);
        await world.FlushAsync(1);
        await world.Journal.WaitAsync(6003);
        Assert.Equal(passing, await world.KeysAsync(9001, filter));
        var found = 0;
        var wanted = 0;
        for (var i = 0; i < 10; i++)
        {
            var query = World.VectorOf(70_000 + i);
            var keys = World.Keys((await world.SearchAsync(9001, query, 10, filter)).Keys);
            Assert.Equal(Math.Min(10, passing.Length), keys.Count);
            Assert.Empty(keys.Except(passing));
            found += keys.Intersect(Nearest(query, passing, 10)).Count();
            wanted += keys.Count;
        }

        Assert.True(found >= 0.95 * wanted, $"recall {found} of {wanted}");
    }

    [Fact]
    public async Task Scores_come_best_first_and_a_key_comes_once()
    {
        await using var world = await World.ReadyAsync();
        // The same keys inserted twice, without an upsert: both rows exist, results show each key once.
        world.Insert(10, [1, 2, 3, 4]);
        world.Insert(20, [1, 2, 3, 4], segment: 2);
        var found = await world.SearchAsync(20, [.. World.VectorOf(3), .. World.VectorOf(1)], 3);
        Assert.Equal(new[] { 3, 3 }, found.Counts.ToArray());
        var keys = World.Keys(found.Keys);
        Assert.Equal(3, keys.Take(3).Distinct().Count());
        Assert.Equal(3, keys[0]);
        Assert.Equal(1, keys[3]);
        Assert.Equal(found.Scores.Take(3).Order(), found.Scores.Take(3));
        Assert.Equal(8, (await world.RetrieveAsync(20, change: r => r with { CountOnly = true })).Count);
        Assert.Equal([1, 2, 3, 4], await world.KeysAsync(20));
        var all = await world.SearchAsync(20, World.VectorOf(1), 100);
        Assert.Equal(4, all.Counts[0]);
    }

    [Fact]
    public async Task A_range_search_keeps_to_its_range()
    {
        await using var world = await World.ReadyAsync();
        var rows = Enumerable.Range(0, 300).Select(k => (long)k).ToArray();
        world.Insert(10, rows);
        var query = World.VectorOf(-1);
        var distances = rows.Select(k => Distance(query, k)).Order().ToArray();
        var (near, far) = (distances[20], distances[40]);
        var found = await world.SearchAsync(10, query, 10, change: r => r with { Radius = far, RangeFilter = near });
        Assert.Equal(10, found.Scores.Length);
        Assert.All(found.Scores, s => Assert.True(s >= near && s < far));
        Assert.Equal(near, found.Scores[0], 5);
        var all = await world.SearchAsync(10, query, 100, change: r => r with { Radius = far, RangeFilter = near });
        Assert.Equal(20, all.Scores.Length);
        var inner = await world.SearchAsync(10, query, 100, change: r => r with { Metric = MetricType.IP, Radius = 0.5f });
        Assert.NotEmpty(inner.Scores);
        Assert.All(inner.Scores, s => Assert.True(s > 0.5f));
    }

    [Fact]
    public async Task Queries_page_through_keys_in_order()
    {
        await using var world = await World.ReadyAsync();
        world.Insert(10, [5, 3, 9]);
        world.Insert(20, [1, 7, 3], segment: 2, version: 1);
        await world.FlushAsync(1);
        await world.Journal.WaitAsync(6003);
        Assert.Equal([1, 3, 5, 7, 9], await world.KeysAsync(20));
        Assert.Equal([3, 5], await world.KeysAsync(20, change: r => r with { Offset = 1, Limit = 2 }));
        Assert.Equal([9], await world.KeysAsync(20, change: r => r with { Offset = 4, Limit = 2 }));
        Assert.Equal([3, 9], await world.KeysAsync(20, "id in [9, 3, 4]"));
        Assert.Empty(await world.KeysAsync(20, change: r => r with { Limit = 0 }));
        // The newest row of key 3 is the one with version 1.
        var newest = await world.RetrieveAsync(20, "id == 3");
        Assert.Contains("\"version\":1", System.Text.Encoding.UTF8.GetString(((Core.Rows.JsonColumn)newest.Columns[3]).Values.Span[0].Span), StringComparison.Ordinal);
        Assert.Equal(World.VectorOf(3, 1), ((Core.Rows.FloatVectorColumn)newest.Columns[2]).Row(0).ToArray());
        var ages = (await world.RetrieveAsync(20)).Columns[1];
        Assert.Equal([false, false, false, false, true], Enumerable.Range(0, 5).Select(ages.IsNull));
    }

    [Fact]
    public async Task Wrong_requests_are_refused()
    {
        await using var world = await World.ReadyAsync();
        Assert.Equal(ErrorKind.Invalid, (await Assert.ThrowsAsync<MiniMilvusException>(() => world.SearchAsync(1, new float[World.Dim], filter: "age =="))).Kind);
        Assert.Equal(ErrorKind.Invalid, (await Assert.ThrowsAsync<MiniMilvusException>(() => world.SearchAsync(1, new float[World.Dim], 0))).Kind);
        Assert.Equal(ErrorKind.Invalid, (await Assert.ThrowsAsync<MiniMilvusException>(() => world.SearchAsync(1, new float[World.Dim], change: r => r with { Queries = new float[3] }))).Kind);
        Assert.Equal(ErrorKind.Invalid, (await Assert.ThrowsAsync<MiniMilvusException>(() => world.RetrieveAsync(1, change: r => r with { Offset = -1 }))).Kind);
    }

    private static float Distance(float[] query, long key) => World.VectorOf(key).Zip(query, (a, b) => (a - b) * (a - b)).Sum();

    private static IEnumerable<long> Nearest(float[] query, IEnumerable<long> keys, int k) => keys.OrderBy(key => Distance(query, key)).ThenBy(key => key).Take(k);

    /// <summary>Waits for the graph builder, step by step.</summary>
    private sealed class Steps : IDisposable
    {
        private readonly MeterListener _listener = new();
        private readonly Lock _gate = new();
        private TaskCompletionSource _next = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Steps()
        {
            _listener.InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name == QueryNodeMetrics.MeterName && instrument is Counter<long>)
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            };
            _listener.SetMeasurementEventCallback<long>((_, _, _, _) =>
            {
                TaskCompletionSource done;
                lock (_gate)
                {
                    done = _next;
                    _next = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                }

                done.TrySetResult();
            });
            _listener.Start();
        }

        public async Task UntilAsync(Func<bool> condition)
        {
            while (true)
            {
                Task next;
                lock (_gate)
                {
                    next = _next.Task;
                }

                if (condition())
                {
                    return;
                }

                await next.WaitAsync(TimeSpan.FromSeconds(60));
            }
        }

        public void Dispose() => _listener.Dispose();
    }
}
