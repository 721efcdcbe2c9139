using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Time;
using MiniMilvus.Index.Hnsw;
using MiniMilvus.QueryNode.Segments;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Storage.Segments;

namespace MiniMilvus.QueryNode.Sealed;

/// <summary>Brings sealed segments and their indexes into memory: memory is checked first (Q8), files are verified as they are read.</summary>
internal sealed class SealedLoader(IObjectStore store, IComputePool pool, QueryNodeOptions options)
{
    private long _bytes;

    /// <summary>Loads a segment's rows. The caller gives the bytes back with <see cref="Release"/>.</summary>
    public async ValueTask<SealedSegment> LoadAsync(SegmentRecord record, CancellationToken ct)
    {
        var reader = await SegmentReader.OpenAsync(store, record.ManifestPath, ct);
        if (reader.Manifest.Segment != record.Id)
        {
            throw MiniMilvusException.Corrupted($"{record.ManifestPath}: expected the manifest of segment {record.Id}, found {reader.Manifest.Segment}");
        }

        var expected = reader.Manifest.Bytes;
        if (Interlocked.Read(ref _bytes) + expected > options.SealedBytesMax)
        {
            throw MiniMilvusException.Unavailable(ErrorReason.CapacityExceeded,
                $"segment {record.Id}: expected room for {expected} bytes, found {Interlocked.Read(ref _bytes)} of {options.SealedBytesMax} in use");
        }

        var rows = await reader.ReadRowsAsync(ct);
        var ticks = await reader.ReadTicksAsync(ct);
        // Sorting the keys is the one heavy step.
        var segment = await pool.RunAsync(() => new SealedSegment(record.Id, record.Partition, rows, ticks), ct);
        Interlocked.Add(ref _bytes, segment.DataBytes);
        return segment;
    }

    public void Release(SealedSegment segment) => Interlocked.Add(ref _bytes, -segment.DataBytes);

    /// <summary>Loads the index files that the record has and the segment has not; returns how many.</summary>
    public async ValueTask<int> LoadIndexesAsync(SealedSegment segment, SegmentRecord record, CollectionRecord collection, CancellationToken ct)
    {
        var loaded = 0;
        foreach (var file in record.Indexes)
        {
            var index = collection.Indexes.FirstOrDefault(i => i.Id == file.IndexId);
            if (index is null || segment.HasIndex(file.Field, file.IndexId) || segment.VectorsOf(file.Field, index.Metric) is not { } source)
            {
                continue;
            }

            var content = await IndexFile.ReadAsync(store, file.Path, file.IndexId, ct);
            try
            {
                var graph = await pool.RunAsync(() => HnswGraph.Read(content.Span, source), ct);
                segment.SetIndex(file.Field, file.IndexId, graph);
                loaded++;
            }
            catch (InvalidDataException e)
            {
                throw MiniMilvusException.Corrupted($"{file.Path}: {e.Message}", e);
            }
        }

        return loaded;
    }

    /// <summary>Applies the deletes of a vchannel's delete files (S7).</summary>
    public async ValueTask ApplyDeletesAsync(IReadOnlyList<SealedSegment> segments, IEnumerable<DeleteFileRecord> files, CancellationToken ct)
    {
        if (segments.Count == 0)
        {
            return;
        }

        foreach (var file in files)
        {
            var batch = await DeleteFile.ReadAsync(store, file.Path, file.Collection, ct);
            await pool.RunAsync(() =>
            {
                foreach (var segment in segments)
                {
                    Apply(batch, segment);
                }

                return true;
            }, ct);
        }
    }

    private static void Apply(DeleteBatch batch, SealedSegment segment)
    {
        var found = new List<int>();
        for (var i = 0; i < batch.Count; i++)
        {
            var partition = new PartitionId(batch.Partitions.Span[i]);
            if (partition != PartitionId.All && partition != segment.Partition)
            {
                continue;
            }

            found.Clear();
            var tick = new Timestamp((ulong)batch.Ticks.Span[i]);
            segment.FindKey(RowBatch.KeyOf(batch.Keys, i), found);
            found.RemoveAll(row => segment.TickOf(row) >= tick);
            if (found.Count > 0)
            {
                segment.Deletes.Add(found, tick);
            }
        }
    }
}
