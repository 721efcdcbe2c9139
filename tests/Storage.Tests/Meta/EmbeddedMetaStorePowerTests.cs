using System.Globalization;
using MiniMilvus.Conformance.Support;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Storage.Tests.Meta;

/// <summary>A scripted workload is stopped at every step of its disk, and what is found afterwards must be what was promised.</summary>
public sealed class EmbeddedMetaStorePowerTests
{
    private static readonly EmbeddedMetaStoreOptions Small = new() { JournalBytesMax = 1500 };

    private static CancellationToken None => CancellationToken.None;

    public static TheoryData<string> Faults => new("cut", "cut-after", "torn-cut", "fail-before", "fail-after", "torn", "no-space");

    [Theory]
    [MemberData(nameof(Faults))]
    public void Stopped_at_any_step_the_store_keeps_every_acked_transaction_whole_and_no_half_one(string fault)
    {
        var steps = StepsOfOneRun();
        Assert.InRange(steps, 100, 2000);
        var refused = 0;
        for (var step = 1L; step <= steps; step++)
        {
            Pump.Run(async () => refused += (await RunAsync(step, number => Make(fault, (int)number))).Refused);
        }

        Assert.InRange(refused, steps / 2, steps); // some steps of a close and of tidying up nobody waits for
    }

    [Fact]
    public void Killed_at_any_step_the_store_keeps_every_acked_transaction()
    {
        var steps = StepsOfOneRun();
        var refused = 0;
        for (var step = 1L; step <= steps; step += 3)
        {
            Pump.Run(async () => refused += (await RunAsync(step, _ => null, kill: true)).Refused);
        }

        Assert.InRange(refused, steps / 6, steps);
    }

    [Fact]
    public void Cut_again_while_it_recovers_the_store_still_keeps_everything()
    {
        var again = 0;
        for (var step = 20L; step <= 120; step += 9)
        {
            for (var second = 1L; second <= 12; second++)
            {
                Pump.Run(async () => again += (await RunAsync(step, _ => new DiskFault.Cut(), cutWhileRecovering: second)).RecoveriesCut);
            }
        }

        Assert.True(again > 50, $"{again} recoveries were cut");
    }

    [Fact]
    public void Cut_at_any_step_under_writers_that_never_pause_the_store_keeps_every_acked_transaction()
    {
        var cuts = 0;
        for (var step = 4L; step <= 160; step++)
        {
            Pump.Run(async () => cuts += await RunBusyAsync(step) ? 1 : 0);
        }

        Assert.True(cuts > 100, $"{cuts} of 157 cuts struck the writers");
    }

