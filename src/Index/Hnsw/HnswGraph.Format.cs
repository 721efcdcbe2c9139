using System.Buffers;
using System.Buffers.Binary;
using MiniMilvus.Core.Schema;
using MiniMilvus.Index.Bitmaps;
using MiniMilvus.Index.Vectors;

namespace MiniMilvus.Index.Hnsw;

// Bytes, little-endian, version 1:
//   u8 version, u8 metric (0 L2, 1 IP, 2 cosine), i32 dimension, i32 rows, i32 M, i32 efConstruction, u64 seed, i32 entry row (−1 when empty),
//   u8 level per row, i32 twins and per twin i32 row and i32 next row with the same vector, then the ground list of each row, then for each row its lists on levels 1..level.
//   A list is u16 count and count × i32 row. Vectors and checksums are the file's business.
public sealed partial class HnswGraph
{
    private const byte FormatVersion = 1;
    private const int HeaderBytes = 1 + 1 + 4 * 4 + 8 + 4;

    /// <summary>Writes the graph. No writer may be at work meanwhile.</summary>
    public void WriteTo(IBufferWriter<byte> writer)
    {
        if (Volatile.Read(ref _writing) != 0) throw new InvalidOperationException("expected no writer while the graph is saved, found one");
        int rows = _count;
        Span<byte> header = writer.GetSpan(HeaderBytes);
        header[0] = FormatVersion;
        header[1] = MetricByte(Source.Space.Metric);
        BinaryPrimitives.WriteInt32LittleEndian(header[2..], Source.Space.Dimension);
        BinaryPrimitives.WriteInt32LittleEndian(header[6..], rows);
        BinaryPrimitives.WriteInt32LittleEndian(header[10..], Options.M);
        BinaryPrimitives.WriteInt32LittleEndian(header[14..], Options.EfConstruction);
        BinaryPrimitives.WriteUInt64LittleEndian(header[18..], Options.Seed);
        BinaryPrimitives.WriteInt32LittleEndian(header[26..], _entry);
        writer.Advance(HeaderBytes);
        writer.Write(_links.Levels.AsSpan(0, rows));
        WriteTwins(writer, rows);
        for (int row = 0; row < rows; row++) WriteList(writer, _links.List(row, 0));
        for (int row = 0; row < rows; row++)
        {
            for (int level = 1; level <= _links.Levels[row]; level++) WriteList(writer, _links.List(row, level));
        }
    }

    /// <summary>
    /// Reads a graph of exactly the rows of the source. Every number is checked before it is used, so whatever the bytes are, the result
    /// is a graph that is safe to search or an <see cref="InvalidDataException"/> that says what was expected and what was found.
    /// The graph is full; <paramref name="copyVectors"/> is as in <see cref="HnswOptions"/>.
    /// </summary>
    public static HnswGraph Read(ReadOnlySpan<byte> bytes, VectorSource source, bool copyVectors = false)
    {
        if (bytes.Length < HeaderBytes) throw Malformed("header bytes", $"{HeaderBytes} or more", bytes.Length);
        int sourceRows = source.Count;
        Expect("version", FormatVersion, bytes[0]);
        Expect("metric", MetricByte(source.Space.Metric), bytes[1]);
        Expect("dimension", source.Space.Dimension, BinaryPrimitives.ReadInt32LittleEndian(bytes[2..]));
        Expect("rows", sourceRows, BinaryPrimitives.ReadInt32LittleEndian(bytes[6..]));
        int m = Within("M", 2, 2048, BinaryPrimitives.ReadInt32LittleEndian(bytes[10..]));
        int efConstruction = Within("efConstruction", 1, 32768, BinaryPrimitives.ReadInt32LittleEndian(bytes[14..]));
        ulong seed = BinaryPrimitives.ReadUInt64LittleEndian(bytes[18..]);
        int entry = BinaryPrimitives.ReadInt32LittleEndian(bytes[26..]);
        if (sourceRows == 0) Expect("entry row", NoEntry, entry);
        else Within("entry row", 0, sourceRows - 1, entry);

        ReadOnlySpan<byte> rest = bytes[HeaderBytes..];
        if (rest.Length < sourceRows) throw Malformed("levels", $"{sourceRows} bytes", rest.Length);
        byte[] levels = rest[..sourceRows].ToArray();
        rest = rest[sourceRows..];
        long lists = sourceRows;
        foreach (byte level in levels) lists += Within("level", 0, HnswLevels.LevelMax, level);
        // Before anything is allocated for the lists: they must at least have room for their counts.
        if (rest.Length < lists * sizeof(ushort)) throw Malformed("lists", $"{lists * sizeof(ushort)} bytes or more", rest.Length);

        var options = new HnswOptions { M = m, EfConstruction = efConstruction, Seed = seed, CopyVectors = copyVectors };
        HnswGraph graph;
        try
        {
            graph = new HnswGraph(source, options, levels);
        }
        catch (ArgumentOutOfRangeException e)
        {
            throw new InvalidDataException($"HNSW graph: M {m} and levels do not fit: {e.Message}", e);
        }

        BitSet twins = graph.ReadTwins(ref rest);
        if (sourceRows > 0 && twins[entry]) throw Malformed("entry row", "a linked row", $"the twin {entry}");
        for (int row = 0; row < sourceRows; row++) ReadList(ref rest, twins, levels, row, 0, graph._links.List(row, 0));
        for (int row = 0; row < sourceRows; row++)
        {
            for (int level = 1; level <= levels[row]; level++) ReadList(ref rest, twins, levels, row, level, graph._links.List(row, level));
        }

        Expect("bytes after the lists", 0, rest.Length);
        if (graph._copy is not null)
        {
            int dimension = source.Space.Dimension;
            for (int row = 0; row < sourceRows; row++) source.Row(row).CopyTo(graph._copy.AsSpan(row * dimension));
        }

        graph._entry = entry;
        Volatile.Write(ref graph._count, sourceRows);
        return graph;
    }

