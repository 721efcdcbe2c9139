using System.Buffers;
using MiniMilvus.Core.Schema;
using MiniMilvus.Index.Hnsw;
using MiniMilvus.Index.Ranking;
using MiniMilvus.Index.Vectors;

namespace MiniMilvus.Index.Tests;

public sealed class HnswFormatTests
{
    private const int Dimension = 8, Rows = 400;
    private static readonly float[] Values = WithTwins(Data.Clustered(1, Rows, Dimension));
    private static readonly HnswOptions Small = new() { M = 5, EfConstruction = 40, Seed = 11 };
    private readonly HnswScratchPool _pool = new();

    [Fact]
    public void The_same_rows_and_seed_give_the_same_bytes_however_stored_and_however_added()
    {
        byte[] expected = Bytes(Build(Small));
        Assert.Equal(expected, Bytes(Build(Small)));
        Assert.Equal(expected, Bytes(HnswGraph.Build(Data.Batches(MetricType.L2, Dimension, Values), Small, CancellationToken.None)));
        Assert.Equal(expected, Bytes(Build(Small with { CopyVectors = true })));
        Assert.NotEqual(expected, Bytes(Build(Small with { Seed = 12 })));

        var chunk = new VectorChunk(new(MetricType.L2, Dimension), Rows);
        var growing = new HnswGraph(chunk, Rows, Small);
        for (int row = 0; row < Rows; row++)
        {
            chunk.Append(Values.AsMemory(row * Dimension, Dimension));
            growing.AddUpTo(row + 1, CancellationToken.None);
        }

        Assert.Equal(expected, Bytes(growing));
    }

    [Theory, InlineData(false), InlineData(true)]
    public void A_graph_read_back_answers_as_the_one_written(bool copy)
    {
        HnswGraph graph = Build(Small);
        byte[] bytes = Bytes(graph);
        HnswGraph read = HnswGraph.Read(bytes, graph.Source, copy);
        Assert.Equal(bytes, Bytes(read));
        Assert.Equal((graph.Count, Small.M, Small.Seed), (read.Count, read.Options.M, read.Options.Seed));
        for (int q = 0; q < 50; q++) Assert.Equal(Search(graph, q), Search(read, q));
    }

    [Fact]
    public void An_empty_graph_makes_the_round_trip()
    {
        ContiguousVectors none = Data.Flat(MetricType.IP, 3, []);
        byte[] bytes = Bytes(HnswGraph.Build(none, new HnswOptions(), CancellationToken.None));
        Assert.Equal(0, HnswGraph.Read(bytes, none).Count);
    }

    [Fact]
    public void The_header_has_its_documented_bytes()
    {
        byte[] bytes = Bytes(HnswGraph.Build(Data.Flat(MetricType.Cosine, 2, [1, 2]), new HnswOptions { Seed = 0x0102030405060708 }, CancellationToken.None));
        Assert.Equal("0102020000000100000010000000C80000000807060504030201" + "00000000" + "00" + "00000000" + "0000", Convert.ToHexString(bytes));
    }

    [Fact]
    public void Every_truncation_and_every_extra_byte_is_refused()
    {
        HnswGraph graph = Build(Small);
        byte[] bytes = Bytes(graph);
        for (int length = 0; length < bytes.Length; length += length < 1000 ? 1 : 37)
            Assert.Throws<InvalidDataException>(() => HnswGraph.Read(bytes.AsSpan(0, length), graph.Source));
        Assert.Throws<InvalidDataException>(() => HnswGraph.Read([.. bytes, 0], graph.Source));
    }

    [Fact]
    public void A_graph_of_other_rows_is_refused_and_the_message_says_why()
    {
        byte[] bytes = Bytes(Build(Small));
        var e = Assert.Throws<InvalidDataException>(() => HnswGraph.Read(bytes, Data.Flat(MetricType.L2, Dimension, Values[Dimension..])));
        Assert.Equal("HNSW graph: rows: expected 399, found 400", e.Message);
        Assert.Throws<InvalidDataException>(() => HnswGraph.Read(bytes, Data.Flat(MetricType.IP, Dimension, Values)));
        Assert.Throws<InvalidDataException>(() => HnswGraph.Read(bytes, Data.Flat(MetricType.L2, Dimension * 2, Values)));
    }

    [Fact]
    public void Damaged_bytes_are_refused_or_give_a_graph_that_is_safe_to_search()
    {
        HnswGraph graph = Build(Small);
        byte[] bytes = Bytes(graph);
        var random = new Random(1);
        int refused = 0;
        for (int round = 0; round < 3000; round++)
        {
            byte[] damaged = (byte[])bytes.Clone();
            int flips = random.Next(1, 4);
            for (int i = 0; i < flips; i++)
                damaged[random.Next(2) == 0 ? random.Next(30 + Rows + 4 + 8 * (Rows / 9)) : random.Next(bytes.Length)] = (byte)random.Next(256);
            try
            {
                Assert.Equal(10, Search(HnswGraph.Read(damaged, graph.Source), round).Length);
            }
            catch (InvalidDataException)
            {
                refused++;
            }
        }

        Assert.InRange(refused, 500, 3000);
    }

    [Fact]
    public void Random_bytes_are_refused()
    {
        ContiguousVectors source = Data.Flat(MetricType.L2, Dimension, Values);
        var random = new Random(2);
        for (int round = 0; round < 2000; round++)
        {
            var bytes = new byte[random.Next(2000)];
            random.NextBytes(bytes);
            Assert.Throws<InvalidDataException>(() => HnswGraph.Read(bytes, source));
        }
    }

    private static HnswGraph Build(HnswOptions options) => HnswGraph.Build(Data.Flat(MetricType.L2, Dimension, Values), options, CancellationToken.None);

    private static float[] WithTwins(float[] values)
    {
        for (int row = 0; row < Rows; row += 9) values.AsSpan(row % 4 * Dimension, Dimension).CopyTo(values.AsSpan(row * Dimension));
        return values;
    }

    private static byte[] Bytes(HnswGraph graph)
    {
        var writer = new ArrayBufferWriter<byte>();
        graph.WriteTo(writer);
        return writer.WrittenSpan.ToArray();
    }

    private Neighbor[] Search(HnswGraph graph, int seed)
    {
        var results = new Neighbor[10];
        var stats = new SearchStats();
        int count = graph.Search(Data.Uniform(seed, 1, Dimension), new HnswSearch(10, 20) { Path = HnswPath.Walk }, _pool, results, ref stats);
        return results[..count];
    }
}
