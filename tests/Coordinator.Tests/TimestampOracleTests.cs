using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Streaming;
using MiniMilvus.Core.Time;

namespace MiniMilvus.Coordinator.Tests;

public sealed class TimestampOracleTests
{
    [Fact]
    public async Task Grants_rise_and_never_overlap()
    {
        using var world = new World();
        var role = await world.StartAsync();
        var last = Timestamp.Zero;
        for (var i = 1; i <= 1000; i++)
        {
            var range = await role.AllocateTimestampsAsync(i, default);
            Assert.True(range.First > last, $"grant {i}: {range.First} after {last} (T8)");
            last = range.Last;
        }
    }

    [Fact]
    public async Task A_restart_begins_above_every_grant_even_when_the_clock_went_back()
    {
        using var world = new World();
        var before = await (await world.StartAsync()).AllocateTimestampsAsync(10, default);
        world.Time.Now -= TimeSpan.FromHours(1);
        var after = await (await world.StartAsync()).AllocateTimestampsAsync(1, default);
        Assert.True(after.First > before.Last, $"{after.First} must be above {before.Last} (T6)");
    }

    [Fact]
    public async Task Restarts_in_a_row_do_not_carry_timestamps_away_from_the_clock()
    {
        using var world = new World();
        var last = Timestamp.Zero;
        for (var i = 0; i < 20; i++)
        {
            var first = (await (await world.StartAsync()).AllocateTimestampsAsync(1, default)).First;
            Assert.True(first > last, $"{first} after {last} (T6)");
            last = first;
        }

        // Each restart begins at the limit of the one before it; the window is 10 s.
        Assert.InRange(last.UnixMilliseconds - world.Time.Now.ToUnixTimeMilliseconds(), 0, 12_000);
    }

    [Fact]
    public async Task Grants_within_a_window_write_nothing()
    {
        using var world = new World();
        var role = await world.StartAsync();
        await role.AllocateTimestampsAsync(1, default);
        var writes = world.Meta.Writes;
        for (var i = 0; i < 100; i++)
        {
            await role.AllocateTimestampsAsync(100, default);
        }

        Assert.Equal(writes, world.Meta.Writes);
        world.Time.Now += TimeSpan.FromSeconds(30);
        await role.AllocateTimestampsAsync(1, default);
        Assert.Equal(writes + 1, world.Meta.Writes);
    }

    [Fact]
    public async Task A_burst_larger_than_the_counter_goes_on_in_later_milliseconds()
    {
        using var world = new World();
        var role = await world.StartAsync();
        var last = Timestamp.Zero;
        for (var i = 0; i < 20; i++)
        {
            var range = await role.AllocateTimestampsAsync(60_000, default);
            Assert.True(range.First > last);
            last = range.Last;
        }

        Assert.True(last.UnixMilliseconds > world.Time.Now.ToUnixTimeMilliseconds());
    }

    [Fact]
    public async Task A_lost_reply_of_the_window_write_does_not_stop_the_oracle()
    {
        using var world = new World();
        var role = await world.StartAsync();
        world.Time.Now += TimeSpan.FromMinutes(1);
        world.Meta.LoseNextReply = true;
        await Assert.ThrowsAsync<MiniMilvusException>(async () => await role.AllocateTimestampsAsync(1, default));
        var range = await role.AllocateTimestampsAsync(1, default);
        Assert.True(range.First > Timestamp.Zero);
    }

    [Fact]
    public async Task A_replaced_oracle_stops_granting()
    {
        using var world = new World();
        var old = await world.StartAsync();
        await old.AllocateTimestampsAsync(1, default);
        var young = await world.StartAsync();
        await young.AllocateTimestampsAsync(1, default);
        world.Time.Now += TimeSpan.FromMinutes(1);
        await young.AllocateTimestampsAsync(1, default);
        var e = await Assert.ThrowsAsync<MiniMilvusException>(async () => await old.AllocateTimestampsAsync(1, default));
        Assert.Equal(ErrorKind.Fenced, e.Kind);
    }

    [Fact]
    public async Task Ticks_are_refused_to_a_stale_term()
    {
        using var world = new World();
        var role = await world.StartAsync();
        await role.RegisterAsync("streamingnode", "a", world.Stop);
        var channel = role.PChannels[0];
        var range = await role.AllocateTicksAsync(channel, new Term(1), 1, default);
        Assert.True(range.First > Timestamp.Zero);
        var newest = await role.ReportErrorAsync(new(channel, new Term(1), 0, "a"), default);
        Assert.Equal(new Term(2), newest.Term);
        var e = await Assert.ThrowsAsync<MiniMilvusException>(async () => await role.AllocateTicksAsync(channel, new Term(1), 1, default));
        Assert.Equal(ErrorKind.Fenced, e.Kind);
    }
}
