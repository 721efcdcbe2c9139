using MiniMilvus.Conformance.Support;
using MiniMilvus.Woodpecker.Objects;
using MiniMilvus.Woodpecker.Reading;

namespace MiniMilvus.Woodpecker.Tests;

/// <summary>Reading ahead in a store: order, bounds, and that what is told of a unit is as new as the question (W10, Q8).</summary>
public sealed class BlockPrefetchTests
{
    private const int Window = 8;
    private static readonly CancellationToken Never = CancellationToken.None;

    /// <summary>Answers in any order, units that are larger than thought, failures, a writer at work, another reader in the same budget.</summary>
    [Fact]
    public void Units_come_in_order_and_whole_and_within_the_bounds_whatever_the_store_does() => Pump.Run(async () =>
    {
        for (var seed = 0; seed < 60; seed++)
        {
            var random = new Random(seed);
            var units = new PrefetchUnits(random.Next(0, 60), unit => 1 + (int)(unit * 37 % 130)) { Holds = true, Failures = random.Next(4) };
            var budget = new ReadBudget(bytesMax: random.Next(0, 1500));
            budget.Join(); // somebody else reads too
            await using var prefetch = new BlockPrefetch(units, budget, Window, random.Next(1, Window + 1), units: random.Next(Math.Min(5, units.Units) + 1));
            for (var next = 0L; next < 100;)
            {
                var before = units.Units;
                var take = prefetch.TakeAsync(next, Never).AsTask();
                while (!take.IsCompleted)
                {
                    Assert.InRange(units.InFlight, 0, Window + 1);
                    Assert.InRange(budget.Taken, 0, 1500);
                    if (units.Held > 0)
                    {
                        units.Release(random.Next(units.Held));
                    }

                    await Task.Yield();
                }

                if (await take is { } found)
                {
                    Assert.True(found.Span.SequenceEqual(units.Content(next)), $"seed {seed}, unit {next}");
                    next++;
                }
                else
                {
                    Assert.True(next >= before, $"seed {seed}: unit {next} was there when it was asked for, and was called absent");
                    units.Units += random.Next(1, 12);
                }

                units.Units += random.Next(6) == 0 ? 3 : 0;
            }
        }
    });

    [Fact]
    public async Task What_was_absent_when_it_was_read_ahead_is_asked_for_again_when_its_turn_comes()
    {
        var units = new PrefetchUnits(5, _ => 10);
        await using var prefetch = new BlockPrefetch(units, new ReadBudget(10_000), Window, 1, units: 6);
        for (var i = 0; i < 5; i++)
        {
            Assert.NotNull(await prefetch.TakeAsync(i, Never));
        }

        Assert.Equal(1, units.AskedForNothing); // the sixth, ahead of its turn
        units.Units = 6;
        Assert.NotNull(await prefetch.TakeAsync(5, Never));
    }

    [Fact]
    public async Task Near_the_tail_hardly_a_request_is_for_nothing_and_at_the_tail_one_a_look()
    {
        var units = new PrefetchUnits(1000, _ => 10);
        await using var prefetch = new BlockPrefetch(units, new ReadBudget(10_000), Window, 1, 0);
        for (var i = 0; i < 1000; i++)
        {
            Assert.NotNull(await prefetch.TakeAsync(i, Never));
        }

        Assert.InRange(units.AskedForNothing, 1, Window); // a miss calls the scouts nearer
        var (asked, forNothing) = (units.Asked, units.AskedForNothing);
        Assert.InRange(asked, 1000, 1000 + Window);
        for (var i = 0; i < 10; i++)
        {
            Assert.Null(await prefetch.TakeAsync(1000 + i, Never)); // waits at the tail
            units.Units++;
            Assert.NotNull(await prefetch.TakeAsync(1000 + i, Never));
        }

        Assert.Equal((asked + 20, forNothing + 10), (units.Asked, units.AskedForNothing));
    }

