using System.Diagnostics;
using Grpc.Core;
using MiniMilvus.Client;

namespace MiniMilvus.EndToEnd;

/// <summary>A restarted server replays its log before it answers; how long may that take.</summary>
internal static class Recovery
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(60);

    /// <summary>Until a Strong count answers; the time it took.</summary>
    public static async Task<TimeSpan> WaitUntilLoadedAsync(MilvusClient client, string collection, Deployment deployment)
    {
        var since = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                await client.GetCollection(collection).CountAsync("", ConsistencyLevel.Strong);
                return since.Elapsed;
            }
            catch (Exception e) when (e is MilvusException or RpcException)
            {
                Assert.True(since.Elapsed < Bound, $"{collection} did not answer within {Bound}: {e.Message}\n{deployment.Log()}");
                await Task.Delay(50);
            }
        }
    }
}
