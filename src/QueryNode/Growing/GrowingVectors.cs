using MiniMilvus.Core;
using MiniMilvus.Index.Distances;
using MiniMilvus.Index.Vectors;
using MiniMilvus.QueryNode.Segments;

namespace MiniMilvus.QueryNode.Growing;

/// <summary>
/// The vectors of one field of a growing segment: chunks that grow in size, each with a graph that follows its rows in the background
/// (decision 6). One writer appends, one builder a chunk extends its graph, any number of searches read; none of them waits for another.
/// </summary>
internal sealed class GrowingVectors(FieldId vectorField, VectorSpace space, QueryNodeOptions options)
{
    private GrowingChunk[] _chunks = [];

    public FieldId Field => vectorField;
    public VectorSpace Space => space;

    /// <summary>Rows that no graph links yet.</summary>
    public int WaitingRows => Volatile.Read(ref _chunks).Sum(c => c.WaitingRows);

    /// <summary>Whether a builder that comes now finds something to do.</summary>
    public bool HasWork
    {
        get
        {
            Interlocked.MemoryBarrier(); // between the rows just written and whether somebody is at their chunk, see GrowingChunk.GiveBack
            return Volatile.Read(ref _chunks).Any(c => !c.IsTaken && c.HasStep);
        }
    }

    public long GraphBytes => Volatile.Read(ref _chunks).Sum(c => c.Graph?.MemoryBytes ?? 0);

    public void Append(ReadOnlyMemory<float> values)
    {
        while (values.Length > 0)
        {
            var chunk = _chunks is [.., var last] && !last.Rows.IsFull ? last : AddChunk();
            values = values[(chunk.Rows.Append(values) * space.Dimension)..];
        }
    }

    public void AddParts(int rows, List<VectorPart> to)
    {
        foreach (var chunk in Volatile.Read(ref _chunks))
        {
            if (chunk.FirstRow >= rows)
            {
                return;
            }

            to.Add(new VectorPart(chunk.Rows, chunk.Graph, chunk.FirstRow, Math.Min(rows - chunk.FirstRow, chunk.Rows.Count)));
        }
    }

    /// <summary>The chunk that has most before it, taken, of those that no builder is at: so several builders come to their ends together. Null when there is none.</summary>
    public GrowingChunk? Take() =>
        Volatile.Read(ref _chunks).Where(c => c.HasStep).OrderByDescending(c => c.WaitingRows).FirstOrDefault(c => c.TryTake());

    private GrowingChunk AddChunk()
    {
        var (first, capacity) = _chunks is [.., var last]
            ? (last.FirstRow + last.Rows.Capacity, (int)Math.Min(options.ChunkRowsMax, (long)last.Rows.Capacity * options.ChunkGrowth))
            : (0, Math.Min(options.ChunkRowsMin, options.ChunkRowsMax));
        var chunk = new GrowingChunk(new VectorChunk(space, capacity), first, options);
        Volatile.Write(ref _chunks, [.. _chunks, chunk]);
        return chunk;
    }
}
