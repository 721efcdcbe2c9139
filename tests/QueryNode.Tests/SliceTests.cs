using MiniMilvus.Core.Schema;
using MiniMilvus.Index.Distances;
using MiniMilvus.Index.Vectors;
using MiniMilvus.QueryNode.Search;

namespace MiniMilvus.QueryNode.Tests;

/// <summary>Several threads at one query: every row is looked at once, and the answer is that of one thread.</summary>
public sealed class SliceTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(16)]
    public async Task Threads_that_share_a_query_find_what_one_finds(int threads)
    {
        // No graph: the answer is exact, and the model is a sorted list.
        await using var world = await World.ReadyAsync(options: new QueryNodeOptions
        {
            ChunkRowsMin = 128, ChunkRowsMax = 512, GraphStepRows = 1 << 20, SliceFloats = 100 * World.Dim, SearchThreads = threads,
        });
        var rows = Enumerable.Range(0, 1500).Select(k => (long)k).ToArray();
        for (var first = 0; first < rows.Length; first += 250)
        {
            world.Insert(10 + (ulong)first, rows[first..(first + 250)], segment: first < 750 ? 1 : 2);
        }

        world.Delete(5000, rows.Where(k => k % 7 == 3).ToArray());
        world.Tick(5001);
        var there = rows.Where(k => k % 7 != 3).ToArray();
        foreach (var filter in (string[])["", "age < 30"])
        {
            var passing = there.Where(k => filter.Length == 0 || (k % 100 < 30 && k % 10 != 9)).ToArray();
            for (var i = 0; i < 5; i++)
            {
                var query = World.VectorOf(90_000 + i);
                var result = await world.SearchAsync(5001, query, 20, filter);
                Assert.Equal(passing.OrderBy(k => Distance(query, k)).ThenBy(k => k).Take(20), World.Keys(result.Keys));
                Assert.Equal(passing.Length, result.Cost.DistancesComputed);
            }
        }
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 2)]
    [InlineData(64, 10)]
    public void Slices_hold_every_row_once_and_none_holds_twice_its_share(int most, int expected)
    {
        var sources = new[] { 1, 63, 700, 64, 250 }.Select(rows => new ContiguousVectors(new VectorSpace(MetricType.L2, 1), new float[rows])).ToArray();
        var pieces = new List<SearchPiece>();
        for (var i = 0; i < sources.Length; i++)
        {
            SearchPiece.Add(new(sources[i], null, 0, sources[i].Count), null, i, pieces);
        }

        var slices = SearchPiece.Slice(pieces, 100, most);
        Assert.Equal(expected, slices.Length);
        var looked = slices.SelectMany(s => s).SelectMany(p => Enumerable.Range(p.First, p.Rows).Select(row => (p.KeyBase, row))).ToList();
        Assert.Equal(sources.Sum(s => s.Count), looked.Count);
        Assert.Equal(looked.Count, looked.Distinct().Count());
        Assert.All(slices, s => Assert.InRange(s.Sum(p => p.Rows), 1, (looked.Count / expected) + 100));
    }

    private static double Distance(float[] query, long key) => query.Zip(World.VectorOf(key), (a, b) => (double)(a - b) * (a - b)).Sum();
}
