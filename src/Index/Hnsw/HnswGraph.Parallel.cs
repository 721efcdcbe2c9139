using MiniMilvus.Core.Time;
using MiniMilvus.Index.Vectors;

namespace MiniMilvus.Index.Hnsw;

// The same graph whatever the number of workers: rows are linked in batches whose bounds follow from the rows alone. Within a batch every step is
// a function of what the step before left, and what two workers might both write is given to one of them.
public sealed partial class HnswGraph
{
    private const int BatchRowsMax = 512;

    /// <summary>Bounds what the walks of a batch have found, 8 bytes each.</summary>
    private const int BatchKeysMax = 4 << 20;

    /// <summary>A batch is a small part of what is linked already, for its rows find each other by comparison and not by a walk.</summary>
    private const int LinkedPerBatchRow = 8;

    /// <summary>
    /// Builds the graph of all rows that the source has now, on several threads of the pool. It depends on rows, options and seed, not on
    /// the number of workers, and answers as well as one built row by row. When it returns or throws, nothing reads the source any more.
    /// </summary>
    /// <param name="source">Its rows do not change meanwhile.</param>
    /// <param name="options">As for <see cref="Build"/>.</param>
    /// <param name="pool">Where the work is done.</param>
    /// <param name="workers">How much of it is asked for at once; at least 1.</param>
    /// <param name="cancellationToken">Seen between two rows.</param>
    public static async Task<HnswGraph> BuildAsync(VectorSource source, HnswOptions options, IComputePool pool, int workers, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(workers, 1);
        var graph = new HnswGraph(source, source.Count, options);
        if (graph.Capacity == 0) return graph;
        graph.AddUpTo(1, cancellationToken);
        graph.CopyRows(1);
        int most = Math.Clamp(BatchKeysMax / options.EfConstruction, 1, BatchRowsMax);
        var batch = new HnswBatch(graph._links, options.EfConstruction, workers);
        while (graph._count < graph.Capacity)
        {
            int rows = Math.Clamp(graph._count / LinkedPerBatchRow, 1, most);
            batch.Begin(graph._count, Math.Min(graph.Capacity, graph._count + rows), graph._entry);
            await RunAsync(HnswBatchStep.Explore);
            await AloneAsync(() => batch.FindTwins(source));
            await RunAsync(HnswBatchStep.LinkFrom);
            await AloneAsync(batch.Gather);
            await RunAsync(HnswBatchStep.LinkTo);
            graph._entry = batch.End();
            Volatile.Write(ref graph._count, batch.To);
        }

        return graph;

        // All have ended before the first failure is thrown.
        async Task RunAsync(HnswBatchStep step) => await Task.WhenAll(Enumerable.Range(0, batch.WorkersFor(step)).Select(w => OneAsync(step, w)).ToArray());

        // On the pool too: its threads yield to searches, those that go on after an await do not.
        async Task AloneAsync(Action step) => await pool.RunAsync(() => { step(); return true; }, cancellationToken);

        async Task OneAsync(HnswBatchStep step, int worker) => await pool.RunAsync(() => batch.Run(graph, step, worker, cancellationToken), cancellationToken);
    }

    private void CopyRows(int from)
    {
        int dimension = Source.Space.Dimension;
        for (int row = from; _copy is not null && row < Capacity; row++) Source.Row(row).CopyTo(_copy.AsSpan(row * dimension, dimension));
    }
}
