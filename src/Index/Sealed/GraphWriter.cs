using System.Buffers.Binary;
using System.Runtime.InteropServices;
using MiniMilvus.Index.Distances;
using MiniMilvus.Index.Hnsw;
using MiniMilvus.Index.Vectors;

namespace MiniMilvus.Index.Sealed;

/// <summary>Turns a finished <see cref="HnswGraph"/> into the bytes of a sealed graph: the same links, nodes in an order that walks like.</summary>
internal sealed class GraphWriter
{
    private readonly VectorSource _source;
    private readonly GraphLinks _links;
    private readonly GraphLayout _layout;
    private readonly Int8Code? _code;
    private readonly int[] _rowOf;
    private readonly int[] _nodeOf;

    // Per upper level, from level 1 on: its nodes in node order.
    private readonly List<int[]> _levels = [];

    public GraphWriter(VectorSource source, GraphLinks links, HnswOptions options, int rows, int entryRow, NodeEncoding encoding)
    {
        _source = source;
        _links = links;
        _rowOf = NodeOrder.RowsOf(links, rows);
        _nodeOf = new int[rows];
        for (int node = 0; node < rows; node++) _nodeOf[_rowOf[node]] = node;
        _code = encoding == NodeEncoding.Int8 ? Int8Code.Train(source, rows) : null;
        int top = rows == 0 ? 0 : links.Levels[entryRow];
        for (int level = 1; level <= top; level++)
            _levels.Add([.. Enumerable.Range(0, rows).Where(node => links.Levels[_rowOf[node]] >= level && IsLinked(_rowOf[node], entryRow, level))]);
        int entry = rows == 0 ? -1 : top == 0 ? _nodeOf[entryRow] : Place(top, _nodeOf[entryRow]);
        _layout = new GraphLayout
        {
            Encoding = encoding,
            Metric = source.Space.Metric,
            Dimension = source.Space.Dimension,
            Rows = rows,
            M = options.M,
            EfConstruction = options.EfConstruction,
            Levels = top,
            Seed = options.Seed,
            Entry = entry,
            Scale = _code?.Scale ?? 0,
            HasTwins = links.TwinCount > 0,
            UpperBytes = (4L * top) + _levels.Sum(l => 4L * l.Length * (2 + options.M)),
        };
    }

    public byte[] Write()
    {
        if (_layout.TotalBytes > Array.MaxLength) throw new InvalidOperationException($"expected a graph of at most {Array.MaxLength} bytes, found {_layout.TotalBytes}");
        var bytes = new byte[_layout.TotalBytes];
        _layout.Encode(bytes);
        for (int node = 0; node < _rowOf.Length; node++)
        {
            Span<byte> record = bytes.AsSpan((int)(GraphLayout.RecordsAt + ((long)node * _layout.RecordBytes)), _layout.RecordBytes);
            WriteVector(_source.Row(_rowOf[node]), record[.._layout.VectorBytes]);
            WriteLinks(_links.List(_rowOf[node], 0), 0, record.Slice(_layout.LinksAt, 2 * _layout.M * sizeof(int)));
            Set(bytes, _layout.RowsAt, node, _rowOf[node]);
            if (_layout.HasNorms) Set(bytes, _layout.NormsAt, node, BitConverter.SingleToInt32Bits(_source.InverseNorms[_rowOf[node]]));
            if (_layout.HasTwins) Set(bytes, _layout.TwinsAt, node, _links.TwinOf(_rowOf[node]) is >= 0 and var next ? _nodeOf[next] : GraphLinks.End);
        }

        for (int i = 0; _code is not null && i < _code.Middles.Length; i++) Set(bytes, _layout.MiddlesAt, i, BitConverter.SingleToInt32Bits(_code.Middles[i]));
        WriteUpper(bytes);
        return bytes;
    }

    // A row of several levels that turned out to be a twin was never linked on any.
    private bool IsLinked(int row, int entryRow, int level) => row == entryRow || _links.List(row, level)[0] >= 0;

    private void WriteVector(ReadOnlySpan<float> vector, Span<byte> to)
    {
        if (_code is null)
        {
            MemoryMarshal.AsBytes(vector).CopyTo(to);
            return;
        }

        _code.Encode(vector, MemoryMarshal.Cast<byte, sbyte>(to));
    }

    private void WriteUpper(byte[] bytes)
    {
        int at = 0;
        foreach (int[] nodes in _levels) Set(bytes, _layout.UpperAt, at++, nodes.Length);
        for (int level = 1; level <= _levels.Count; level++)
        {
            foreach (int node in _levels[level - 1])
            {
                Set(bytes, _layout.UpperAt, at, node);
                Set(bytes, _layout.UpperAt, at + 1, level == 1 ? node : Place(level - 1, node));
                WriteLinks(_links.List(_rowOf[node], level), level, bytes.AsSpan((int)_layout.UpperAt + ((at + 2) * 4), _layout.M * 4));
                at += _layout.UpperInts;
            }
        }
    }

    private void WriteLinks(ReadOnlySpan<int> list, int level, Span<byte> to)
    {
        int count = GraphLinks.CountOf(list);
        for (int i = 0; i < list.Length; i++)
        {
            int link = i >= count ? GraphLinks.End : level == 0 ? _nodeOf[list[i]] : Place(level, _nodeOf[list[i]]);
            BinaryPrimitives.WriteInt32LittleEndian(to[(4 * i)..], link);
        }
    }

    private int Place(int level, int node) => Array.BinarySearch(_levels[level - 1], node);

    private static void Set(byte[] bytes, long section, int index, int value) => BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan((int)(section + (4L * index))), value);
}
