using System.Buffers;
using System.Runtime.InteropServices;
using MiniMilvus.Core.Schema;
using MiniMilvus.Index.Distances;
using MiniMilvus.Index.Hnsw;
using MiniMilvus.Index.Ranking;
using MiniMilvus.Index.Scan;
using MiniMilvus.Index.Vectors;

namespace MiniMilvus.Index.Sealed;

/// <summary>
/// A finished HNSW graph in its file form (docs/formats/graph.md), searched where it lies: in an array or in a file mapped into memory.
/// Opening it checks every number that a walk relies on and copies nothing. A record holds a node's vector (or its int8 code) and its links.
/// The bytes must not change while the graph lives; they are kept by reference, and so is a mapping behind them.
/// </summary>
public sealed unsafe class SealedGraph : VectorIndex, IDisposable
{
    // A walk meets rows at random and keeps a beam, which makes a distance in it about this much dearer than one in a scan.
    private const double WalkCostPerScanCost = 1.5;
    private readonly GraphLayout _layout;
    private readonly PinnedBytes _bytes;
    private readonly GraphView _view;

    private SealedGraph(VectorSource source, GraphLayout layout, PinnedBytes bytes, int*[] levels)
        : base(source)
    {
        _layout = layout;
        _bytes = bytes;
        byte* start = bytes.Pointer;
        _view = new GraphView
        {
            Records = start + GraphLayout.RecordsAt,
            RecordBytes = layout.RecordBytes,
            LinksAt = layout.LinksAt,
            RowOf = (int*)(start + layout.RowsAt),
            Norms = layout.HasNorms ? (float*)(start + layout.NormsAt) : null,
            Twins = layout.HasTwins ? (int*)(start + layout.TwinsAt) : null,
            Middles = layout.Encoding == NodeEncoding.Int8 ? (float*)(start + layout.MiddlesAt) : null,
            UpperLevels = bytes.KeepLevels(levels),
            Levels = layout.Levels,
            Entry = layout.Entry,
            M = layout.M,
        };
    }

    /// <inheritdoc/>
    public override int Count => _layout.Rows;

    /// <inheritdoc/>
    public override long MemoryBytes => _layout.TotalBytes;

    /// <summary>Neighbours of a row on the upper levels.</summary>
    public int M => _layout.M;

    /// <summary>Width of the search for neighbours while it was built.</summary>
    public int EfConstruction => _layout.EfConstruction;

    /// <summary>True where nodes hold int8 codes and results are re-ranked from the source's floats.</summary>
    public bool IsQuantized => _layout.Encoding == NodeEncoding.Int8;

    /// <summary>Whether bytes begin as a sealed graph does.</summary>
    public static bool IsSealedGraph(ReadOnlySpan<byte> bytes) => bytes.StartsWith(GraphLayout.Magic);

