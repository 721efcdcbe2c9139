using MiniMilvus.Core;
using MiniMilvus.Core.Schema;
using MiniMilvus.Index.Distances;
using MiniMilvus.QueryNode.Growing;
using MiniMilvus.QueryNode.Segments;

namespace MiniMilvus.QueryNode.Tests;

/// <summary>A search walks through the graph of every chunk, so a growing segment has few, and a small one a small first.</summary>
public sealed class ChunkGrowthTests
{
    [Theory]
    [InlineData(1, new[] { 1 })]
    [InlineData(4_096, new[] { 4_096 })]
    [InlineData(4_097, new[] { 4_096, 1 })]
    [InlineData(100_000, new[] { 4_096, 32_768, 63_136 })]
    [InlineData(500_000, new[] { 4_096, 32_768, 262_144, 200_992 })]
    public void Each_chunk_is_eight_times_as_large_as_the_one_before(int rows, int[] expected) =>
        Assert.Equal(expected, Parts(rows, new QueryNodeOptions()));

    [Fact]
    public void Chunks_of_one_size_and_a_first_one_above_the_largest_are_what_was_asked_for()
    {
        Assert.Equal([64, 64, 64, 8], Parts(200, new QueryNodeOptions { ChunkRowsMin = 64, ChunkGrowth = 1 }));
        Assert.Equal([128, 72], Parts(200, new QueryNodeOptions { ChunkRowsMin = 256, ChunkRowsMax = 128 }));
    }

    private static IEnumerable<int> Parts(int rows, QueryNodeOptions options)
    {
        var vectors = new GrowingVectors(new FieldId(101), new VectorSpace(MetricType.L2, 2), options);
        vectors.Append(new float[rows * 2]);
        var parts = new List<VectorPart>();
        vectors.AddParts(rows, parts);
        Assert.Equal(rows, parts[^1].FirstRow + parts[^1].Rows);
        return parts.Select(p => p.Rows);
    }
}
