using System.Buffers.Binary;
using MiniMilvus.Core.Schema;

namespace MiniMilvus.Index.Sealed;

/// <summary>How a node's vector lies in its record.</summary>
internal enum NodeEncoding
{
    /// <summary>As it is.</summary>
    Float32 = 0,

    /// <summary>One signed byte a value (Milvus: HNSW_SQ with sq_type SQ8); the floats are those of the source.</summary>
    Int8 = 1,
}

/// <summary>
/// The header of a sealed graph (docs/formats/graph.md): where each section begins, counted from the header. Every section begins at a
/// multiple of 64 bytes. A section that is not there has offset 0.
/// </summary>
internal sealed record GraphLayout
{
    public const int HeaderBytes = 128;
    public const int Alignment = 64;
    public const int Version = 1;
    public const int LevelMax = 30;

    public required NodeEncoding Encoding { get; init; }
    public required MetricType Metric { get; init; }
    public required int Dimension { get; init; }
    public required int Rows { get; init; }
    public required int M { get; init; }
    public required int EfConstruction { get; init; }
    public required int Levels { get; init; }
    public required ulong Seed { get; init; }

    /// <summary>Where a walk begins: the place in the top level, or the node itself where there is only the ground level; −1 when empty.</summary>
    public required int Entry { get; init; }

    /// <summary>Of an int8 graph: what a step of the code stands for.</summary>
    public required float Scale { get; init; }

    /// <summary>Bytes that the vector or its code takes in a record.</summary>
    public int VectorBytes => Encoding == NodeEncoding.Float32 ? Dimension * sizeof(float) : Aligned(Dimension, 32);

    /// <summary>Where the links begin in a record.</summary>
    public int LinksAt => Aligned(VectorBytes, Alignment);

    public int RecordBytes => Aligned(LinksAt + (2 * M * sizeof(int)), Alignment);

    /// <summary>A record of an upper level: the node, its place one level below, its M links.</summary>
    public int UpperInts => 2 + M;

    public required bool HasTwins { get; init; }

    public required long UpperBytes { get; init; }

    public const long RecordsAt = HeaderBytes;
    public long RowsAt => Up(RecordsAt + ((long)Rows * RecordBytes));
    public long NormsAt => Up(RowsAt + (4L * Rows));
    public bool HasNorms => Metric == MetricType.Cosine && Encoding == NodeEncoding.Float32;
    public long TwinsAt => Up(NormsAt + (HasNorms ? 4L * Rows : 0));
    public long MiddlesAt => Up(TwinsAt + (HasTwins ? 4L * Rows : 0));
    public long UpperAt => Up(MiddlesAt + (Encoding == NodeEncoding.Int8 ? 4L * Dimension : 0));
    public long TotalBytes => Up(UpperAt + UpperBytes);

    public static ReadOnlySpan<byte> Magic => "MMGRAPH1"u8;

    public void Encode(Span<byte> header)
    {
        header = header[..HeaderBytes];
        header.Clear();
        Magic.CopyTo(header);
        int[] numbers = [Version, (int)Encoding, MetricNumber(Metric), Dimension, Rows, M, EfConstruction, Levels, Entry, HasTwins ? 1 : 0, RecordBytes, LinksAt];
        for (int i = 0; i < numbers.Length; i++) BinaryPrimitives.WriteInt32LittleEndian(header[(8 + (4 * i))..], numbers[i]);
        BinaryPrimitives.WriteUInt64LittleEndian(header[56..], Seed);
        long[] offsets = [RowsAt, NormsAt, TwinsAt, MiddlesAt, UpperAt, UpperBytes, TotalBytes];
        for (int i = 0; i < offsets.Length; i++) BinaryPrimitives.WriteInt64LittleEndian(header[(64 + (8 * i))..], offsets[i]);
        BinaryPrimitives.WriteSingleLittleEndian(header[120..], Scale);
    }

    /// <summary>Reads a header; whatever is derived from other numbers must be as derived.</summary>
    public static GraphLayout Parse(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < HeaderBytes || !bytes[..8].SequenceEqual(Magic)) throw Malformed("header", $"{HeaderBytes} bytes that begin with MMGRAPH1", $"{bytes.Length} bytes without it");
        Within("version", Version, Version, Number(bytes, 8));
        var layout = new GraphLayout
        {
            Encoding = (NodeEncoding)Within("encoding", 0, 1, Number(bytes, 12)),
            Metric = Within("metric", 0, 2, Number(bytes, 16)) switch { 0 => MetricType.L2, 1 => MetricType.IP, _ => MetricType.Cosine },
            Dimension = Within("dimension", 1, Distances.VectorSpace.DimensionMax, Number(bytes, 20)),
            Rows = Within("rows", 0, int.MaxValue - 1, Number(bytes, 24)),
            M = Within("M", 2, 2048, Number(bytes, 28)),
            EfConstruction = Within("efConstruction", 1, 32768, Number(bytes, 32)),
            Levels = Within("levels", 0, LevelMax, Number(bytes, 36)),
            Entry = Number(bytes, 40),
            HasTwins = Within("twins", 0, 1, Number(bytes, 44)) == 1,
            Seed = BinaryPrimitives.ReadUInt64LittleEndian(bytes[56..]),
            UpperBytes = BinaryPrimitives.ReadInt64LittleEndian(bytes[104..]),
            Scale = BinaryPrimitives.ReadSingleLittleEndian(bytes[120..]),
        };
        if (layout.UpperBytes is < 0 or > int.MaxValue) throw Malformed("upper bytes", $"0..{int.MaxValue}", layout.UpperBytes);
        if (layout.TotalBytes != bytes.Length) throw Malformed("bytes", layout.TotalBytes, bytes.Length);
        if (!float.IsFinite(layout.Scale) || layout.Scale < 0) throw Malformed("scale", "a number that is not negative", layout.Scale);
        Span<byte> again = stackalloc byte[HeaderBytes];
        layout.Encode(again);
        int differs = again.CommonPrefixLength(bytes);
        return differs >= HeaderBytes ? layout : throw Malformed($"header byte {differs}", again[differs], bytes[differs]);
    }

    public static int Within(string what, int low, int high, int found) =>
        found >= low && found <= high ? found : throw Malformed(what, low == high ? low : $"{low}..{high}", found);

    public static InvalidDataException Malformed(string what, object expected, object found) => new($"sealed graph: {what}: expected {expected}, found {found}");

    private static int Number(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadInt32LittleEndian(bytes[at..]);

    private static int MetricNumber(MetricType metric) => metric switch { MetricType.L2 => 0, MetricType.IP => 1, _ => 2 };

    private static int Aligned(int bytes, int to) => (bytes + to - 1) / to * to;

    private static long Up(long bytes) => (bytes + Alignment - 1) / Alignment * Alignment;
}
