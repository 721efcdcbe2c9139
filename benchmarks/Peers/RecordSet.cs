using System.Diagnostics;

namespace MiniMilvus.Benchmarks.Peers;

/// <summary>What every peer is given: the same random bytes.</summary>
internal static class RecordSet
{
    public static byte[][] Of(int recordBytes, int count)
    {
        var random = new Random(7);
        var records = new byte[count][];
        for (var i = 0; i < count; i++)
        {
            records[i] = new byte[recordBytes];
            random.NextBytes(records[i]);
        }

        return records;
    }

    /// <summary>Microseconds of each of so many calls, one after the other; as many again come before and are not counted.</summary>
    public static async Task<List<double>> TimesAsync(int count, Func<Task> call)
    {
        var times = new List<double>(count);
        for (var i = -count; i < count; i++)
        {
            var began = Stopwatch.GetTimestamp();
            await call();
            if (i >= 0)
            {
                times.Add(Stopwatch.GetElapsedTime(began).TotalMicroseconds);
            }
        }

        return times;
    }
}