    /// <summary>Flushes take time, and six writers go on meanwhile: a snapshot is taken of a state that is ahead of the journal.</summary>
    private static async Task<bool> RunBusyAsync(long cutAt)
    {
        var struck = false;
        var time = new ManualTime();
        var disk = new SimulatedDisk(time, (int)cutAt);
        disk.OnStep = step => step.Number == cutAt ? new DiskFault.Cut() : step.Kind == DiskStepKind.Flush ? new DiskFault.Slow(TimeSpan.FromMilliseconds(1)) : null;
        var model = new Model();
        var work = WorkAsync();
        while (!work.IsCompleted)
        {
            await Task.Yield();
            time.Advance(TimeSpan.FromMilliseconds(0.1));
        }

        await work;
        disk.OnStep = null;
        disk.PowerCut((int)cutAt + 1);
        await using var reopened = await EmbeddedMetaStore.OpenAsync(disk.Mount(), "meta", TimeProvider.System, Small, None);
        await model.CheckAsync(reopened);
        return struck;

        async Task WorkAsync()
        {
            try
            {
                var store = await EmbeddedMetaStore.OpenAsync(disk.Mount(), "meta", time, Small, None);
                await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => model.WorkAsync(store)));
            }
            catch (MiniMilvusException e) when (e.Kind == ErrorKind.Unavailable)
            {
                struck = true;
            }
        }
    }

    private static long StepsOfOneRun()
    {
        var steps = 0L;
        Pump.Run(async () => steps = (await RunAsync(0, _ => null)).Steps);
        return steps;
    }

    private static DiskFault Make(string fault, int seed) => fault switch
    {
        "cut" => new DiskFault.Cut(),
        "cut-after" => new DiskFault.CutAfter(),
        "torn-cut" => new DiskFault.Torn(seed * 37 % 200, ThenCut: true),
        "fail-before" => new DiskFault.FailBefore(),
        "fail-after" => new DiskFault.FailAfter(),
        "torn" => new DiskFault.Torn(seed * 37 % 200, ThenCut: false),
        "no-space" => new DiskFault.NoSpace(),
        _ => throw new ArgumentOutOfRangeException(nameof(fault), fault, null),
    };

    private static async Task<(long Steps, int Refused, int RecoveriesCut)> RunAsync(long faultAt, Func<long, DiskFault?> fault, bool kill = false, long cutWhileRecovering = 0)
    {
        var disk = new SimulatedDisk(TimeProvider.System, (int)faultAt);
        disk.OnStep = step =>
        {
            if (step.Number != faultAt)
            {
                return null;
            }

            if (kill)
            {
                disk.Kill();
            }

            return fault(step.Number);
        };
        var model = new Model();
        var (refused, recoveriesCut) = (0, 0);
        try
        {
            var store = await EmbeddedMetaStore.OpenAsync(disk.Mount(), "meta", TimeProvider.System, Small, None);
            await model.WorkAsync(store);
            await store.DisposeAsync();
        }
        catch (MiniMilvusException e) when (e.Kind == ErrorKind.Unavailable)
        {
            refused = 1; // the fault struck: from here on the store must have refused everything
        }

        var steps = disk.Steps;
        disk.OnStep = null;
        disk.PowerCut((int)faultAt + 1);
        if (cutWhileRecovering > 0)
        {
            var at = disk.Steps + cutWhileRecovering;
            disk.OnStep = step => step.Number == at ? new DiskFault.Cut() : null;
            try
            {
                await (await EmbeddedMetaStore.OpenAsync(disk.Mount(), "meta", TimeProvider.System, Small, None)).DisposeAsync();
            }
            catch (MiniMilvusException e) when (e.Kind == ErrorKind.Unavailable)
            {
                recoveriesCut = 1;
            }

            disk.OnStep = null;
            disk.PowerCut((int)faultAt + 2);
        }

        var reopened = await EmbeddedMetaStore.OpenAsync(disk.Mount(), "meta", TimeProvider.System, Small, None);
        await model.CheckAsync(reopened);
        await model.WorkAsync(reopened);
        await reopened.DisposeAsync();
        return (steps, refused, recoveriesCut);
    }

    /// <summary>Every transaction writes its number under two keys, a counter and a log of its own: a half one shows.</summary>
    private sealed class Model
    {
        private long _acked;
        private long _tried;
        private long _revision;

        public async Task WorkAsync(EmbeddedMetaStore store)
        {
            for (var i = 0; i < 20; i++)
            {
                var group = Enumerable.Range(0, 1 + (i % 3)).Select(_ => OneAsync(store)).ToArray();
                await Task.WhenAll(group);
            }
        }

        public async Task CheckAsync(EmbeddedMetaStore store)
        {
            var range = await store.RangeAsync("", None);
            Assert.True(range.Revision >= _revision, $"revision {range.Revision} after {_revision}");
            var left = Number(range, "left");
            Assert.Equal(left, Number(range, "right"));
            Assert.InRange(left, _acked, _tried);
            for (var n = 1L; n <= left; n++)
            {
                Assert.Contains(range.Entries, e => e.Key == Log(n));
            }

            Assert.Equal(left, range.Entries.Count(e => e.Key.StartsWith("log/", StringComparison.Ordinal)));
            (_acked, _tried, _revision) = (left, left, range.Revision);
        }

        private async Task OneAsync(EmbeddedMetaStore store)
        {
            var n = ++_tried;
            var value = System.Text.Encoding.ASCII.GetBytes(n.ToString(CultureInfo.InvariantCulture).PadRight(20));
            var result = await store.TransactAsync(
                [], [new MetaOperation.Put("left", value), new MetaOperation.Put(Log(n), value), new MetaOperation.Put("right", value)], None);
            Assert.True(result.Succeeded);
            _acked = Math.Max(_acked, n);
            _revision = Math.Max(_revision, result.Revision);
        }

        private static string Log(long n) => $"log/{n:D5}";

        private static long Number(MetaRange range, string key) =>
            range.Entries.FirstOrDefault(e => e.Key == key) is { } entry ? long.Parse(entry.Value.Span, CultureInfo.InvariantCulture) : 0;
    }
}
