using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Time;
using MiniMilvus.Index.Vectors;
using MiniMilvus.QueryNode.Segments;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Storage.Segments;

namespace MiniMilvus.QueryNode.Sealed;

/// <summary>
/// Brings sealed segments and their indexes here: vectors and graphs are left where they lie in mapped files where the store has such, the rest
/// is read; memory is checked first (Q8), files are verified as they are opened.
/// </summary>
internal sealed class SealedLoader(IObjectStore store, ICoordinator coordinator, IComputePool pool, QueryNodeOptions options, ILogger logger)
{
    // Index files that were refused and reported; one that replaces them has another name.
    private readonly ConcurrentDictionary<string, bool> _refused = new(StringComparer.Ordinal);
    private long _bytes;

    /// <summary>Bytes of memory that sealed segments take here.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    /// <summary>Loads a segment's rows. The caller owns the segment until it is shown, and <see cref="Segment.Drop"/>s it otherwise.</summary>
    public async ValueTask<SealedSegment> LoadAsync(SegmentRecord record, CancellationToken ct)
    {
        var reader = await SegmentReader.OpenAsync(store, record.ManifestPath, ct);
        if (reader.Manifest.Segment != record.Id)
        {
            throw MiniMilvusException.Corrupted($"{record.ManifestPath}: expected the manifest of segment {record.Id}, found {reader.Manifest.Segment}");
        }

        var reserved = Reserve(record, reader.Manifest.Bytes);
        var views = new List<FileView>();
        try
        {
            var rows = await reader.ReadRowsAsync(ct, views);
            var ticks = await reader.ReadTicksAsync(ct);
            // Sorting the keys is the one heavy step.
            var segment = await pool.RunAsync(() => new SealedSegment(record.Id, record.Partition, rows, ticks, views, s => Interlocked.Add(ref _bytes, -s.MemoryBytes)), ct);
            Interlocked.Add(ref _bytes, segment.MemoryBytes - reserved);
            return segment;
        }
        catch
        {
            Interlocked.Add(ref _bytes, -reserved);
            views.ForEach(v => v.Dispose());
            throw;
        }
    }

    /// <summary>
    /// Loads the index files that the record has and the segment, which the caller holds, has not; returns how many. A file that is missing or does
    /// not verify is not used: the rows are scanned, which gives the same answers, and the coordinator is told, so that it is built anew.
    /// </summary>
    public async ValueTask<int> LoadIndexesAsync(SealedSegment segment, SegmentRecord record, CollectionRecord collection, CancellationToken ct)
    {
        var loaded = 0;
        SegmentReader? manifest = null;
        foreach (var file in record.Indexes)
        {
            var index = collection.Indexes.FirstOrDefault(i => i.Id == file.IndexId);
            if (index is null || _refused.ContainsKey(file.Path) || segment.HasIndex(file.Field, file.IndexId) || segment.VectorsOf(file.Field, index.Metric) is not { } source)
            {
                continue;
            }

            // Outside, so that no index file answers for a manifest that was lost.
            manifest ??= await SegmentReader.OpenAsync(store, record.ManifestPath, ct);
            try
            {
                await LoadIndexAsync(segment, record, file, manifest.Indexed(file.Field), source, ct);
                loaded++;
            }
            catch (MiniMilvusException e) when (e.Kind is ErrorKind.Corrupted or ErrorKind.NotFound)
            {
                await coordinator.CommitAsync(new DiscardIndex(record.Channel, default, record.Id, record.Collection, file.IndexId, file.Path), ct);
                _refused.TryAdd(file.Path, true);
                Log.IndexRefused(logger, record.Channel, record.Id, e.Message);
            }
        }

        return loaded;
    }

    private async ValueTask LoadIndexAsync(SealedSegment segment, SegmentRecord record, SegmentIndexRecord file, IndexedColumn of, ContiguousVectors source, CancellationToken ct)
    {
        var reserved = Reserve(record, file.Bytes);
        FileView? view = null;
        try
        {
            (var content, view) = await IndexFile.ViewAsync(store, file.Path, file.IndexId, of, ct);
            var index = await pool.RunAsync(() => SealedIndex.Open(file.IndexId, content, view, source), ct);
            Interlocked.Add(ref _bytes, index.MemoryBytes - reserved);
            segment.SetIndex(file.Field, index);
        }
        catch (Exception e)
        {
            Interlocked.Add(ref _bytes, -reserved);
            view?.Dispose();
            if (e is InvalidDataException)
            {
                throw MiniMilvusException.Corrupted($"{file.Path}: {e.Message}", e);
            }

            throw;
        }
    }

    /// <summary>Takes the room before the files are read, so that loads at once share it; what they take in the end is settled behind them.</summary>
    private long Reserve(SegmentRecord record, long bytes)
    {
        var used = Interlocked.Add(ref _bytes, bytes);
        if (used <= options.SealedBytesMax)
        {
            return bytes;
        }

        used = Interlocked.Add(ref _bytes, -bytes);
        throw MiniMilvusException.Unavailable(ErrorReason.CapacityExceeded,
            $"segment {record.Id}: expected room for {bytes} bytes, found {used} of {options.SealedBytesMax} in use");
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
                    segment.Delete(batch);
                }

                return true;
            }, ct);
        }
    }
}
