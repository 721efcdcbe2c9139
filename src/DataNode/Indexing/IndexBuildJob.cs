using System.Buffers;
using Microsoft.Extensions.Logging;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Events;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Schema;
using MiniMilvus.Core.Time;
using MiniMilvus.Index.Distances;
using MiniMilvus.Index.Hnsw;
using MiniMilvus.Index.Vectors;
using MiniMilvus.DataNode.Garbage;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Storage.Segments;

namespace MiniMilvus.DataNode.Indexing;

/// <summary>Station 17: reads a flushed segment's vectors, builds the graph on the compute pool, stores it as a checksummed index file, and commits that.</summary>
internal sealed class IndexBuildJob(CatalogView catalog, IObjectStore objects, IComputePool compute, LiveAttempts live, TimeProvider time, IStationSink stations, Metrics metrics, ILogger log, DataNodeOptions options)
{
    /// <summary>Returns when the index is committed, or when the catalogue no longer wants it.</summary>
    public async Task BuildAsync(MissingIndex missing, CancellationToken ct)
    {
        var (lease, owner, segment, index) = missing;
        var began = time.GetTimestamp();
        try
        {
            var reader = await SegmentReader.OpenAsync(objects, segment.ManifestPath, ct);
            var (vectors, view) = await reader.ViewVectorsAsync(index.Field, ct);
            byte[] graph;
            try
            {
                graph = await BuildAsync(vectors, index.Metric, IndexPlan.Of(owner.Schema, index), ct);
            }
            finally
            {
                // The pool ends a job that has begun before its task ends, so nothing reads the vectors any more.
                view.Dispose();
            }

            using var underway = live.Begin();
            var attempt = underway.Is(await lease.AllocateIdAsync(ct));
            var path = ObjectPaths.IndexFile(segment.Collection, segment.Partition, segment.Id, index.Id, attempt);
            var bytes = await IndexFile.WriteAsync(objects, path, index.Id, reader.Indexed(index.Field), new ReadOnlySequence<byte>(graph), ct);
            await lease.CommitAsync(new CommitIndex(segment.Channel, lease.Term, segment.Id, new SegmentIndexRecord(index.Id, index.Field, path, bytes)), ct);
            Log.IndexBuilt(log, segment.Id, index.Id, vectors.Count, bytes);
            metrics.IndexBuilt(time.GetElapsedTime(began));
            if (stations.IsEnabled)
            {
                stations.Emit(new StationEvent(Station.IndexBuilt, segment.Channel.Name, segment.MaxTick, segment.End, vectors.Count));
            }
        }
        catch (MiniMilvusException e) when (e.Kind is ErrorKind.NotFound or ErrorKind.Conflict)
        {
            var snapshot = await catalog.RefreshAsync(ct);
            var now = snapshot.FindSegment(segment.Collection, segment.Id);
            // A drop deletes the files first and the records last.
            var isWanted = snapshot.FindCollection(segment.Collection) is { State: DdlState.Created } collection
                && collection.Partitions.Any(p => p.Id == segment.Partition && p.State == DdlState.Created);
            if (isWanted && now is { State: SegmentState.Flushed } && now.ManifestPath == segment.ManifestPath)
            {
                throw MiniMilvusException.Corrupted($"segment {segment.Id}: the catalogue names {segment.ManifestPath}, but: {e.Message}", e);
            }

            Log.IndexUnwanted(log, segment.Id, index.Id, e.Message); // The segment was dropped or compacted meanwhile.
        }
    }

    private async Task<byte[]> BuildAsync(FloatVectorColumn vectors, MetricType metric, IndexPlan plan, CancellationToken ct)
    {
        var source = new ContiguousVectors(new VectorSpace(metric, vectors.Dim), vectors.Values);
        var graph = await HnswGraph.BuildAsync(source, plan.Options, compute, options.IndexThreads, ct);
        return await compute.RunAsync(() => graph.Seal(plan.IsQuantized), ct);
    }
}
