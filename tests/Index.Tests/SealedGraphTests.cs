using System.Buffers.Binary;
using System.Runtime.Intrinsics;
using MiniMilvus.Core.Schema;
using MiniMilvus.Index.Bitmaps;
using MiniMilvus.Index.Distances;
using MiniMilvus.Index.Hnsw;
using MiniMilvus.Index.Ranking;
using MiniMilvus.Index.Scan;
using MiniMilvus.Index.Sealed;
using MiniMilvus.Index.Vectors;

namespace MiniMilvus.Index.Tests;

public sealed class SealedGraphTests
{
    private const int Rows = 4000, Queries = 60, K = 10;
    private readonly HnswScratchPool _pool = new();

    [Theory]
    [InlineData(MetricType.L2, 64, false), InlineData(MetricType.IP, 64, false), InlineData(MetricType.Cosine, 64, false)]
    [InlineData(MetricType.L2, 37, true), InlineData(MetricType.IP, 64, true), InlineData(MetricType.Cosine, 24, true)]
    public void Ten_of_the_nearest_are_found_with_the_distances_of_a_scan(MetricType metric, int dimension, bool quantize)
    {
        ContiguousVectors source = Data.Flat(metric, dimension, Data.Clustered(1, Rows, dimension));
        SealedGraph graph = Seal(source, quantize);
        var stats = new SearchStats();
        double recall = Recall(graph, Data.Clustered(2, Queries, dimension), new HnswSearch(K, 64) { Path = HnswPath.Walk, RefineK = 6 }, ref stats);
        Assert.True(recall >= 0.95, $"recall {recall}");
        Assert.Equal(0, stats.ExactScans);
        Assert.InRange(stats.DistanceComputations, Queries * 64, Queries * Rows / 2);
    }

    [Theory]
    [InlineData(0.01, false), InlineData(0.1, false), InlineData(0.5, false), InlineData(0.01, true), InlineData(0.1, true), InlineData(0.5, true)]
    public void Recall_holds_under_filters_that_follow_the_vectors_and_under_those_that_do_not(double passRate, bool correlated)
    {
        const int dimension = 32;
        float[] values = Data.Clustered(1, Rows, dimension);
        SealedGraph graph = Seal(Data.Flat(MetricType.L2, dimension, values), false);
        var random = new Random(5);
        float[] sorted = [.. Enumerable.Range(0, Rows).Select(row => values[row * dimension]).Order()];
        var allowed = new BitSet(Rows);
        for (int row = 0; row < Rows; row++)
            allowed[row] = correlated ? values[row * dimension] < sorted[(int)(passRate * Rows)] : random.NextDouble() < passRate;
        foreach (HnswPath path in new[] { HnswPath.Auto, HnswPath.Walk })
        {
            var stats = new SearchStats();
            double recall = Recall(graph, Data.Clustered(2, Queries, dimension), new HnswSearch(K, 64) { Path = path, Allowed = allowed }, ref stats);
            Assert.True(recall >= 0.95, $"{path}: recall {recall}");
        }
    }

    [Theory, InlineData(MetricType.L2), InlineData(MetricType.IP), InlineData(MetricType.Cosine)]
    public void Copies_of_one_vector_are_all_found_lowest_rows_first(MetricType metric)
    {
        const int dimension = 16;
        float[] values = Data.Uniform(1, Rows, dimension);
        for (int row = 0; row < Rows; row += 2) values.AsSpan(dimension * 10, dimension).CopyTo(values.AsSpan(row * dimension));
        ContiguousVectors source = Data.Flat(metric, dimension, values);
        SealedGraph graph = Seal(source, false);
        var stats = new SearchStats();
        Assert.True(Recall(graph, Data.Uniform(2, Queries, dimension), new HnswSearch(K, 64) { Path = HnswPath.Walk }, ref stats) >= 0.95);
        if (metric == MetricType.IP) return;
        var results = new Neighbor[100];
        Assert.Equal(100, graph.Search(values.AsSpan(0, dimension), new HnswSearch(100, 100) { Path = HnswPath.Walk }, _pool, results, ref stats));
        Assert.Equal(ExactScan.Search(source, values.AsSpan(0, dimension), 100), results);
    }

