using Microsoft.Extensions.Logging.Abstractions;
using MiniMilvus.Core;
using MiniMilvus.Core.Events;
using MiniMilvus.Core.Schema;
using MiniMilvus.QueryNode.Channels;
using MiniMilvus.QueryNode.Growing;
using MiniMilvus.QueryNode.Sealed;
using MiniMilvus.Storage.Objects;

namespace MiniMilvus.QueryNode.Tests;

/// <summary>A shard that nothing runs: the test applies messages, moves its tSafe and shows segments itself.</summary>
internal static class BareShard
{
    public static Shard Of(VChannel channel)
    {
        var options = new QueryNodeOptions();
        var metrics = new QueryNodeMetrics();
        var budget = new GrowingBudget(options.GrowingBytesMax);
        return new Shard(channel, () => World.Schema, _ => MetricType.L2, new ShardParts(
            options, metrics, NoStations.Instance, new GraphBuilder(new TestPool(), 1, budget, metrics, NullLogger.Instance), budget,
            new SealedLoader(new MemoryObjectStore(), new FakeCoordinator(), new TestPool(), options, NullLogger.Instance)));
    }
}
