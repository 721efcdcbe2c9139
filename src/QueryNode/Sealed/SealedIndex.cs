using MiniMilvus.Index;
using MiniMilvus.Index.Hnsw;
using MiniMilvus.Index.Sealed;
using MiniMilvus.Index.Vectors;
using MiniMilvus.Storage.Disk;

namespace MiniMilvus.QueryNode.Sealed;

/// <summary>An index of a sealed segment, and the view of its file that it is searched in. Disposed with the segment, when no search runs on it.</summary>
internal sealed class SealedIndex : IDisposable
{
    private readonly FileView _view;

    private SealedIndex(long indexId, VectorIndex index, FileView view) => (IndexId, Index, _view) = (indexId, index, view);

    public long IndexId { get; }

    public VectorIndex Index { get; }

    /// <summary>Bytes of this process's own memory.</summary>
    public long MemoryBytes => _view.IsMapped ? 0 : Index.MemoryBytes;

    /// <summary>
    /// Opens the content of an index file: a sealed graph where it lies; a graph of the older form is read, and the view disposed. Throws
    /// <see cref="InvalidDataException"/> when the bytes are neither, or not over these rows; the view is the caller's then.
    /// </summary>
    public static SealedIndex Open(long indexId, ReadOnlyMemory<byte> content, FileView view, VectorSource source)
    {
        if (SealedGraph.IsSealedGraph(content.Span))
        {
            return new SealedIndex(indexId, SealedGraph.Open(content, source), view);
        }

        var index = new SealedIndex(indexId, HnswGraph.Read(content.Span, source), FileView.Of(ReadOnlyMemory<byte>.Empty));
        view.Dispose();
        return index;
    }

    public void Dispose()
    {
        (Index as IDisposable)?.Dispose();
        _view.Dispose();
    }
}
