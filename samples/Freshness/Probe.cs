using System.Diagnostics;
using MiniMilvus.Client;

namespace MiniMilvus.Freshness;

/// <summary>One cell of the table. Times in milliseconds: from the ack to the first search that found the row, and the share found at the first look.</summary>
internal sealed record Measurement(int RowsPerSecond, ConsistencyLevel Level, int Probes, double P50, double P99, double Max, double AckP50, double FoundAtFirstLook)
{
    public static Measurement Of(int rate, ConsistencyLevel level, List<double> visible, List<double> acks, int firstLooks)
    {
        visible.Sort();
        acks.Sort();
        return new Measurement(rate, level, visible.Count, Percentile(visible, 0.50), Percentile(visible, 0.99), visible[^1], Percentile(acks, 0.50), (double)firstLooks / visible.Count);
    }

    private static double Percentile(List<double> sorted, double share) => sorted[Math.Min(sorted.Count - 1, (int)Math.Ceiling(share * sorted.Count) - 1)];
}

/// <summary>
/// Writes a row on one connection and searches for it on another, at once and again until it is found.
/// For Session the timestamp of the write is passed on to the reader, which is how one session spans two connections.
/// </summary>
internal sealed class Probe(MilvusCollection writer, MilvusCollection reader, RowSource rows)
{
    private const int WarmUps = 5;
    private static readonly TimeSpan VisibleTimeMax = TimeSpan.FromSeconds(30);

    public async Task<Measurement> MeasureAsync(ConsistencyLevel level, int rate, int probes, CancellationToken ct)
    {
        var visible = new List<double>(probes);
        var acks = new List<double>(probes);
        var firstLooks = 0;
        for (var i = -WarmUps; i < probes; i++)
        {
            var (ids, vector) = rows.Take(1);
            var start = Stopwatch.GetTimestamp();
            var write = await writer.InsertAsync([FieldData.Create("id", ids), FieldData.CreateFloatVector("vector", vector, RowSource.Dimension)], cancellationToken: ct);
            var acked = Stopwatch.GetTimestamp();
            var looks = await FindAsync(ids[0], vector, level, write.Timestamp, acked, ct);
            if (i >= 0)
            {
                visible.Add(Stopwatch.GetElapsedTime(acked).TotalMilliseconds);
                acks.Add(Stopwatch.GetElapsedTime(start, acked).TotalMilliseconds);
                firstLooks += looks == 1 ? 1 : 0;
            }
        }
        return Measurement.Of(rate, level, visible, acks, firstLooks);
    }

    private async Task<int> FindAsync(long id, ReadOnlyMemory<float> vector, ConsistencyLevel level, ulong writtenAt, long acked, CancellationToken ct)
    {
        var parameters = level == ConsistencyLevel.Session
            ? new SearchParameters { GuaranteeTimestamp = writtenAt }
            : new SearchParameters { ConsistencyLevel = level };
        for (var looks = 1; ; looks++)
        {
            var found = await reader.SearchAsync("vector", [vector], SimilarityMetricType.L2, limit: 1, parameters, ct);
            if (found.Ids.LongIds is [var first, ..] && first == id)
            {
                return looks;
            }
            if (level is ConsistencyLevel.Strong or ConsistencyLevel.Session)
            {
                throw new InvalidOperationException($"A {level} search after the ack did not find row {id}: a broken promise.");
            }
            if (Stopwatch.GetElapsedTime(acked) > VisibleTimeMax)
            {
                throw new TimeoutException($"Row {id} was acknowledged, but not found within {VisibleTimeMax} at level {level}.");
            }
        }
    }
}
