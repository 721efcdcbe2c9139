using MiniMilvus.Core.Schema;
using MiniMilvus.Index.Distances;
using MiniMilvus.Index.Ranking;
using MiniMilvus.Index.Vectors;

namespace MiniMilvus.Index.Hnsw;

/// <summary>The steps of a batch that are divided among workers. Between two of them nobody works.</summary>
internal enum HnswBatchStep
{
    /// <summary>Each new row: walk the graph as it was before the batch. Writes nothing into it.</summary>
    Explore,
    /// <summary>Each new row: choose neighbours among those and the earlier rows of the batch. Writes the row's own lists.</summary>
    LinkFrom,
    /// <summary>Each row that was chosen: take the new rows into its lists, or choose anew.</summary>
    LinkTo,
}

/// <summary>Links a batch of rows into a graph in steps that several workers share; what a step leaves does not depend on how.</summary>
internal sealed class HnswBatch
{
    private const int SourceBits = 10;
    private const int TargetBits = 31;
    private readonly ReachTree _tree;
    private readonly HnswLinker[] _linkers;
    private readonly GraphLinks _links;
    private readonly TwinChains _twins;
    private readonly Dictionary<int, int> _byHash = [];
    private readonly List<ulong> _chosenBy = [];
    private readonly List<int> _targets = [];
    private readonly int _efConstruction;
    private ulong[][][] _beams = [];
    private int[] _twinOf = [];
    private int _from;
    private int _entry;
    private int _next;

    public HnswBatch(GraphLinks links, int efConstruction, int workers)
    {
        (_links, _efConstruction, _twins, _tree) = (links, efConstruction, new TwinChains(links), new ReachTree(links));
        var chosenTogether = new ushort[links.Capacity]; // each entry belongs to whom its list belongs to
        _linkers = [.. Enumerable.Range(0, workers).Select(_ => new HnswLinker(links, efConstruction, chosenTogether, _tree))];
    }

    public int To { get; private set; }

    public void Begin(int from, int to, int entry)
    {
        (_from, To, _entry, _next) = (from, to, entry, 0);
        _beams = new ulong[to - from][][];
        _twinOf = new int[to - from];
    }

    public int WorkersFor(HnswBatchStep step) => Math.Clamp(step == HnswBatchStep.LinkTo ? _targets.Count - 1 : To - _from, 1, _linkers.Length);

    /// <summary>Takes items of a step until none is left.</summary>
    /// <returns>Items done.</returns>
    public int Run(HnswGraph graph, HnswBatchStep step, int worker, CancellationToken ct) => graph.Source.Space.Metric switch
    {
        MetricType.L2 => Run<L2Metric>(graph, step, worker, ct),
        MetricType.IP => Run<InnerProductMetric>(graph, step, worker, ct),
        _ => Run<CosineMetric>(graph, step, worker, ct),
    };

    /// <summary>Rows of the batch that equal an earlier one hang on it, as those that equal a linked row hang on that.</summary>
    public void FindTwins(VectorSource source)
    {
        _next = 0;
        _byHash.Clear();
        for (int i = 0; i < _twinOf.Length; i++)
        {
            if (_twinOf[i] >= 0) continue;
            ReadOnlySpan<float> row = source.Row(_from + i);
            int hash = HashOf(row);
            // Of different rows with one hash only the first is remembered; the others' twins are linked, which costs links and no answer.
            if (!_byHash.TryAdd(hash, i) && source.Row(_from + _byHash[hash]).SequenceEqual(row)) _twinOf[i] = _from + _byHash[hash];
        }
    }

    /// <summary>Every new row gets its parent. Who was chosen by whom, sorted, so that one worker has all that goes into one list.</summary>
    public void Gather()
    {
        _next = 0;
        _chosenBy.Clear();
        _targets.Clear();
        for (int i = 0; i < _twinOf.Length; i++)
        {
            if (_twinOf[i] < 0) _tree.Adopt(_from + i);
            for (int level = _twinOf[i] < 0 ? _links.Levels[_from + i] : -1; level >= 0; level--)
            {
                foreach (int target in _links.List(_from + i, level))
                {
                    if (target < 0) break;
                    _chosenBy.Add((ulong)level << (TargetBits + SourceBits) | (ulong)target << SourceBits | (uint)i);
                }
            }
        }

        _chosenBy.Sort();
        for (int i = 0; i < _chosenBy.Count; i++)
        {
            if (i == 0 || _chosenBy[i] >> SourceBits != _chosenBy[i - 1] >> SourceBits) _targets.Add(i);
        }

        _targets.Add(_chosenBy.Count);
    }

    /// <summary>The twins take their places.</summary>
    /// <returns>The graph's entry from now on.</returns>
    public int End()
    {
        for (int i = 0; i < _twinOf.Length; i++)
        {
            if (_twinOf[i] >= 0) _twins.Hang(_from + i, _twinOf[i]);
            else if (_links.Levels[_from + i] > _links.Levels[_entry]) _entry = _from + i;
        }

        return _entry;
    }