    private static void WriteList(IBufferWriter<byte> writer, ReadOnlySpan<int> list)
    {
        int count = GraphLinks.CountOf(list), bytes = sizeof(ushort) + count * sizeof(int);
        Span<byte> target = writer.GetSpan(bytes);
        BinaryPrimitives.WriteUInt16LittleEndian(target, (ushort)count);
        for (int i = 0; i < count; i++) BinaryPrimitives.WriteInt32LittleEndian(target[(sizeof(ushort) + i * sizeof(int))..], list[i]);
        writer.Advance(bytes);
    }

    private void WriteTwins(IBufferWriter<byte> writer, int rows)
    {
        BinaryPrimitives.WriteInt32LittleEndian(writer.GetSpan(sizeof(int)), _links.TwinCount);
        writer.Advance(sizeof(int));
        for (int row = 0; row < rows; row++)
        {
            if (_links.TwinOf(row) < 0) continue;
            Span<byte> pair = writer.GetSpan(2 * sizeof(int));
            BinaryPrimitives.WriteInt32LittleEndian(pair, row);
            BinaryPrimitives.WriteInt32LittleEndian(pair[sizeof(int)..], _links.TwinOf(row));
            writer.Advance(2 * sizeof(int));
        }
    }

    private BitSet ReadTwins(ref ReadOnlySpan<byte> rest)
    {
        var twins = new BitSet(Capacity);
        if (rest.Length < sizeof(int)) throw Malformed("twins", "a count", $"{rest.Length} bytes");
        int count = Within("twins", 0, Math.Max(0, Capacity - 1), BinaryPrimitives.ReadInt32LittleEndian(rest));
        rest = rest[sizeof(int)..];
        if (rest.Length < count * 2L * sizeof(int)) throw Malformed("twins", $"{count} pairs", $"{rest.Length} bytes");
        int previous = -1;
        for (int i = 0; i < count; i++, rest = rest[(2 * sizeof(int))..])
        {
            int row = Within("row with a twin", previous + 1, Capacity - 1, BinaryPrimitives.ReadInt32LittleEndian(rest));
            // Rising rows make chains end; each row hangs once, on a row with its own vector, so no result is doubled or wrong.
            int next = Within($"twin of row {row}", row + 1, Capacity - 1, BinaryPrimitives.ReadInt32LittleEndian(rest[sizeof(int)..]));
            if (twins[next] || !Source.Row(row).SequenceEqual(Source.Row(next)))
                throw Malformed($"twin of row {row}", "a row with the same vector that hangs on no other", $"row {next}");
            twins[next] = true;
            _links.AddTwin(row, next);
            previous = row;
        }

        return twins;
    }

    private static void ReadList(ref ReadOnlySpan<byte> rest, BitSet twins, byte[] levels, int row, int level, Span<int> slots)
    {
        if (rest.Length < sizeof(ushort)) throw Malformed("list", "a count", $"{rest.Length} bytes");
        int count = Within("list length", 0, slots.Length, BinaryPrimitives.ReadUInt16LittleEndian(rest));
        rest = rest[sizeof(ushort)..];
        if (rest.Length < count * sizeof(int)) throw Malformed("list", $"{count} rows", $"{rest.Length} bytes");
        for (int i = 0; i < count; i++)
        {
            int neighbour = Within("neighbour", 0, levels.Length - 1, BinaryPrimitives.ReadInt32LittleEndian(rest[(i * sizeof(int))..]));
            if (neighbour == row || levels[neighbour] < level || twins[neighbour])
                throw Malformed($"neighbour of row {row}", $"another linked row of level {level} or above", $"row {neighbour} of level {levels[neighbour]}");
            slots[i] = neighbour;
        }

        rest = rest[(count * sizeof(int))..];
    }

    private static byte MetricByte(MetricType metric) => metric switch
    {
        MetricType.L2 => 0,
        MetricType.IP => 1,
        _ => 2,
    };

    private static void Expect(string what, int expected, int found)
    {
        if (expected != found) throw Malformed(what, expected, found);
    }

    private static int Within(string what, int low, int high, int found) =>
        found >= low && found <= high ? found : throw Malformed(what, $"{low}..{high}", found);

    private static InvalidDataException Malformed(string what, object expected, object found) =>
        new($"HNSW graph: {what}: expected {expected}, found {found}");
}
