using System.Collections.Immutable;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Events;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Schema;
using MiniMilvus.DataNode.Indexing;
using MiniMilvus.DataNode.Tests.Support;
using MiniMilvus.Index.Distances;
using MiniMilvus.Index.Hnsw;
using MiniMilvus.Index.Ranking;
using MiniMilvus.Index.Sealed;
using MiniMilvus.Index.Vectors;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Storage.Segments;

namespace MiniMilvus.DataNode.Tests;

public sealed class IndexTests
{
    private static readonly IndexRecord Hnsw = new()
    {
        Id = 500,
        Name = "v",
        Field = FakeLog.Vector,
        IndexType = "HNSW",
        Metric = MetricType.L2,
        Params = ImmutableSortedDictionary<string, string>.Empty.Add("params", """{"M": 8, "efConstruction": "64"}"""),
    };

    [Fact]
    public async Task A_flushed_segment_gets_its_index_and_the_graph_finds_the_nearest()
    {
        await using var world = new World();
        await using var node = world.Start();
        var shard = await world.CreateCollectionAsync(10, Hnsw);
        var segment = await world.CreateSegmentAsync(shard);
        for (var i = 0; i < 20; i++)
        {
            world.Log.Append(shard, World.Insert(shard, segment, [.. Enumerable.Range((i * 50) + 1, 50).Select(k => (long)k)]));
        }

        await world.ManualFlushAsync(shard, segment);
        var record = (await world.UntilAsync(s => s.FindSegment(new CollectionId(10), segment)?.Indexes.IsEmpty == false)).FindSegment(new CollectionId(10), segment)!;

        var index = Assert.Single(record.Indexes);
        var reader = await SegmentReader.OpenAsync(world.Objects, record.ManifestPath, CancellationToken.None);
        var vectors = (FloatVectorColumn)await reader.ReadColumnAsync(FakeLog.Vector, CancellationToken.None);
        var (content, view) = await IndexFile.ViewAsync(world.Objects, index.Path, index.IndexId, reader.Indexed(FakeLog.Vector), CancellationToken.None);
        using var graph = SealedGraph.Open(content, new ContiguousVectors(new VectorSpace(MetricType.L2, 8), vectors.Values));
        Assert.Equal(8, graph.M);
        Assert.Equal(64, graph.EfConstruction);
        Assert.Equal(1000, graph.Count);
        Assert.InRange(Recall(graph, vectors), 0.95, 1.0);
        view.Dispose();
        Assert.Contains(world.Events, e => e.Station == Station.IndexBuilt && e.Count == 1000);
    }

    [Fact]
    public async Task An_index_that_is_created_after_the_flush_is_built_too()
    {
        await using var world = new World();
        await using var node = world.Start();
        var shard = await world.CreateCollectionAsync(10);
        SegmentId[] segments = [await world.CreateSegmentAsync(shard), await world.CreateSegmentAsync(shard)];
        world.Log.Append(shard, World.Insert(shard, segments[0], 1, 2, 3));
        world.Log.Append(shard, World.Insert(shard, segments[1], 4, 5, 6));
        await world.ManualFlushAsync(shard, segments);
        Assert.All(segments, s => Assert.Empty(world.View.Current.FindSegment(new CollectionId(10), s)!.Indexes));

        var collection = world.View.Current.FindCollection(new CollectionId(10))!;
        await world.Coordinator.PutAsync(CatalogKeys.Collection(collection.Id), CatalogCodec.Encode(collection with { Indexes = [Hnsw] }));

        await world.UntilAsync(s => segments.All(id => s.FindSegment(collection.Id, id)!.Indexes.Length == 1));
    }

    [Fact]
    public async Task An_index_file_that_was_discarded_is_built_again_under_another_name()
    {
        await using var world = new World();
        await using var node = world.Start();
        var shard = await world.CreateCollectionAsync(10, Hnsw);
        var segment = await world.CreateSegmentAsync(shard);
        world.Log.Append(shard, World.Insert(shard, segment, 1, 2, 3));
        await world.ManualFlushAsync(shard, segment);
        var record = (await world.UntilAsync(s => s.FindSegment(new CollectionId(10), segment)?.Indexes.IsEmpty == false)).FindSegment(new CollectionId(10), segment)!;

        await world.Coordinator.PutAsync(CatalogKeys.Segment(record.Collection, record.Id), CatalogCodec.Encode(record with { Indexes = [] }));

        var again = await world.UntilAsync(s => s.FindSegment(record.Collection, segment)!.Indexes is [{ } built] && built.Path != record.Indexes[0].Path);
        await IndexFile.ViewAsync(world.Objects, again.FindSegment(record.Collection, segment)!.Indexes[0].Path, Hnsw.Id, null, CancellationToken.None);
    }

