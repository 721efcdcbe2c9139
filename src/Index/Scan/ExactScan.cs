using System.Buffers;
using System.Numerics;
using System.Runtime.InteropServices;
using MiniMilvus.Core.Schema;
using MiniMilvus.Index.Bitmaps;
using MiniMilvus.Index.Distances;
using MiniMilvus.Index.Ranking;
using MiniMilvus.Index.Vectors;

namespace MiniMilvus.Index.Scan;

/// <summary>
/// Top-k over a range of rows by looking at every allowed one: exact, deterministic, and the reference for the graph.
/// Results enter a caller's heap under key <c>keyBase + row</c>, so that one heap can collect several chunks.
/// Several queries are scanned block by block, so that a block of rows is read from memory once.
/// </summary>
public static class ExactScan
{
    private const int BlockBytes = 64 * 1024;

    /// <summary>Offers the allowed rows first..first+count−1 to the heap. A null bitmap allows all; rows past its end are not allowed.</summary>
    public static void Scan(VectorSource source, int first, int count, ReadOnlySpan<float> query, BitSet? allowed, ref TopKHeap heap, long keyBase = 0) =>
        ScanBatch(source, first, count, query, allowed, MemoryMarshal.CreateSpan(ref heap, 1), keyBase);

    /// <summary>As the bitmap overload, with the rows allowed by a struct predicate.</summary>
    public static void Scan<TFilter>(VectorSource source, int first, int count, ReadOnlySpan<float> query, TFilter filter, ref TopKHeap heap, long keyBase = 0)
        where TFilter : struct, IRowFilter =>
        ScanBatch(source, first, count, query, filter, MemoryMarshal.CreateSpan(ref heap, 1), keyBase);

    /// <summary>Scans for several queries, laid one after the other; the n-th heap collects the n-th query's rows.</summary>
    public static void ScanBatch(VectorSource source, int first, int count, ReadOnlySpan<float> queries, BitSet? allowed, Span<TopKHeap> heaps, long keyBase = 0)
    {
        if (allowed is null) ScanBatch(source, first, count, queries, default(AllRows), heaps, keyBase);
        else Start(source, first, count, queries, new RowsIn(allowed), allowed, heaps, keyBase);
    }

    /// <summary>Scans for several queries with a struct predicate.</summary>
    public static void ScanBatch<TFilter>(VectorSource source, int first, int count, ReadOnlySpan<float> queries, TFilter filter, Span<TopKHeap> heaps, long keyBase = 0)
        where TFilter : struct, IRowFilter =>
        Start(source, first, count, queries, filter, null, heaps, keyBase);

    /// <summary>The k best rows of a whole source, best first.</summary>
    public static Neighbor[] Search(VectorSource source, ReadOnlySpan<float> query, int k, BitSet? allowed = null)
    {
        var heap = new TopKHeap(k);
        Scan(source, 0, source.Count, query, allowed, ref heap);
        return heap.DrainSorted();
    }

    private static void Start<TFilter>(
        VectorSource source, int first, int count, ReadOnlySpan<float> queries, TFilter filter, BitSet? bits, Span<TopKHeap> heaps, long keyBase)
        where TFilter : struct, IRowFilter
    {
        int dimension = source.Space.Dimension, sourceRows = source.Count;
        if (first < 0 || count < 0 || first > sourceRows - count)
            throw new ArgumentOutOfRangeException(nameof(first), $"expected a range within {sourceRows} rows, found {first} + {count}");
        if (queries.Length != (long)heaps.Length * dimension)
            throw new ArgumentException($"expected {heaps.Length} queries of {dimension} floats, found {queries.Length} floats", nameof(queries));
        float[] prepared = ArrayPool<float>.Shared.Rent(queries.Length);
        try
        {
            for (int i = 0; i < heaps.Length; i++)
                source.Space.Prepare(queries.Slice(i * dimension, dimension), prepared.AsSpan(i * dimension, dimension));
            var job = new Job<TFilter>(source, filter, bits, prepared, heaps, keyBase);
            switch (source.Space.Metric)
            {
                case MetricType.L2: job.Run<L2Metric>(first, count); break;
                case MetricType.IP: job.Run<InnerProductMetric>(first, count); break;
                default: job.Run<CosineMetric>(first, count); break;
            }
        }
        finally
        {
            ArrayPool<float>.Shared.Return(prepared);
        }
    }

    private readonly ref struct Job<TFilter>(VectorSource source, TFilter filter, BitSet? bits, ReadOnlySpan<float> queries, Span<TopKHeap> heaps, long keyBase)
        where TFilter : struct, IRowFilter
    {
        private readonly ReadOnlySpan<float> _queries = queries;
        private readonly Span<TopKHeap> _heaps = heaps;

        public void Run<TMetric>(int first, int count) where TMetric : struct, IMetric
        {
            int dimension = source.Space.Dimension, blockRows = Math.Max(16, BlockBytes / (dimension * sizeof(float)));
            if (_heaps.Length == 1) blockRows = int.MaxValue;
            int end = bits is null ? first + count : Math.Min(first + count, bits.Length);
            while (first < end)
            {
                // Many small batches under a selective filter: go straight to the next one that has an allowed row.
                if (bits is not null) first = bits.NextSet(first);
                if ((uint)first >= (uint)end) return;
                ReadOnlySpan<float> run = source.Run(first);
                int runEnd = (int)Math.Min(end, (long)first + run.Length / dimension);
                // A view whose row 0 is the run's first row: within a run every source is contiguous.
                var rows = new ContiguousRows(run, dimension);
                ReadOnlySpan<float> norms = TMetric.UsesNorms ? source.InverseNorms[first..] : default;
                int runFirst = first;
                while (first < runEnd)
                {
                    int blockEnd = (int)Math.Min(runEnd, (long)first + blockRows);
                    for (int q = 0; q < _heaps.Length; q++)
                    {
                        var measure = new Measure<ContiguousRows, TMetric>(rows, norms, in _queries[q * dimension], dimension);
                        if (bits is null) Dense(measure, runFirst, first, blockEnd, ref _heaps[q]);
                        else Sparse(measure, runFirst, first, blockEnd, ref _heaps[q]);
                    }

                    first = blockEnd;
                }
            }
        }

        private void Dense<TMetric>(Measure<ContiguousRows, TMetric> measure, int runFirst, int first, int end, ref TopKHeap heap)
            where TMetric : struct, IMetric
        {
            float threshold = heap.Threshold;
            for (int row = first; row < end; row++)
            {
                if (!filter.Allows(row)) continue;
                float distance = measure.ToRow(row - runFirst);
                if (distance > threshold) continue;
                heap.Push(keyBase + row, distance);
                threshold = heap.Threshold;
            }
        }

        private void Sparse<TMetric>(Measure<ContiguousRows, TMetric> measure, int runFirst, int first, int end, ref TopKHeap heap)
            where TMetric : struct, IMetric
        {
            for (int index = first >> 6; index << 6 < end; index++)
            {
                ulong word = bits!.WordWithin(index, first, end);
                for (ulong ahead = word; ahead != 0 && word != ulong.MaxValue; ahead &= ahead - 1)
                    measure.Prefetch((index << 6) + BitOperations.TrailingZeroCount(ahead) - runFirst);
                for (; word != 0; word &= word - 1)
                {
                    int row = (index << 6) + BitOperations.TrailingZeroCount(word);
                    float distance = measure.ToRow(row - runFirst);
                    if (distance <= heap.Threshold || float.IsNaN(distance)) heap.Push(keyBase + row, distance);
                }
            }
        }
    }
}
