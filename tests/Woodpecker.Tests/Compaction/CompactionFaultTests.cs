using MiniMilvus.Core;

namespace MiniMilvus.Woodpecker.Tests.Compaction;

/// <summary>A fault at every step of a compaction: no entry is lost, doubled or unreadable at any moment, and the next owner comes to the end (W7, W8, W14).</summary>
public sealed class CompactionFaultTests
{
    private const int Entries = CompactionWorld.SegmentEntries;
    private static readonly CancellationToken Never = CancellationToken.None;
    private static readonly string[] s_steps = ["delete", "get", "list", "note swept", "put index", "put part", "seal"];

    /// <summary>Each fault, beside each fence.</summary>
    public static TheoryData<int, int> Kinds
    {
        get
        {
            var kinds = new TheoryData<int, int>();
            foreach (var fence in Enum.GetValues<ObjectFence>())
            {
                Array.ForEach(Enum.GetValues<CompactionFault>(), kind => kinds.Add((int)kind, (int)fence));
            }

            return kinds;
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Whatever_befalls_a_step_every_entry_stays_readable_and_the_segment_is_sealed_in_the_end(int kind, int fence)
    {
        var hit = new SortedSet<string>(StringComparer.Ordinal);
        var struck = 0;
        foreach (var step in s_steps)
        {
            for (var at = 1; await RunAsync((CompactionFault)kind, (ObjectFence)fence, step, at, hit); at++)
            {
                struck++;
            }
        }

        Assert.Equal(s_steps, hit);
        Assert.InRange(struck, 2 * Entries, 10 * Entries);
    }

    /// <summary>False when compaction has fewer steps of that name.</summary>
    private static async Task<bool> RunAsync(CompactionFault kind, ObjectFence fence, string step, int at, SortedSet<string> hit)
    {
        await using var world = new CompactionWorld(fence);
        var faults = new CompactionFaults(kind, at, step);
        var owner = world.Start(faults);
        var writer = await world.CreateAsync(owner);
        await CompactionWorld.AppendAsync(writer, 0, Entries + 1); // the last begins the next segment: the first has ended
        var follower = FollowAsync(world.StartReader(), Entries + 1);
        faults.Open();
        await Task.WhenAny(faults.Fired, world.SweptAsync(0)).WaitAsync(TimeSpan.FromSeconds(30));
        if (faults.Hit is not { } struck)
        {
            return false;
        }

        await faults.Fired.WaitAsync(TimeSpan.FromSeconds(30)); // a last step is seen to have happened before its fault is over
        hit.Add(struck);
        var when = $"{kind} of {step} {at}, fence {fence}";
        if (kind is CompactionFault.FailBefore or CompactionFault.LostReply or CompactionFault.Twice)
        {
            await world.SweptAsync(0);
            await CompactionWorld.AppendAsync(writer, Entries + 1, 1);
            await (faults.Again?.Invoke() ?? Task.CompletedTask);
            if (kind != CompactionFault.Twice)
            {
                await world.CheckSweptAsync(when, 0);
            }

            await world.CheckAsync(when, Entries + 2, writer.Confirmed);
        }
        else
        {
            // Between the fault and the next owner: whoever reads or looks sees everything.
            await world.CheckAsync($"{when}, before the next owner", Entries, new LogPosition(0, Entries));
            var next = world.Start();
            var nextWriter = await next.OpenWriterAsync(TestLog.Name, new Term(2), Never);
            await world.SweptAsync(0);
            await world.SweptAsync(1);
            await world.CheckSweptAsync(when, 1);
            await world.CheckAsync(when, Entries + 1, nextWriter.Confirmed);
            if (kind == CompactionFault.Hold)
            {
                faults.Release(); // the old owner wakes up in the middle of its compaction
                await owner.DisposeAsync();
                await world.CheckAsync($"{when}, after the old owner woke up", Entries + 1, nextWriter.Confirmed);
                Assert.Null(owner.Compaction!.Stopped);
            }
            else
            {
                await world.CheckSweptAsync(when, 0);
            }

            Assert.Equal((null, 0), (next.Compaction!.Stopped, next.Compaction.Damaged.Count));
        }

        Assert.Equal(Enumerable.Range(0, Entries + 1), await follower);
        return true;
    }

    [Fact]
    public async Task A_truncation_in_the_middle_of_any_step_is_no_takeover_and_leaves_nothing_behind()
    {
        for (var at = 1; ; at++)
        {
            await using var world = new CompactionWorld();
            var faults = new CompactionFaults(CompactionFault.Hold, at);
            var owner = world.Start(faults);
            var writer = await world.CreateAsync(owner);
            await CompactionWorld.AppendAsync(writer, 0, Entries + 1);
            faults.Open();
            await Task.WhenAny(faults.Fired, world.SweptAsync(0)).WaitAsync(TimeSpan.FromSeconds(30));
            if (faults.Hit is null)
            {
                Assert.InRange(at, 2 * Entries, 10 * Entries);
                return;
            }

            await owner.TruncateAsync(TestLog.Name, new LogPosition(1, 0), Never);
            faults.Release();
            await CompactionWorld.AppendAsync(writer, Entries + 1, Entries); // the second segment ends
            await world.SweptAsync(1);
            var when = $"truncation at step {at}, {faults.Hit}";
            Assert.Equal((null, 0), (owner.Compaction!.Stopped, owner.Compaction.Damaged.Count));
            Assert.Null(writer.Failure);
            Assert.Equal(Enumerable.Range(Entries, Entries + 1), await TestLog.ReadAsync(world.StartReader(), LogPosition.Beginning, writer.Confirmed));
            if (await world.RecordAsync(0) is null)
            {
                Assert.True((await world.KeysAsync(0)).Count == 0, $"{when}: {string.Join(", ", await world.KeysAsync(0))}");
            }

            Assert.All(await world.InspectAsync(metadata: true), b => Assert.True(b.Verdict != Inspection.BlockVerdict.Damaged, $"{when}: {b.Where}: {b.Problem}"));
        }
    }

    private static async Task<List<int>> FollowAsync(ObjectWoodpecker log, int count)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        var seen = new List<int>();
        await foreach (var entry in log.ReadAsync(TestLog.Name, LogPosition.Beginning, LogPosition.Max, limit.Token))
        {
            seen.Add(TestLog.Number(entry));
            if (seen.Count == count)
            {
                break;
            }
        }

        return seen;
    }
}