    [Theory, InlineData("flipped"), InlineData("lost"), InlineData("manifest lost")]
    public async Task A_segment_whose_files_are_damaged_gets_no_index_and_every_other_one_does(string damage)
    {
        await using var world = new World();
        await using var node = world.Start();
        var shard = await world.CreateCollectionAsync(10);
        SegmentId[] segments = [await world.CreateSegmentAsync(shard), await world.CreateSegmentAsync(shard)];
        world.Log.Append(shard, World.Insert(shard, segments[0], 1, 2, 3));
        world.Log.Append(shard, World.Insert(shard, segments[1], 4, 5, 6));
        await world.ManualFlushAsync(shard, segments);
        var collection = world.View.Current.FindCollection(new CollectionId(10))!;
        var manifest = world.View.Current.FindSegment(collection.Id, segments[0])!.ManifestPath;
        var column = (await SegmentReader.OpenAsync(world.Objects, manifest, default)).Manifest.Files.First(f => f.Field == FakeLog.Vector).Path;
        var whole = await world.Objects.GetAsync(column, default);
        await world.Objects.DeleteAsync(damage == "manifest lost" ? manifest : column, default);
        if (damage == "flipped")
        {
            var bytes = whole.ToArray();
            bytes[100] ^= 1;
            await world.Objects.PutAsync(column, new(bytes), PutCondition.Always, default);
        }

        var partition = new PartitionRecord(new PartitionId(1), "_default", DdlState.Created, default);
        await world.Coordinator.PutAsync(CatalogKeys.Collection(collection.Id), CatalogCodec.Encode(collection with { Indexes = [Hnsw], Partitions = [partition] }));
        await world.UntilAsync(s => s.FindSegment(collection.Id, segments[1])!.Indexes.Length == 1);

        // Segments that come later are flushed and indexed as ever.
        var later = await world.CreateSegmentAsync(shard);
        world.Log.Append(shard, World.Insert(shard, later, 7, 8, 9));
        await world.ManualFlushAsync(shard, later);
        await world.UntilAsync(s => s.FindSegment(collection.Id, later)!.Indexes.Length == 1);
        Assert.Empty(world.View.Current.FindSegment(collection.Id, segments[0])!.Indexes);
        Assert.False(node.Ended.IsCompleted);
    }

    [Fact]
    public void Flat_and_scalar_indexes_need_no_file()
    {
        Assert.True(IndexPlan.IsGraph(World.Schema, Hnsw));
        Assert.True(IndexPlan.IsGraph(World.Schema, Hnsw with { IndexType = "AUTOINDEX" }));
        Assert.False(IndexPlan.IsGraph(World.Schema, Hnsw with { IndexType = "FLAT" }));
        Assert.False(IndexPlan.IsGraph(World.Schema, Hnsw with { Field = FakeLog.Key, IndexType = "INVERTED" }));
    }

    [Theory]
    [InlineData("HNSW", """{"M": 8, "efConstruction": "64"}""", 8, 64, false)]
    [InlineData("HNSW", """{"efConstruction": 99999}""", 16, 32768, false)]
    [InlineData("HNSW_SQ", """{"M": 4}""", 4, 200, true)]
    [InlineData("HNSW_SQ", """{"sq_type": "SQ8"}""", 16, 200, true)]
    [InlineData("HNSW_SQ", """{"sq_type": "FP16"}""", 16, 200, false)]
    [InlineData("IVF_FLAT", """{"nlist": 128}""", 16, 200, false)]
    [InlineData("AUTOINDEX", "", 16, 200, false)]
    public void A_type_and_its_parameters_decide_what_is_built(string type, string json, int m, int efConstruction, bool isQuantized)
    {
        var plan = IndexPlan.Of(World.Schema, Hnsw with { IndexType = type, Params = ImmutableSortedDictionary<string, string>.Empty.Add("params", json) });
        Assert.Equal((m, efConstruction, isQuantized), (plan.Options.M, plan.Options.EfConstruction, plan.IsQuantized));
    }

    private static double Recall(SealedGraph graph, FloatVectorColumn vectors)
    {
        var random = new Random(5);
        var (found, wanted) = (0, 0);
        for (var n = 0; n < 50; n++)
        {
            var query = Enumerable.Range(0, 8).Select(_ => (float)random.NextDouble()).ToArray();
            var stats = default(SearchStats);
            var neighbours = new Neighbor[10];
            graph.Search(query, new HnswSearch(10, 64), new HnswScratchPool(), neighbours, ref stats);
            var near = neighbours.Select(x => (int)x.Key).ToHashSet();
            var truth = Enumerable.Range(0, vectors.Count).OrderBy(r => L2(query, vectors.Row(r))).Take(10);
            found += truth.Count(near.Contains);
            wanted += 10;
        }

        return (double)found / wanted;
    }

    private static float L2(float[] a, ReadOnlySpan<float> b)
    {
        var sum = 0f;
        for (var i = 0; i < a.Length; i++)
        {
            sum += (a[i] - b[i]) * (a[i] - b[i]);
        }

        return sum;
    }
}