    [Theory, InlineData(0), InlineData(1), InlineData(2), InlineData(11)]
    public void Tiny_graphs_answer_with_all_they_have(int rows)
    {
        ContiguousVectors source = Data.Flat(MetricType.Cosine, 3, Data.Uniform(1, rows, 3));
        foreach (bool quantize in new[] { false, true })
        {
            SealedGraph graph = Seal(source, quantize);
            var stats = new SearchStats();
            foreach (HnswPath path in Enum.GetValues<HnswPath>())
            {
                var results = new Neighbor[100];
                Assert.Equal(rows, graph.Search(new float[] { 1, 2, 3 }, new HnswSearch(100, 1) { Path = path }, _pool, results, ref stats));
            }
        }
    }

    [Fact]
    public void A_row_limit_hides_later_rows()
    {
        SealedGraph graph = Seal(Data.Flat(MetricType.L2, 16, Data.Uniform(1, Rows, 16)), false);
        foreach (int limit in new[] { 0, 1, 5, 100, Rows - 1, Rows, Rows + 5 })
        {
            var results = new Neighbor[K];
            var stats = new SearchStats();
            int count = graph.Search(Data.Uniform(3, 1, 16), new HnswSearch(K, 64) { RowLimit = limit, Path = HnswPath.Walk }, _pool, results, ref stats);
            Assert.Equal(Math.Min(K, limit), count);
            Assert.All(results[..count], n => Assert.True(n.Key < limit));
        }
    }

    [Fact]
    public void Every_section_begins_at_a_multiple_of_64_bytes()
    {
        byte[] bytes = Build(Data.Flat(MetricType.Cosine, 19, Data.Uniform(1, 300, 19))).Seal();
        GraphLayout layout = GraphLayout.Parse(bytes);
        Assert.All(new[] { GraphLayout.RecordsAt, layout.RowsAt, layout.NormsAt, layout.TwinsAt, layout.MiddlesAt, layout.UpperAt, layout.TotalBytes }, at => Assert.Equal(0, at % 64));
        Assert.Equal(0, layout.RecordBytes % 64);
    }