    /// <summary>Opens a graph of exactly the rows of the source, or says with an <see cref="InvalidDataException"/> what was expected and what was found.</summary>
    public static SealedGraph Open(ReadOnlyMemory<byte> bytes, VectorSource source)
    {
        GraphLayout layout = GraphLayout.Parse(bytes.Span);
        if (layout.Metric != source.Space.Metric) throw GraphLayout.Malformed("metric", source.Space.Metric, layout.Metric);
        GraphLayout.Within("dimension", source.Space.Dimension, source.Space.Dimension, layout.Dimension);
        GraphLayout.Within("rows", source.Count, source.Count, layout.Rows);
        var pinned = new PinnedBytes(bytes);
        try
        {
            var graph = new SealedGraph(source, layout, pinned, SealedGraphCheck.Levels(layout, pinned.Pointer));
            SealedGraphCheck.Check(layout, graph._view, source);
            return graph;
        }
        catch
        {
            pinned.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Lets the bytes go. For an owner who knows that no search runs on the graph and that none will begin; without one they go when nothing
    /// refers to the graph any more.
    /// </summary>
    public void Dispose() => _bytes.Dispose();

    /// <inheritdoc/>
    public override int Search(ReadOnlySpan<float> query, in HnswSearch search, HnswScratchPool pool, Span<Neighbor> results, ref SearchStats stats)
    {
        ObjectDisposedException.ThrowIf(_bytes.IsDisposed, this);
        int count = Count, limit = Math.Min(count, Math.Max(0, search.RowLimit));
        int allowed = search.Allowed is null ? limit : search.Allowed.Count(0, Math.Min(limit, search.Allowed.Length));
        int k = Math.Min(search.K, allowed);
        ArgumentOutOfRangeException.ThrowIfNotEqual(query.Length, Source.Space.Dimension, nameof(query));
        if (k == 0) return 0;
        if (results.Length < k) throw new ArgumentException($"expected room for {k} results, found {results.Length}", nameof(results));
        int refined = IsQuantized ? (int)Math.Min(allowed, Math.Max(k, Math.Ceiling(k * (double)search.RefineK))) : k;
        int ef = Math.Min(Math.Max(search.Ef, refined), count);
        bool scan = search.Path == HnswPath.Auto ? allowed <= WalkCostPerScanCost * ef * M * count / allowed : search.Path == HnswPath.Scan;
        if (!scan)
        {
            HnswScratch scratch = pool.Rent();
            try
            {
                scratch.Prepare(count, ef, 2 * M, Math.Max(query.Length, _layout.VectorBytes / 2));
                scratch.ClearSeenWhole();
                if (Walk(query, search, allowed, limit, ef, scratch, ref stats) && scratch.BeamCount >= k)
                {
                    Collect(query, scratch, k, Math.Min(refined, scratch.BeamCount), results, ref stats);
                    return k;
                }
            }
            finally
            {
                pool.Return(scratch);
                GC.KeepAlive(this);
            }
        }

        // Also the way out for a walk that cost too much or could not reach k rows: the answer is complete in any case.
        stats.ExactScans++;
        stats.DistanceComputations += allowed;
        var heap = new TopKHeap(k);
        ExactScan.Scan(Source, 0, limit, query, search.Allowed, ref heap);
        return heap.DrainSorted(results);
    }

    private bool Walk(ReadOnlySpan<float> query, in HnswSearch search, int allowed, int limit, int ef, HnswScratch scratch, ref SearchStats stats)
    {
        Source.Space.Prepare(query, scratch.Query.AsSpan(0, query.Length));
        fixed (float* prepared = scratch.Query)
        {
            if (!IsQuantized)
            {
                return _layout.Metric switch
                {
                    MetricType.L2 => Walk(new FloatNodes<L2Metric>(_view.Records, _view.RecordBytes, _view.Norms, prepared, query.Length), search, allowed, limit, ef, scratch, ref stats),
                    MetricType.IP => Walk(new FloatNodes<InnerProductMetric>(_view.Records, _view.RecordBytes, _view.Norms, prepared, query.Length), search, allowed, limit, ef, scratch, ref stats),
                    _ => Walk(new FloatNodes<CosineMetric>(_view.Records, _view.RecordBytes, _view.Norms, prepared, query.Length), search, allowed, limit, ef, scratch, ref stats),
                };
            }

            // Reading the floats and writing the steps in one buffer would overlap, so the steps have their own.
            short[] steps = ArrayPool<short>.Shared.Rent(_layout.VectorBytes);
            try
            {
                var code = new Int8Code(_layout.Metric, new ReadOnlySpan<float>(_view.Middles, _layout.Dimension).ToArray(), _layout.Scale);
                (float start, float factor) = code.Prepare(scratch.Query.AsSpan(0, query.Length), steps.AsSpan(0, _layout.VectorBytes));
                fixed (short* coded = steps)
                {
                    return _layout.Metric == MetricType.L2
                        ? Walk(new Int8Nodes<Int8Squares>(_view.Records, _view.RecordBytes, coded, _layout.VectorBytes, start, factor), search, allowed, limit, ef, scratch, ref stats)
                        : Walk(new Int8Nodes<Int8Products>(_view.Records, _view.RecordBytes, coded, _layout.VectorBytes, start, factor), search, allowed, limit, ef, scratch, ref stats);
                }
            }
            finally
            {
                ArrayPool<short>.Shared.Return(steps);
            }
        }
    }

    private bool Walk<TMeasure>(TMeasure measure, in HnswSearch search, int allowed, int limit, int ef, HnswScratch scratch, ref SearchStats stats)
        where TMeasure : struct, INodeMeasure
    {
        var walk = new NodeWalk<TMeasure>(measure, _view, scratch);
        ulong best = walk.Descend(ref stats);
        if (allowed == Count)
        {
            walk.Beam(best, ef, ref stats);
            return true;
        }

        // What a scan would have cost: past that, walking on can only lose.
        long budget = search.Path == HnswPath.Walk ? long.MaxValue : allowed;
        return search.Allowed is null
            ? walk.Filtered(best, ef, new RowsBelow(limit), budget, ref stats)
            : walk.Filtered(best, ef, new RowsInBelow(search.Allowed, limit), budget, ref stats);
    }

    private void Collect(ReadOnlySpan<float> query, HnswScratch scratch, int k, int refined, Span<Neighbor> results, ref SearchStats stats)
    {
        ReadOnlySpan<ulong> beam = scratch.Beam;
        if (!IsQuantized)
        {
            // Nodes are in order; rows of equal distance are to be, those too that the cut at k runs through.
            float last = OrderedKey.Distance(beam[k - 1]);
            int tied = k;
            while (tied < scratch.BeamCount && OrderedKey.Distance(beam[tied]).Equals(last)) tied++;
            Neighbor[]? more = tied > k ? ArrayPool<Neighbor>.Shared.Rent(tied) : null;
            Span<Neighbor> found = more is null ? results[..k] : more.AsSpan(0, tied);
            for (int i = 0; i < tied; i++) found[i] = new Neighbor(_view.RowOf[OrderedKey.Row(beam[i])], OrderedKey.Distance(beam[i]));
            found.Sort();
            if (more is null) return;
            found[..k].CopyTo(results);
            ArrayPool<Neighbor>.Shared.Return(more);
            return;
        }

        // The codes led here; the order and the scores are those of the floats.
        stats.DistanceComputations += refined;
        var heap = new TopKHeap(k);
        for (int i = 0; i < refined; i++)
        {
            int row = _view.RowOf[OrderedKey.Row(beam[i])];
            ExactScan.Scan(Source, row, 1, query, default(AllRows), ref heap);
        }

        heap.DrainSorted(results);
    }
}

/// <summary>Keeps bytes alive and in place until it is disposed or nothing refers to it any more (Q4), then lets them go.</summary>
internal sealed unsafe class PinnedBytes : IDisposable
{
    private readonly ReadOnlyMemory<byte> _bytes;
    private MemoryHandle _pin;
    private int** _levels;
    private int _isDisposed;

    public PinnedBytes(ReadOnlyMemory<byte> bytes)
    {
        _bytes = bytes;
        _pin = bytes.Pin();
    }

    ~PinnedBytes() => Free();

    public bool IsDisposed => Volatile.Read(ref _isDisposed) != 0;

    public byte* Pointer => (byte*)_pin.Pointer;

    public int** KeepLevels(int*[] levels)
    {
        _levels = (int**)NativeMemory.Alloc((nuint)Math.Max(1, levels.Length), (nuint)sizeof(int*));
        for (int i = 0; i < levels.Length; i++) _levels[i] = levels[i];
        return _levels;
    }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0) return;
        _pin.Dispose();
        NativeMemory.Free(_levels);
        GC.KeepAlive(_bytes);
    }
}
