using MiniMilvus.Contracts.Wire.Common;
using MiniMilvus.Contracts.Wire.Milvus;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Time;
using static MiniMilvus.Proxy.Tests.Wire;

namespace MiniMilvus.Proxy.Tests;

public sealed class ConsistencyTests
{
    private static Timestamp Now(Harness world) => Timestamp.FromUnixMilliseconds(world.Time.GetUtcNow().ToUnixTimeMilliseconds());

    private static async Task<Timestamp> GuaranteeOf(Harness world, ConsistencyLevel level, ulong timestamp, bool useDefault = false)
    {
        var request = SearchOf("c", [1, 2], 3);
        (request.ConsistencyLevel, request.GuaranteeTimestamp, request.UseDefaultConsistency) = (level, timestamp, useDefault);
        Ok((await world.Service.Search(request, world.Call())).Status);
        return world.Node.Searches[^1].Guarantee;
    }

    [Fact]
    public async Task Each_level_gives_its_guarantee()
    {
        await using var world = new Harness();
        await world.LoadedAsync(Create("c"));
        var written = (await world.Service.Insert(Rows("c", 1, 1), world.Call())).Timestamp;
        Assert.True(await GuaranteeOf(world, ConsistencyLevel.Strong, 0) > new Timestamp(written));
        Assert.Equal(Now(world).Minus(TimeSpan.FromSeconds(5)), await GuaranteeOf(world, ConsistencyLevel.Bounded, written));
        Assert.Equal(Timestamp.Eventually, await GuaranteeOf(world, ConsistencyLevel.Eventually, written));
        Assert.Equal(new Timestamp(written), await GuaranteeOf(world, ConsistencyLevel.Session, written));
        Assert.True(await GuaranteeOf(world, ConsistencyLevel.Session, 0) > new Timestamp(written));
        Assert.Equal(new Timestamp(written), await GuaranteeOf(world, ConsistencyLevel.Customized, written));
    }

    [Fact]
    public async Task A_timestamp_without_a_level_speaks_for_itself()
    {
        await using var world = new Harness();
        await world.LoadedAsync(Create("c"));
        var written = (await world.Service.Insert(Rows("c", 1, 1), world.Call())).Timestamp;
        Assert.Equal(Timestamp.Eventually, await GuaranteeOf(world, ConsistencyLevel.Strong, 1));
        Assert.Equal(Now(world).Minus(TimeSpan.FromSeconds(5)), await GuaranteeOf(world, ConsistencyLevel.Strong, 2));
        Assert.Equal(new Timestamp(written), await GuaranteeOf(world, ConsistencyLevel.Strong, written));
    }

    [Fact]
    public async Task The_collections_level_counts_when_asked_for()
    {
        await using var world = new Harness();
        var create = Create("c");
        create.ConsistencyLevel = ConsistencyLevel.Session;
        await world.LoadedAsync(create);
        var written = (await world.Service.Insert(Rows("c", 1, 1), world.Call())).Timestamp;
        Assert.Equal(new Timestamp(written), await GuaranteeOf(world, ConsistencyLevel.Strong, written, useDefault: true));
    }

    [Fact]
    public async Task A_guarantee_far_ahead_of_the_clock_is_refused()
    {
        await using var world = new Harness();
        await world.LoadedAsync(Create("c"));
        var request = SearchOf("c", [1, 2], 3);
        request.GuaranteeTimestamp = Timestamp.FromUnixMilliseconds(world.Time.GetUtcNow().ToUnixTimeMilliseconds() + 3_600_000).Value;
        Refused((await world.Service.Search(request, world.Call())).Status, 1100, ErrorCode.IllegalArgument, "ahead");
    }

    [Fact]
    public async Task A_read_signals_each_pchannel_once_with_its_guarantee_and_an_eventual_one_none()
    {
        await using var world = new Harness();
        await world.LoadedAsync(Create("c", shards: 4));
        var g = await GuaranteeOf(world, ConsistencyLevel.Strong, 0);
        Assert.Equal(["p0", "p1"], world.Log.Signals.Select(s => s.Channel.Name).Order());
        Assert.All(world.Log.Signals, s => Assert.Equal(g, s.AtLeast));
        world.Log.Signals.Clear();
        await GuaranteeOf(world, ConsistencyLevel.Eventually, 0);
        Assert.Empty(world.Log.Signals);
    }

    [Fact]
    public async Task A_search_needs_no_answer_to_its_signal()
    {
        await using var world = new Harness();
        await world.LoadedAsync(Create("c"));
        world.Log.BeforeSignal = ct => Task.Delay(Timeout.Infinite, ct);
        await GuaranteeOf(world, ConsistencyLevel.Strong, 0);
        world.Log.BeforeSignal = _ => throw MiniMilvusException.Unavailable("no owner");
        await GuaranteeOf(world, ConsistencyLevel.Strong, 0);
        Assert.Contains(world.Lines.Lines, l => l.Text.Contains("no owner", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_stalled_query_node_ends_in_a_retriable_error_within_the_bound()
    {
        await using var world = new Harness();
        await world.LoadedAsync(Create("c"));
        var asked = new TaskCompletionSource();
        world.Node.BeforeAnswer = ct =>
        {
            asked.SetResult();
            return Task.Delay(Timeout.Infinite, ct);
        };
        var search = world.Service.Search(SearchOf("c", [1, 2], 3), world.Call());
        await asked.Task;
        world.Time.Advance(TimeSpan.FromSeconds(31));
        var status = (await search).Status;
        Refused(status, 1, ErrorCode.NotReadyServe, "no answer");
        Assert.True(status.Retriable);
    }
}
