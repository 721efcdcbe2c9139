using MiniMilvus.Conformance.Support;

namespace MiniMilvus.Conformance;

/// <summary>The clock of the tests: who waits for a timer that nobody sets is told so.</summary>
public sealed class ManualTimeTests
{
    [Fact]
    public async Task A_wait_for_a_timer_that_nobody_sets_fails_and_names_those_that_are_set()
    {
        var time = new ManualTime();
        using var late = time.CreateTimer(_ => { }, null, TimeSpan.FromHours(1), Timeout.InfiniteTimeSpan);
        var failure = await Assert.ThrowsAsync<TimeoutException>(() => time.ArmedAsync(TimeSpan.FromSeconds(5), TimeSpan.FromMilliseconds(1)));
        Assert.Equal("expected a timer that is due within 00:00:05, found none in 00:00:00.0010000; set are: 01:00:00", failure.Message);
    }

    [Fact]
    public async Task A_wait_ends_when_the_timer_is_set_before_it_or_behind_it()
    {
        var time = new ManualTime();
        var waits = time.ArmedAsync(TimeSpan.FromSeconds(5));
        Assert.False(waits.IsCompleted);
        using var timer = time.CreateTimer(_ => { }, null, TimeSpan.FromSeconds(5), Timeout.InfiniteTimeSpan);
        await waits;
        await time.ArmedAsync(TimeSpan.FromSeconds(5));
    }
}
