using System.Diagnostics;
using MiniMilvus.Storage.Disk;

namespace MiniMilvus.Benchmarks.Measuring;

/// <summary>What this disk does with the same bytes and no database: sequential writes into a preallocated file with a flush per group.</summary>
internal static class RawDisk
{
    /// <returns>Megabytes a second, the median of three runs.</returns>
    public static double Throughput(string folder, int groupBytes, int groups)
    {
        Directory.CreateDirectory(folder);
        var rates = Enumerable.Range(0, 3).Select(_ => Run(Path.Combine(folder, "raw"), groupBytes, groups)).Order().ToList();
        return rates[1];
    }

    private static double Run(string path, int groupBytes, int groups)
    {
        var bytes = new byte[groupBytes];
        new Random(7).NextBytes(bytes);
        using (var file = File.OpenHandle(path, FileMode.Create, FileAccess.ReadWrite, preallocationSize: (long)groupBytes * groups))
        {
            for (var i = 0; i < groups; i++)
            {
                RandomAccess.Write(file, new byte[groupBytes], (long)i * groupBytes);
            }

            NativeMethods.FlushData(file, path);
            var began = Stopwatch.GetTimestamp();
            for (var i = 0; i < groups; i++)
            {
                RandomAccess.Write(file, bytes, (long)i * groupBytes);
                NativeMethods.FlushData(file, path);
            }

            var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
            File.Delete(path);
            return groupBytes * (double)groups / 1e6 / seconds;
        }
    }
}
