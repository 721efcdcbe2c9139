using System.Collections.Immutable;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Schema;
using MiniMilvus.Storage.Checksums;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Storage.Objects;

namespace MiniMilvus.Storage.Segments;

/// <summary>
/// Reads a sealed segment: the manifest, then the columns asked for, each verified against the manifest and its own checksum.
/// Errors: NotFound (a file that the manifest names is gone), Corrupted (named, with expected and found), Unavailable.
/// </summary>
public sealed class SegmentReader
{
    private readonly IObjectStore _store;

    private SegmentReader(IObjectStore store, SegmentManifest manifest, string path)
    {
        _store = store;
        Manifest = manifest;
        Path = path;
    }

    public SegmentManifest Manifest { get; }

    public string Path { get; }

    public static async ValueTask<SegmentReader> OpenAsync(IObjectStore store, string manifestPath, CancellationToken ct)
    {
        var json = await store.GetAsync(manifestPath, ct);
        return new SegmentReader(store, SegmentManifest.Decode(json.Span, manifestPath), manifestPath);
    }

    /// <summary>One column; NotFound when the segment has none of that field (it was added to the schema later).</summary>
    public async ValueTask<Column> ReadColumnAsync(FieldId field, CancellationToken ct)
    {
        var file = FileOf(field);
        return Decode(file, await _store.GetAsync(file.Path, ct));
    }

    /// <summary>
    /// The vectors of a field where they lie, and the view of their file: the caller disposes it when nothing reads them any more.
    /// </summary>
    public async ValueTask<(FloatVectorColumn Vectors, FileView View)> ViewVectorsAsync(FieldId field, CancellationToken ct)
    {
        var file = FileOf(field);
        var view = await _store.ViewAsync(file.Path, ct);
        try
        {
            return Decode(file, view.Bytes) is FloatVectorColumn vectors
                ? (vectors, view)
                : throw MiniMilvusException.Corrupted($"{Path}: expected float vectors in field {field}, found {file.Type}");
        }
        catch
        {
            view.Dispose();
            throw;
        }
    }

    /// <summary>What an index over a field is built from.</summary>
    public IndexedColumn Indexed(FieldId field) => new(Manifest.Segment, FileOf(field).Checksum);

    /// <summary>The commit tick of each row.</summary>
    public async ValueTask<ReadOnlyMemory<long>> ReadTicksAsync(CancellationToken ct) =>
        await ReadColumnAsync(FieldId.Timestamp, ct) is ScalarColumn<long> ticks
            ? ticks.Values
            : throw MiniMilvusException.Corrupted($"{Path}: the tick column is not of type Int64");

    /// <summary>Every column but the ticks.</summary>
    /// <param name="views">When given, float vectors are left where they lie, and the views of their files are added here, also when this throws.</param>
    public async ValueTask<RowBatch> ReadRowsAsync(CancellationToken ct, List<FileView>? views = null)
    {
        var columns = ImmutableArray.CreateBuilder<Column>();
        foreach (var file in Manifest.Files.Where(f => f.Field != FieldId.Timestamp))
        {
            if (views is null || file.Type != DataType.FloatVector)
            {
                columns.Add(await ReadColumnAsync(file.Field, ct));
                continue;
            }

            var (vectors, view) = await ViewVectorsAsync(file.Field, ct);
            columns.Add(vectors);
            views.Add(view);
        }

        return columns.Any(c => c.Field == Manifest.PrimaryKey)
            ? new RowBatch(Manifest.PrimaryKey, columns.ToImmutable())
            : throw MiniMilvusException.Corrupted($"{Path}: no column of the primary key {Manifest.PrimaryKey}");
    }

    private SegmentFile FileOf(FieldId field) => Manifest.Files.FirstOrDefault(f => f.Field == field)
        ?? throw MiniMilvusException.NotFound(ErrorReason.FieldNotFound, $"{Path}: no column of field {field}");

    private Column Decode(SegmentFile file, ReadOnlyMemory<byte> bytes)
    {
        var checksum = Crc32C.Of(bytes.Span);
        if (bytes.Length != file.Bytes || checksum != file.Checksum)
        {
            throw MiniMilvusException.Corrupted($"{file.Path}: the manifest expects {file.Bytes} bytes with checksum {file.Checksum:x8}, found {bytes.Length} with {checksum:x8}");
        }

        var column = ColumnFile.Decode(bytes, file.Field, file.Path);
        return column.Count == Manifest.Rows && column.Type == file.Type
            ? column
            : throw MiniMilvusException.Corrupted($"{file.Path}: the manifest expects {Manifest.Rows} rows of {file.Type}, found {column.Count} of {column.Type}");
    }
}
