using System.Runtime.InteropServices;
using MiniMilvus.Core.Schema;
using MiniMilvus.Index.Distances;
using MiniMilvus.Index.Scan;
using MiniMilvus.Index.Vectors;

namespace MiniMilvus.Benchmarks.IndexAlone;

/// <summary>
/// Rows and queries that discriminate: a 28-dimensional Gaussian → random linear map to 96 (scaled by 1/√28) → tanh(2x) → random linear map
/// to 128 (1/√96) + 0.05 Gaussian noise, seeded. Written to files once, so that every peer reads the same bytes.
/// </summary>
internal sealed class IndexData
{
    public const int Dimension = 128;
    public const int Queries = 1_000;
    public const int TopK = 10;
    private const int Seed = 20_261;

    private IndexData(string folder, int rows)
    {
        Rows = rows;
        RowsPath = Path.Combine(folder, $"rows-{rows}x{Dimension}.f32");
        QueriesPath = Path.Combine(folder, $"queries-{rows}-{Queries}x{Dimension}.f32");
        TruthPath = Path.Combine(folder, $"truth-{rows}-{Queries}x{TopK}.i32");
    }

    public int Rows { get; }

    public string RowsPath { get; }

    public string QueriesPath { get; }

    public string TruthPath { get; }

    public static IndexData Open(int rows)
    {
        var folder = Path.Combine(Path.GetTempPath(), "minimilvus-bench-index");
        Directory.CreateDirectory(folder);
        var data = new IndexData(folder, rows);
        if (!File.Exists(data.TruthPath))
        {
            var values = Make(rows + Queries);
            var queries = values[(rows * Dimension)..];
            Array.Resize(ref values, rows * Dimension);
            Write<float>(data.RowsPath, values);
            Write<float>(data.QueriesPath, queries);
            Write<int>(data.TruthPath, Exact(values, queries));
        }

        return data;
    }

    public float[] ReadRows() => Read<float>(RowsPath, Rows * Dimension);

    public float[] ReadQueries() => Read<float>(QueriesPath, Queries * Dimension);

    public int[] ReadTruth() => Read<int>(TruthPath, Queries * TopK);

    private static float[] Make(int rows)
    {
        var random = new Random(Seed);
        return new IndexMaker(random, random).Make(rows);
    }

    /// <summary>More rows of the same kind, without end: the maps are those of the files, the rows are others.</summary>
    public static IndexMaker MakerOfMore() => new(new Random(Seed), new Random(Seed + 1));

    private static int[] Exact(float[] values, float[] queries)
    {
        var source = new ContiguousVectors(new VectorSpace(MetricType.L2, Dimension), values);
        var truth = new int[Queries * TopK];
        for (var q = 0; q < Queries; q++)
        {
            var nearest = ExactScan.Search(source, queries.AsSpan(q * Dimension, Dimension), TopK);
            for (var i = 0; i < TopK; i++)
            {
                truth[(q * TopK) + i] = (int)nearest[i].Key;
            }
        }

        return truth;
    }

    private static void Write<T>(string path, T[] values)
        where T : unmanaged
    {
        // A run that is cut off leaves no half file under the final name.
        File.WriteAllBytes(path + ".part", MemoryMarshal.AsBytes<T>(values).ToArray());
        File.Move(path + ".part", path, overwrite: true);
    }

    private static T[] Read<T>(string path, int count)
        where T : unmanaged
    {
        var values = MemoryMarshal.Cast<byte, T>(File.ReadAllBytes(path)).ToArray();
        return values.Length == count ? values : throw new InvalidDataException($"{path}: expected {count} values, found {values.Length}; remove it to have it made again");
    }
}
