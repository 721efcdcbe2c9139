using MiniMilvus.Core.Schema;
using MiniMilvus.Index.Bitmaps;
using MiniMilvus.Index.Distances;
using MiniMilvus.Index.Ranking;
using MiniMilvus.Index.Scan;
using MiniMilvus.Index.Vectors;

namespace MiniMilvus.Index.Tests;

public sealed class ExactScanTests
{
    private readonly struct EveryThird : IRowFilter
    {
        public bool Allows(int row) => row % 3 == 0;
    }

    [Theory]
    [InlineData(MetricType.L2, 1), InlineData(MetricType.L2, 19), InlineData(MetricType.IP, 32), InlineData(MetricType.Cosine, 7), InlineData(MetricType.Cosine, 64)]
    public void Finds_what_sorting_everything_finds(MetricType metric, int dimension)
    {
        float[] values = Data.Uniform(dimension, 500, dimension);
        VectorSource[] sources = [Data.Flat(metric, dimension, values), Data.Batches(metric, dimension, values)];
        var allowed = new BitSet(500);
        for (int row = 0; row < 500; row += 3) allowed[row] = true;
        for (int q = 0; q < 10; q++)
        {
            float[] query = Data.Uniform(1000 + q, 1, dimension);
            foreach (VectorSource source in sources)
            {
                AssertSame(Data.Naive(source, query, 20), ExactScan.Search(source, query, 20));
                Neighbor[] third = Data.Naive(source, query, 20, row => row % 3 == 0);
                AssertSame(third, ExactScan.Search(source, query, 20, allowed));
                var heap = new TopKHeap(20);
                ExactScan.Scan(source, 0, 500, query, default(EveryThird), ref heap);
                AssertSame(third, heap.DrainSorted());
                ExactScan.Scan(source, 100, 57, query, allowed, ref heap, keyBase: 1000);
                AssertSame(Data.Naive(source, query, 20, row => row % 3 == 0 && row is >= 100 and < 157),
                    [.. heap.DrainSorted().Select(n => n with { Key = n.Key - 1000 })]);
            }
        }
    }

    [Theory, InlineData(MetricType.L2), InlineData(MetricType.IP), InlineData(MetricType.Cosine)]
    public void A_batch_of_queries_gives_bit_for_bit_what_single_queries_give_however_the_rows_are_stored(MetricType metric)
    {
        const int dimension = 50, rows = 3000, nq = 7;
        float[] values = Data.Uniform(1, rows, dimension), queries = Data.Uniform(2, nq, dimension);
        ContiguousVectors flat = Data.Flat(metric, dimension, values);
        foreach (VectorSource source in new VectorSource[] { flat, Data.Batches(metric, dimension, values) })
        {
            TopKHeap[] heaps = [.. Enumerable.Range(0, nq).Select(_ => new TopKHeap(10))];
            ExactScan.ScanBatch(source, 0, rows, queries, (BitSet?)null, heaps);
            for (int q = 0; q < nq; q++)
                Assert.Equal(ExactScan.Search(flat, queries.AsSpan(q * dimension, dimension), 10), heaps[q].DrainSorted());
        }
    }

    [Fact]
    public void Ties_fall_to_the_lower_row_always()
    {
        var values = new float[300 * 4];
        Array.Fill(values, 1f);
        ContiguousVectors source = Data.Flat(MetricType.L2, 4, values);
        Assert.Equal(Enumerable.Range(0, 10).Select(r => (long)r), ExactScan.Search(source, new float[4], 10).Select(n => n.Key));
    }

    [Fact]
    public void Rows_past_the_end_of_the_bitmap_are_not_allowed()
    {
        ContiguousVectors source = Data.Flat(MetricType.L2, 4, Data.Uniform(1, 100, 4));
        Neighbor[] found = ExactScan.Search(source, new float[4], 100, new BitSet(30, value: true));
        Assert.Equal(30, found.Length);
        Assert.All(found, n => Assert.True(n.Key < 30));
        Assert.Empty(ExactScan.Search(source, new float[4], 5, new BitSet(100)));
        Assert.Empty(ExactScan.Search(source, new float[4], 5, new BitSet(0)));
    }

    [Fact]
    public void Bad_ranges_and_queries_are_refused()
    {
        ContiguousVectors source = Data.Flat(MetricType.L2, 4, new float[40]);
        var heap = new TopKHeap(1);
        Assert.Throws<ArgumentOutOfRangeException>(() => ExactScan.Scan(source, 5, 6, new float[4], null, ref heap));
        Assert.Throws<ArgumentException>(() => ExactScan.Scan(source, 0, 10, new float[5], null, ref heap));
        Assert.Throws<ArgumentException>(() => Data.Flat(MetricType.L2, 4, new float[41]));
    }

    [Fact]
    public void A_chunk_takes_what_fits_and_shows_it_whole()
    {
        var chunk = new VectorChunk(new VectorSpace(MetricType.Cosine, 2), 5);
        Assert.Equal(0, chunk.Append(Array.Empty<float>()));
        Assert.Equal(3, chunk.Append(new float[] { 1, 2, 3, 4, 5, 6 }));
        Assert.False(chunk.IsFull);
        Assert.Equal(2, chunk.Append(new float[] { 7, 8, 9, 10, 11, 12 }));
        Assert.True(chunk.IsFull);
        Assert.Equal(0, chunk.Append(new float[] { 13, 14 }));
        Assert.Equal([7f, 8f], chunk.Row(3).ToArray());
        Assert.Equal(4, chunk.Run(3).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => chunk.Row(5).Length);
        Assert.Throws<ArgumentException>(() => chunk.Append(new float[3]));
    }

    private static void AssertSame(Neighbor[] expected, Neighbor[] found)
    {
        Assert.Equal(expected.Select(n => n.Key), found.Select(n => n.Key));
        foreach ((Neighbor e, Neighbor f) in expected.Zip(found)) Assert.Equal(e.Distance, f.Distance, 1e-4f);
    }
}
