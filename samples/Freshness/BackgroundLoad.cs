using System.Diagnostics;
using MiniMilvus.Client;

namespace MiniMilvus.Freshness;

/// <summary>Inserts at a steady rate until stopped: ten batches a second, each due at its own time, so a slow insert is caught up and not forgotten.</summary>
internal sealed class BackgroundLoad(MilvusCollection collection, RowSource rows, int rowsPerSecond)
{
    private const int BatchesPerSecond = 10;

    public async Task<(long Rows, double RowsPerSecond)> RunAsync(CancellationToken ct)
    {
        if (rowsPerSecond == 0)
        {
            return (0, 0);
        }
        var start = Stopwatch.GetTimestamp();
        long written = 0;
        try
        {
            for (var batch = 1; ; batch++)
            {
                var (ids, vectors) = rows.Take(Math.Max(1, rowsPerSecond / BatchesPerSecond));
                await collection.InsertAsync([FieldData.Create("id", ids), FieldData.CreateFloatVector("vector", vectors, RowSource.Dimension)], cancellationToken: ct);
                written += ids.Length;
                var early = TimeSpan.FromSeconds((double)batch / BatchesPerSecond) - Stopwatch.GetElapsedTime(start);
                if (early > TimeSpan.Zero)
                {
                    await Task.Delay(early, ct);
                }
            }
        }
        catch (Exception e) when (ct.IsCancellationRequested && e is OperationCanceledException or Grpc.Core.RpcException { StatusCode: Grpc.Core.StatusCode.Cancelled })
        {
            return (written, written / Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
    }
}
