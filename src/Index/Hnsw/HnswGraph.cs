using MiniMilvus.Core.Schema;
using MiniMilvus.Index.Distances;
using MiniMilvus.Index.Sealed;
using MiniMilvus.Index.Vectors;

namespace MiniMilvus.Index.Hnsw;

/// <summary>
/// A hierarchical navigable small-world graph over the rows of a <see cref="VectorSource"/> (Malkov and Yashunin 2016; Milvus: HNSW).
/// It holds links, not vectors (unless <see cref="HnswOptions.CopyVectors"/>). One writer adds rows in row order; any number of threads
/// search meanwhile, without locks on either side. Built by one thread it is a function of rows, options and seed, byte for byte
/// on one kind of processor.
/// </summary>
public sealed partial class HnswGraph : VectorIndex
{
    private const int NoEntry = -1;
    private readonly GraphLinks _links;
    private readonly float[]? _copy;
    private HnswInserter? _inserter;
    private int _entry = NoEntry;
    private int _count;
    private int _writing;

    /// <summary>Creates an empty graph with room for <paramref name="capacityRows"/> rows of the source; links are allocated here.</summary>
    public HnswGraph(VectorSource source, int capacityRows, HnswOptions options)
        : this(source, options, DrawLevels(capacityRows, options))
    {
    }

    private HnswGraph(VectorSource source, HnswOptions options, byte[] levels)
        : base(source)
    {
        if (source is VectorChunk chunk) ArgumentOutOfRangeException.ThrowIfGreaterThan(levels.Length, chunk.Capacity, "capacityRows");
        else ArgumentOutOfRangeException.ThrowIfGreaterThan(levels.Length, source.Count, "capacityRows");
        Options = options;
        _links = new GraphLinks(levels, options.M);
        if (!options.CopyVectors) return;
        long floats = (long)levels.Length * source.Space.Dimension;
        if (floats > Array.MaxLength) throw new ArgumentException($"expected a copy of at most {Array.MaxLength} floats, found {floats}", nameof(options));
        _copy = GC.AllocateUninitializedArray<float>((int)floats);
    }

    /// <summary>How it is built.</summary>
    public HnswOptions Options { get; }

    /// <summary>Rows linked: rows 0..Count−1 can be found. Rises while the writer works.</summary>
    public override int Count => Volatile.Read(ref _count);

    /// <summary>Rows that fit.</summary>
    public int Capacity => _links.Capacity;

    /// <summary>Bytes held by links, levels and the copy of the vectors, without the source and without the writer's own memory.</summary>
    public override long MemoryBytes => _links.MemoryBytes + (_copy?.Length ?? 0L) * sizeof(float);

    /// <summary>Builds the graph of all rows that the source has now. Cancellation is seen between two rows.</summary>
    public static HnswGraph Build(VectorSource source, HnswOptions options, CancellationToken cancellationToken)
    {
        var graph = new HnswGraph(source, source.Count, options);
        graph.AddUpTo(graph.Capacity, cancellationToken);
        graph.Finish();
        return graph;
    }

    /// <summary>
    /// Links the rows Count..end−1. Only one call may run at a time. After a cancellation the graph is whole and holds the rows
    /// linked so far; a later call goes on from there.
    /// </summary>
    public void AddUpTo(int end, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(end, Math.Min(Capacity, Source.Count));
        if (Interlocked.Exchange(ref _writing, 1) != 0) throw new InvalidOperationException("expected one writer of the graph, found two");
        try
        {
            for (int row = _count; row < end; row++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                Add(row);
            }
        }
        finally
        {
            Volatile.Write(ref _writing, 0);
        }
    }

    /// <summary>Gives back the writer's working memory. Adding again allocates it anew and yields an equally good graph.</summary>
    public void Finish() => _inserter = null;

    /// <summary>
    /// The graph in the form that is searched where it lies (<see cref="SealedGraph"/>), with int8 codes in place of the vectors if wanted.
    /// No writer may be at work meanwhile.
    /// </summary>
    public byte[] Seal(bool quantize = false)
    {
        if (Volatile.Read(ref _writing) != 0) throw new InvalidOperationException("expected no writer while the graph is sealed, found one");
        return new GraphWriter(Source, _links, Options, _count, _entry, quantize ? NodeEncoding.Int8 : NodeEncoding.Float32).Write();
    }

    /// <summary>The shape for tests and inspection: levels and lists.</summary>
    internal GraphLinks Links => _links;

    private static byte[] DrawLevels(int capacityRows, HnswOptions options)
    {
        options.Check();
        ArgumentOutOfRangeException.ThrowIfNegative(capacityRows);
        return HnswLevels.Draw(capacityRows, options.M, options.Seed);
    }

    private void Add(int row)
    {
        int dimension = Source.Space.Dimension;
        if (_copy is not null) Source.Row(row).CopyTo(_copy.AsSpan(row * dimension, dimension));
        if (row == 0)
        {
            // Entry before count, so that whoever counts a row also finds a way in.
            Volatile.Write(ref _entry, 0);
            Volatile.Write(ref _count, 1);
            return;
        }

        _inserter ??= new HnswInserter(_links, Options.EfConstruction, _entry);
        float[] query = _inserter.Prepare(dimension);
        Source.Space.Prepare(Source.Row(row), query);
        bool linked = Source.Space.Metric switch
        {
            MetricType.L2 => Add<L2Metric>(row, query),
            MetricType.IP => Add<InnerProductMetric>(row, query),
            _ => Add<CosineMetric>(row, query),
        };

        Volatile.Write(ref _count, row + 1);
        // Count before entry: a walk that reads the entry first never starts at a row above its limit.
        if (linked && _links.Levels[row] > _links.Levels[_entry]) Volatile.Write(ref _entry, row);
    }

    private bool Add<TMetric>(int row, float[] prepared) where TMetric : struct, IMetric
    {
        int dimension = Source.Space.Dimension;
        return Flat(out ReadOnlySpan<float> values)
            ? _inserter!.Add(new Measure<ContiguousRows, TMetric>(new ContiguousRows(values, dimension), Source.InverseNorms, in prepared[0], dimension), row, _entry)
            : _inserter!.Add(new Measure<BatchedRows, TMetric>(((VectorChunk)Source).View(), Source.InverseNorms, in prepared[0], dimension), row, _entry);
    }

    internal bool Flat(out ReadOnlySpan<float> values)
    {
        values = _copy is not null ? _copy : Source is ContiguousVectors flat ? flat.Values.Span : default;
        return _copy is not null || Source is ContiguousVectors;
    }
}