    private static int HashOf(ReadOnlySpan<float> row)
    {
        uint hash = 2166136261;
        foreach (float value in row) hash = (hash ^ BitConverter.SingleToUInt32Bits(value + 0f)) * 16777619; // −0 equals +0
        return (int)hash;
    }

    private int Run<TMetric>(HnswGraph graph, HnswBatchStep step, int worker, CancellationToken ct)
        where TMetric : struct, IMetric
    {
        VectorSource source = graph.Source;
        int dimension = source.Space.Dimension;
        float[] query = _linkers[worker].Prepare(dimension);
        return graph.Flat(out ReadOnlySpan<float> values)
            ? Run(new Measure<ContiguousRows, TMetric>(new ContiguousRows(values, dimension), source.InverseNorms, in query[0], dimension), source, query, step, _linkers[worker], ct)
            : Run(new Measure<BatchedRows, TMetric>(((VectorChunk)source).View(), source.InverseNorms, in query[0], dimension), source, query, step, _linkers[worker], ct);
    }

    private int Run<TRows, TMetric>(in Measure<TRows, TMetric> measure, VectorSource source, float[] query, HnswBatchStep step, HnswLinker linker, CancellationToken ct)
        where TRows : struct, IRowView, allows ref struct
        where TMetric : struct, IMetric
    {
        int items = step == HnswBatchStep.LinkTo ? _targets.Count - 1 : _twinOf.Length, done = 0;
        for (int i = Interlocked.Increment(ref _next) - 1; i < items; i = Interlocked.Increment(ref _next) - 1, done++)
        {
            ct.ThrowIfCancellationRequested();
            if (step == HnswBatchStep.LinkTo)
            {
                LinkTo(measure, i, linker);
                continue;
            }

            source.Space.Prepare(source.Row(_from + i), query);
            if (step == HnswBatchStep.Explore) Explore(measure, i, linker);
            else if (_twinOf[i] < 0) LinkFrom(measure, i, linker);
        }

        return done;
    }

    private void Explore<TRows, TMetric>(in Measure<TRows, TMetric> measure, int i, HnswLinker linker)
        where TRows : struct, IRowView, allows ref struct
        where TMetric : struct, IMetric
    {
        var unused = default(SearchStats);
        int row = _from + i, level = _links.Levels[row], top = _links.Levels[_entry];
        ulong best = OrderedKey.Pack(measure.ToRow(_entry), _entry);
        for (int l = top; l > level; l--) best = GraphWalk.Descend(measure, _links, l, int.MaxValue, best, ref unused);
        var beams = new ulong[Math.Min(level, top) + 1][];
        for (int l = beams.Length - 1; l >= 0; l--)
        {
            beams[l] = linker.Explore(measure, row, l, best).ToArray();
            best = beams[l][0];
        }

        _beams[i] = beams;
        _twinOf[i] = TwinChains.Find(measure, row, beams[0]);
    }

    private void LinkFrom<TRows, TMetric>(in Measure<TRows, TMetric> measure, int i, HnswLinker linker)
        where TRows : struct, IRowView, allows ref struct
        where TMetric : struct, IMetric
    {
        ulong[][] beams = _beams[i];
        for (int level = _links.Levels[_from + i]; level >= 0; level--)
        {
            ReadOnlySpan<ulong> beam = level < beams.Length ? beams[level] : [];
            ulong limit = beam.Length == _efConstruction ? beam[^1] : ulong.MaxValue;
            var candidates = linker.Candidates(beam);
            for (int j = 0; j < i; j++)
            {
                if (_twinOf[j] >= 0 || _links.Levels[_from + j] < level) continue;
                ulong key = OrderedKey.Pack(measure.ToRow(_from + j), _from + j);
                if (key < limit) candidates.Add(key);
            }

            candidates.Sort();
            linker.LinkFrom(measure, _from + i, level, System.Runtime.InteropServices.CollectionsMarshal.AsSpan(candidates));
        }
    }

    private void LinkTo<TRows, TMetric>(in Measure<TRows, TMetric> measure, int group, HnswLinker linker)
        where TRows : struct, IRowView, allows ref struct
        where TMetric : struct, IMetric
    {
        int first = _targets[group], count = _targets[group + 1] - first;
        Span<int> rows = stackalloc int[count];
        for (int k = 0; k < count; k++) rows[k] = _from + (int)(_chosenBy[first + k] & ((1 << SourceBits) - 1));
        ulong target = _chosenBy[first] >> SourceBits;
        linker.LinkTo(measure, (int)(target & ((1UL << TargetBits) - 1)), (int)(target >> TargetBits), rows);
    }
}
