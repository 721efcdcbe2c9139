using System.Diagnostics;
using Microsoft.Win32.SafeHandles;
using MiniMilvus.Storage.Checksums;
using MiniMilvus.Storage.Disk;

namespace MiniMilvus.Benchmarks.Wal;

/// <summary>What the disk does with bare loops over files. They sync with the call that the log's disk syncs with.</summary>
internal static class RawLog
{
    /// <summary>Appends groups of these sizes to a new file, each with its own flush.</summary>
    /// <returns>Megabytes a second.</returns>
    public static double Throughput(string path, IReadOnlyList<int> groups)
    {
        var bytes = new byte[groups.Max()];
        new Random(7).NextBytes(bytes);
        using var file = File.OpenHandle(path, FileMode.Create, FileAccess.ReadWrite);
        var began = Stopwatch.GetTimestamp();
        long at = 0;
        foreach (var group in groups)
        {
            RandomAccess.Write(file, bytes.AsSpan(0, group), at);
            NativeMethods.FlushData(file, path);
            at += group;
        }

        var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        file.Dispose();
        File.Delete(path);
        return at / 1e6 / seconds;
    }

    /// <summary>Groups of one size into a file that has its blocks already, each with its own flush.</summary>
    /// <returns>Megabytes a second.</returns>
    public static double Preallocated(string path, int groupBytes, int groups)
    {
        var bytes = new byte[groupBytes];
        new Random(7).NextBytes(bytes);
        using var file = Filled(path, groupBytes, groups);
        var began = Stopwatch.GetTimestamp();
        for (var i = 0; i < groups; i++)
        {
            RandomAccess.Write(file, bytes, (long)i * groupBytes);
            NativeMethods.FlushData(file, path);
        }

        var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        file.Dispose();
        File.Delete(path);
        return (double)groupBytes * groups / 1e6 / seconds;
    }

    /// <summary>Groups of one size into a file that has its blocks already, by two writers that take turns: one writes while the other's flush is under way.</summary>
    /// <returns>Megabytes a second.</returns>
    public static double Overlapping(string path, int groupBytes, int groups)
    {
        var bytes = new byte[groupBytes];
        new Random(7).NextBytes(bytes);
        using var file = Filled(path, groupBytes, groups);
        var next = -1;
        var began = Stopwatch.GetTimestamp();
        var writers = Enumerable.Range(0, 2).Select(_ => new Thread(Write)).ToList();
        writers.ForEach(w => w.Start());
        writers.ForEach(w => w.Join());
        var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        file.Dispose();
        File.Delete(path);
        return (double)groupBytes * groups / 1e6 / seconds;

        void Write()
        {
            while (Interlocked.Increment(ref next) is var i && i < groups)
            {
                RandomAccess.Write(file, bytes, (long)i * groupBytes);
                NativeMethods.FlushData(file, path);
            }
        }
    }

    private static SafeFileHandle Filled(string path, int groupBytes, int groups)
    {
        var file = File.OpenHandle(path, FileMode.Create, FileAccess.ReadWrite);
        for (var i = 0; i < groups; i++)
        {
            RandomAccess.Write(file, new byte[groupBytes], (long)i * groupBytes);
        }

        NativeMethods.FlushData(file, path);
        return file;
    }

    /// <summary>One write of 4 KiB into a file that has its blocks already, and its flush.</summary>
    /// <returns>Microseconds of each.</returns>
    public static List<double> Overwrites(string path, int count)
    {
        var bytes = new byte[4096];
        new Random(7).NextBytes(bytes);
        using var file = File.OpenHandle(path, FileMode.Create, FileAccess.ReadWrite);
        RandomAccess.Write(file, new byte[4096 * count], 0);
        NativeMethods.FlushData(file, path);
        var times = new List<double>(count);
        for (var i = 0; i < count; i++)
        {
            var began = Stopwatch.GetTimestamp();
            RandomAccess.Write(file, bytes, i * 4096L);
            NativeMethods.FlushData(file, path);
            times.Add(Stopwatch.GetElapsedTime(began).TotalMicroseconds);
        }

        file.Dispose();
        File.Delete(path);
        return times;
    }

    /// <summary>Drops the files from the page cache; false where GNU dd, which can ask for that, is missing.</summary>
    public static bool TryForgetCached(IEnumerable<string> paths)
    {
        try
        {
            foreach (var path in paths)
            {
                using var dd = Process.Start(new ProcessStartInfo("dd", [$"if={path}", "iflag=nocache", "count=0", "status=none"]))!;
                if (!dd.WaitForExit(TimeSpan.FromSeconds(30)) || dd.ExitCode != 0)
                {
                    return false;
                }
            }

            return true;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }

    /// <summary>Reads files from end to end, through one buffer.</summary>
    /// <param name="verifies">Every byte also goes through CRC-32C, as it must when it is verified.</param>
    /// <returns>Megabytes a second.</returns>
    public static double Read(IEnumerable<string> paths, bool verifies = false)
    {
        var buffer = new byte[1024 * 1024];
        var crc = Crc32C.Start;
        long total = 0;
        var began = Stopwatch.GetTimestamp();
        foreach (var path in paths)
        {
            using var file = File.OpenHandle(path);
            long at = 0;
            while (RandomAccess.Read(file, buffer, at) is > 0 and var read)
            {
                at += read;
                crc = verifies ? Crc32C.Append(crc, buffer.AsSpan(0, read)) : crc;
            }

            total += at;
        }

        var rate = total / 1e6 / Stopwatch.GetElapsedTime(began).TotalSeconds;
        return verifies && Crc32C.Finish(crc) == 0 ? -rate : rate; // what is computed must be used, or it need not be computed
    }
}
