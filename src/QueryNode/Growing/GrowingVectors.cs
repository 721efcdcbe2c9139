using MiniMilvus.Core;
using MiniMilvus.Index.Distances;
using MiniMilvus.Index.Hnsw;
using MiniMilvus.Index.Vectors;
using MiniMilvus.QueryNode.Segments;

namespace MiniMilvus.QueryNode.Growing;

/// <summary>
/// The vectors of one field of a growing segment: chunks that double in size, each with a graph that follows its rows in the background
/// (decision 6). One writer appends, one builder extends graphs, any number of searches read; none of them waits for another.
/// </summary>
internal sealed class GrowingVectors(FieldId vectorField, VectorSpace space, QueryNodeOptions options)
{
    private Chunk[] _chunks = [];

    public FieldId Field => vectorField;
    public VectorSpace Space => space;

    /// <summary>Rows that no graph links yet.</summary>
    public int WaitingRows => Volatile.Read(ref _chunks).Sum(c => c.Rows.Count - (c.Graph?.Count ?? 0));

    public bool HasWork => Volatile.Read(ref _chunks).Any(c => c.NextStep(options) > 0);

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

    /// <summary>Extends one chunk's graph by one step; returns the rows linked, 0 when none waits. Only the builder calls it.</summary>
    public int BuildStep(CancellationToken ct)
    {
        foreach (var chunk in Volatile.Read(ref _chunks))
        {
            var end = chunk.NextStep(options);
            if (end == 0)
            {
                continue;
            }

            var graph = chunk.Graph ?? new HnswGraph(chunk.Rows, chunk.Rows.Capacity, options.GrowingGraph);
            var linked = graph.Count;
            graph.AddUpTo(end, ct);
            if (end == graph.Capacity)
            {
                graph.Finish();
            }

            chunk.Graph = graph;
            return end - linked;
        }

        return 0;
    }

    private Chunk AddChunk()
    {
        var first = _chunks is [.., var last] ? last.FirstRow + last.Rows.Capacity : 0;
        var capacity = (int)Math.Min(options.ChunkRowsMax, (long)options.ChunkRowsMin << Math.Min(16, _chunks.Length));
        var chunk = new Chunk(new VectorChunk(space, capacity), first);
        Volatile.Write(ref _chunks, [.. _chunks, chunk]);
        return chunk;
    }

    private sealed class Chunk(VectorChunk rows, int firstRow)
    {
        private HnswGraph? _graph;

        public VectorChunk Rows => rows;
        public int FirstRow => firstRow;

        public HnswGraph? Graph
        {
            get => Volatile.Read(ref _graph);
            set => Volatile.Write(ref _graph, value);
        }

        /// <summary>Up to where the graph should be extended now; 0 = nowhere. A step is bounded, so that one job of the pool is short.</summary>
        public int NextStep(QueryNodeOptions options)
        {
            var linked = Graph?.Count ?? 0;
            var waiting = rows.Count - linked;
            return waiting >= options.GraphStepRows || (waiting > 0 && rows.IsFull) ? linked + Math.Min(waiting, options.GraphStepRows) : 0;
        }
    }
}
