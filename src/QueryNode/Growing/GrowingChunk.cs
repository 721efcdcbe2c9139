using MiniMilvus.Index.Hnsw;
using MiniMilvus.Index.Vectors;

namespace MiniMilvus.QueryNode.Growing;

/// <summary>Some rows of a growing segment with the graph that follows them. Whoever has taken it extends the graph; searches ask nobody.</summary>
internal sealed class GrowingChunk(VectorChunk rows, int firstRow, QueryNodeOptions options)
{
    private HnswGraph? _graph;
    private int _isTaken;

    public VectorChunk Rows => rows;
    public int FirstRow => firstRow;
    public HnswGraph? Graph => Volatile.Read(ref _graph);

    /// <summary>Rows that the graph does not link yet.</summary>
    public int WaitingRows => rows.Count - (Graph?.Count ?? 0);

    /// <summary>Whether the graph should be extended now.</summary>
    public bool HasStep => StepRows > 0;

    public bool IsTaken => Volatile.Read(ref _isTaken) != 0;

    // A step is bounded, so that one job of the pool is short.
    private int StepRows
    {
        get
        {
            var waiting = WaitingRows;
            return waiting >= options.GraphStepRows || (waiting > 0 && rows.IsFull) ? Math.Min(waiting, options.GraphStepRows) : 0;
        }
    }

    public bool TryTake() => Interlocked.Exchange(ref _isTaken, 1) == 0;

    /// <summary>With a fence: rows that came while it was taken are seen by whoever gives it back, or their writer sees that it is free.</summary>
    public void GiveBack() => Interlocked.Exchange(ref _isTaken, 0);

    /// <summary>Links the next rows, for whoever has taken it; returns how many.</summary>
    public int Extend(CancellationToken ct)
    {
        var step = StepRows;
        if (step == 0)
        {
            return 0;
        }

        var graph = Graph ?? new HnswGraph(rows, rows.Capacity, options.GrowingGraph);
        graph.AddUpTo(graph.Count + step, ct);
        if (graph.Count == graph.Capacity)
        {
            graph.Finish();
        }

        Volatile.Write(ref _graph, graph);
        return step;
    }
}