    [Fact]
    public void A_graph_has_its_documented_bytes_and_another_version_is_refused_by_name()
    {
        byte[] bytes = HnswGraph.Build(Data.Flat(MetricType.L2, 2, [1, 2]), new HnswOptions { M = 4, Seed = 0x0102030405060708 }, CancellationToken.None).Seal();
        byte[] golden = File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Golden", "graph-1.bin"));
        Assert.Equal(Convert.ToHexString(golden), Convert.ToHexString(bytes));
        Assert.Equal(1, SealedGraph.Open(golden, Data.Flat(MetricType.L2, 2, [1, 2])).Count);
        golden[8] = 2;
        Assert.Contains("version: expected 1, found 2", Assert.Throws<InvalidDataException>(() => SealedGraph.Open(golden, Data.Flat(MetricType.L2, 2, [1, 2]))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_graph_of_other_rows_and_every_truncation_is_refused()
    {
        float[] values = Data.Uniform(1, 300, 8);
        byte[] bytes = Build(Data.Flat(MetricType.L2, 8, values)).Seal();
        Assert.Contains("rows: expected 299, found 300", Assert.Throws<InvalidDataException>(() => SealedGraph.Open(bytes, Data.Flat(MetricType.L2, 8, values[8..]))).Message, StringComparison.Ordinal);
        Assert.Throws<InvalidDataException>(() => SealedGraph.Open(bytes, Data.Flat(MetricType.IP, 8, values)));
        Assert.Throws<InvalidDataException>(() => SealedGraph.Open(bytes, Data.Flat(MetricType.L2, 16, values.AsSpan(0, 2400 / 16 * 16).ToArray())));
        for (int length = 0; length < bytes.Length; length += length < 300 ? 1 : 61)
            Assert.Throws<InvalidDataException>(() => SealedGraph.Open(bytes.AsMemory(0, length), Data.Flat(MetricType.L2, 8, values)));
    }

    [Theory, InlineData(false), InlineData(true)]
    public void Damaged_bytes_are_refused_or_give_a_graph_that_is_safe_to_search(bool quantize)
    {
        float[] values = Data.Clustered(1, 300, 8);
        for (int row = 0; row < 300; row += 9) values.AsSpan(row % 4 * 8, 8).CopyTo(values.AsSpan(row * 8));
        ContiguousVectors source = Data.Flat(MetricType.L2, 8, values);
        byte[] bytes = HnswGraph.Build(source, new HnswOptions { M = 5, EfConstruction = 40 }, CancellationToken.None).Seal(quantize);
        var random = new Random(1);
        int refused = 0;
        for (int round = 0; round < 2000; round++)
        {
            byte[] damaged = (byte[])bytes.Clone();
            for (int i = random.Next(1, 4); i > 0; i--) damaged[random.Next(3) == 0 ? random.Next(128) : random.Next(bytes.Length)] = (byte)random.Next(256);
            try
            {
                var results = new Neighbor[K];
                var stats = new SearchStats();
                Assert.Equal(K, SealedGraph.Open(damaged, source).Search(Data.Uniform(round, 1, 8), new HnswSearch(K, 20) { Path = HnswPath.Walk }, _pool, results, ref stats));
            }
            catch (InvalidDataException)
            {
                refused++;
            }
        }

        Assert.InRange(refused, 500, 2000);
    }

    [Theory, InlineData(3), InlineData(1500)]
    public void A_walk_that_would_begin_at_a_copy_is_refused_for_it_would_find_it_twice(int rows)
    {
        float[] values = Data.Uniform(1, rows, 4);
        values.AsSpan(0, 4).CopyTo(values.AsSpan((rows - 1) * 4));
        ContiguousVectors source = Data.Flat(MetricType.L2, 4, values);
        byte[] bytes = Build(source).Seal();
        GraphLayout layout = GraphLayout.Parse(bytes);
        Assert.Equal(rows > 3, layout.Levels > 0);
        SealedGraph.Open(bytes, source).Dispose();
        int copy = rows - 1;
        if (layout.Levels == 0) BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(40), copy);
        // The first place of level 1: its node, and its place below, which is the node.
        int first = (int)layout.UpperAt + (4 * layout.Levels);
        for (int i = 0; i < 2 && layout.Levels > 0; i++) BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(first + (4 * i)), copy);
        if (layout.Levels > 1) RenameOnUpperLevels(bytes, layout, copy);
        Assert.Contains("one that hangs on no other", Assert.Throws<InvalidDataException>(() => SealedGraph.Open(bytes, source)).Message.Replace("a node that", "one that", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Theory, InlineData(false), InlineData(true)]
    public void Where_the_cut_runs_through_rows_at_one_distance_the_lowest_rows_are_found(bool quantize)
    {
        var random = new Random(7);
        float[] values = [.. Enumerable.Range(0, 800 * 3).Select(_ => (float)random.Next(6))];
        for (int i = 0; i < 800; i++) values[3 * i] += i % 7;
        ContiguousVectors source = Data.Flat(MetricType.L2, 3, values);
        SealedGraph graph = Seal(source, quantize);
        var stats = new SearchStats();
        for (int q = 0; q < 40; q++)
        {
            float[] query = [random.Next(12), random.Next(6), random.Next(6)];
            var results = new Neighbor[K];
            Assert.Equal(K, graph.Search(query, new HnswSearch(K, 800) { Path = HnswPath.Walk, RefineK = 80 }, _pool, results, ref stats));
            Assert.Equal(ExactScan.Search(source, query, K), results);
        }
    }

    [Fact]
    public void A_graph_whose_bytes_were_let_go_answers_no_search()
    {
        SealedGraph graph = Seal(Data.Flat(MetricType.L2, 4, Data.Uniform(1, 50, 4)), false);
        graph.Dispose();
        graph.Dispose();
        var stats = new SearchStats();
        Assert.Throws<ObjectDisposedException>(() => graph.Search(new float[4], new HnswSearch(1, 10), _pool, new Neighbor[1], ref stats));
    }

    [Theory, InlineData(64), InlineData(128), InlineData(192), InlineData(37)]
    public void Four_distances_at_once_have_the_bits_of_four_single_ones(int dimension)
    {
        float[] v = Data.Uniform(dimension, 5, dimension);
        ref float q = ref v[0];
        ref float a = ref v[dimension], b = ref v[2 * dimension], c = ref v[3 * dimension], d = ref v[4 * dimension];
        Vector128<float> l2 = FourRows.L2(in q, in a, in b, in c, in d, dimension), ip = FourRows.Ip(in q, in a, in b, in c, in d, dimension);
        for (int i = 0; i < 4; i++)
        {
            ReadOnlySpan<float> query = v.AsSpan(0, dimension), row = v.AsSpan((i + 1) * dimension, dimension);
            Assert.Equal(BitConverter.SingleToInt32Bits(L2Squared.Compute(query, row)), BitConverter.SingleToInt32Bits(l2[i]));
            Assert.Equal(BitConverter.SingleToInt32Bits(InnerProduct.Compute(query, row)), BitConverter.SingleToInt32Bits(ip[i]));
        }
    }

    [Theory, InlineData(32), InlineData(128), InlineData(32768)]
    public unsafe void Integer_sums_are_those_of_the_scalar_reference_up_to_the_largest(int padded)
    {
        var random = new Random(padded);
        var query = new short[padded];
        var code = new sbyte[padded];
        foreach (bool isLargest in new[] { false, true })
        {
            for (int i = 0; i < padded; i++)
            {
                query[i] = (short)(isLargest ? 230 : random.Next(-230, 231));
                code[i] = (sbyte)(isLargest ? -127 : random.Next(-127, 128));
            }

            fixed (short* q = query)
            {
                fixed (sbyte* c = code)
                {
                    Assert.Equal(Int8Code.SquaresScalar(q, c, padded), Int8Code.Squares(q, c, padded));
                    Assert.Equal(Int8Code.ProductsScalar(q, c, padded), Int8Code.Products(q, c, padded));
                    if (!Int8Code.HasFour) continue;
                    Assert.Equal(Vector128.Create(Int8Code.SquaresScalar(q, c, padded)), Int8Code.Squares4(q, c, c, c, c, padded).AsUInt32());
                    Assert.Equal(Vector128.Create(Int8Code.ProductsScalar(q, c, padded)), Int8Code.Products4(q, c, c, c, c, padded));
                }
            }
        }
    }

    // What stands at place 0 of level 1 is called by its new name above, too.
    private static void RenameOnUpperLevels(byte[] bytes, GraphLayout layout, int node)
    {
        int at = (int)layout.UpperAt, first = at + (4 * layout.Levels), below = 0;
        for (int level = 1; level < layout.Levels; level++)
        {
            int count = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(at + (4 * (level - 1))));
            int next = first + (count * 4 * layout.UpperInts);
            int above = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(at + (4 * level)));
            int place = Enumerable.Range(0, above).FirstOrDefault(p => BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(next + (p * 4 * layout.UpperInts) + 4)) == below, -1);
            if (place < 0) return;
            BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(next + (place * 4 * layout.UpperInts)), node);
            (first, below) = (next, place);
        }
    }

    private static HnswGraph Build(VectorSource source) => HnswGraph.Build(source, new HnswOptions { EfConstruction = 120 }, CancellationToken.None);

    private static SealedGraph Seal(VectorSource source, bool quantize) => SealedGraph.Open(Build(source).Seal(quantize), source);

    private double Recall(SealedGraph graph, float[] queries, HnswSearch search, ref SearchStats stats)
    {
        int dimension = graph.Source.Space.Dimension;
        var found = new List<Neighbor[]>();
        var truth = new List<Neighbor[]>();
        for (int q = 0; q < queries.Length / dimension; q++)
        {
            ReadOnlySpan<float> query = queries.AsSpan(q * dimension, dimension);
            var results = new Neighbor[search.K];
            int count = graph.Search(query, search, _pool, results, ref stats);
            Assert.Equal(results[..count].Order(), results[..count]);
            foreach (Neighbor n in results.AsSpan(0, count))
            {
                var one = new TopKHeap(1);
                ExactScan.Scan(graph.Source, (int)n.Key, 1, query, (BitSet?)null, ref one);
                Assert.Equal(one.DrainSorted()[0], n);
                Assert.True(search.Allowed?[(int)n.Key] ?? true);
            }

            found.Add(results[..count]);
            truth.Add(ExactScan.Search(graph.Source, query, search.K, search.Allowed));
        }

        return Data.Recall(found, truth);
    }
}