    [Fact]
    public void What_is_expected_is_asked_for_without_a_scout_and_no_more_once_one_was_missed() => Pump.Run(async () =>
    {
        var found = await ReadAllAsync(expected: 0);
        foreach (var expected in new[] { 30, 100, 1000 })
        {
            var sooner = await ReadAllAsync(expected);
            Assert.True(sooner.Waits < found.Waits, $"{expected} expected: {sooner.Waits} waits for the store, and {found.Waits} where none were");
            Assert.InRange(sooner.AskedForNothing, 1, 1 + Window); // its own turn, and what a window holds
            Assert.Equal(Window + 1, sooner.InFlightMost);
        }

        static async Task<(int Waits, int AskedForNothing, int InFlightMost)> ReadAllAsync(int expected)
        {
            var units = new PrefetchUnits(100, _ => 10) { Holds = true };
            await using var prefetch = new BlockPrefetch(units, new ReadBudget(10_000), Window, 1, 0);
            var waits = 0;
            for (var i = 0; i <= 100; i++)
            {
                prefetch.Expect(expected);
                var take = prefetch.TakeAsync(i, Never).AsTask();
                waits += take.IsCompleted ? 0 : 1;
                while (!take.IsCompleted)
                {
                    for (var held = units.Held; held > 0; held--)
                    {
                        units.Release(0);
                    }

                    await Task.Yield();
                }

                Assert.Equal(i < 100, await take is not null);
            }

            return (waits, units.AskedForNothing, units.InFlightMost);
        }
    });

    [Fact]
    public void A_reader_that_waits_for_the_store_gets_more_at_once_and_one_that_does_not_gets_no_more() => Pump.Run(async () =>
    {
        foreach (var (isSlow, expected) in new[] { (false, Window + 1), (true, 2) })
        {
            var units = new PrefetchUnits(200, _ => 10) { Holds = true };
            await using var prefetch = new BlockPrefetch(units, new ReadBudget(10_000), Window, 1, units: 200);
            for (var i = 0; i < 100; i++)
            {
                var take = prefetch.TakeAsync(i, Never).AsTask();
                for (var rest = isSlow ? 20 : 0; !take.IsCompleted || rest > 0; rest--)
                {
                    if (units.Held > 0)
                    {
                        units.Release(0);
                    }

                    await Task.Yield();
                }

                await take;
            }

            Assert.Equal(expected, units.InFlightMost);
        }
    });

    [Fact]
    public async Task Two_readers_that_each_demand_a_unit_go_on_when_the_budget_is_used_up()
    {
        var budget = new ReadBudget(1000);
        Assert.True(budget.TryTake(1000, 0));
        var units = new[] { new PrefetchUnits(50, _ => 10), new PrefetchUnits(50, _ => 10) };
        await using var first = new BlockPrefetch(units[0], budget, Window, Window, 50);
        await using var second = new BlockPrefetch(units[1], budget, Window, Window, 50);
        for (var i = 0; i < 50; i++)
        {
            Assert.NotNull(await first.TakeAsync(i, Never));
            Assert.NotNull(await second.TakeAsync(i, Never));
        }

        Assert.Equal((50, 50), (units[0].Asked, units[1].Asked));
        Assert.Equal(1000, budget.Taken);
    }

    [Fact]
    public async Task A_reader_gets_no_more_than_its_share_of_the_budget()
    {
        var budget = new ReadBudget(1000);
        var units = new[] { new PrefetchUnits(50, _ => 90) { Holds = true }, new PrefetchUnits(50, _ => 90) { Holds = true } };
        await using var first = new BlockPrefetch(units[0], budget, 50, 50, 50);
        await using var second = new BlockPrefetch(units[1], budget, 50, 50, 50);
        var takes = new[] { first.TakeAsync(0, Never).AsTask(), second.TakeAsync(0, Never).AsTask() };
        Assert.Equal((6, 6), (units[0].InFlight, units[1].InFlight)); // what was asked for, and 500 bytes ahead
        units[0].Release(0);
        units[1].Release(0);
        await Task.WhenAll(takes);
    }

    [Fact]
    public void Giving_up_takes_the_requests_back_and_returns_what_they_held() => Pump.Run(async () =>
    {
        var units = new PrefetchUnits(50, _ => 10) { Holds = true };
        var budget = new ReadBudget(10_000);
        var prefetch = new BlockPrefetch(units, budget, Window, Window, 50);
        using var cancel = new CancellationTokenSource();
        var take = prefetch.TakeAsync(0, cancel.Token).AsTask();
        Assert.Equal(Window + 1, units.InFlight);
        Assert.Equal(Window * 100, budget.Taken);
        cancel.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => take);
        await prefetch.DisposeAsync();
        Assert.Equal((0, 0L), (units.InFlight, budget.Taken));
    });

    [Fact]
    public async Task A_read_ahead_that_failed_is_asked_for_again()
    {
        var units = new PrefetchUnits(20, _ => 10) { Failures = 3 };
        await using var prefetch = new BlockPrefetch(units, new ReadBudget(10_000), Window, Window, 20);
        for (var i = 0; i < 10; i++)
        {
            Assert.True((await prefetch.TakeAsync(i, Never))!.Value.Span.SequenceEqual(units.Content(i)));
        }

        Assert.Equal(0, units.Failures);
        Assert.Equal(10 + 3 + Window, units.Asked);
    }
}
