using MiniMilvus.Simulation.Faults;
using MiniMilvus.Simulation.Workload;
using Xunit.Abstractions;

namespace MiniMilvus.Simulation;

/// <summary>The fixed story with a fault at every step of the disk, one run a step.</summary>
[Collection(nameof(Simulation))]
public sealed class SystematicTests(ITestOutputHelper output)
{
    [Fact]
    public void The_story_without_faults_ends_well() => Judge.Report(StoryRun.Run(NoFaults.Instance), output);

    [Fact]
    public void A_power_cut_before_any_step_loses_nothing_acked() => EveryStep(FaultKinds.Cut, 1);

    [Fact]
    public void A_torn_write_at_any_step_loses_nothing_acked() => EveryStep(FaultKinds.Torn, Stride(3));

    [Fact]
    public void A_kill_at_any_step_loses_nothing_acked() => EveryStep(FaultKinds.Kill, Stride(7));

    [Fact]
    public void A_failed_call_at_any_step_loses_nothing_acked() => EveryStep(FaultKinds.FailBefore, Stride(3));

    [Fact]
    public void A_lost_reply_at_any_step_loses_nothing_acked() => EveryStep(FaultKinds.FailAfter, Stride(5));

    [Fact]
    public void Every_fault_strikes_every_station_where_it_applies()
    {
        var stations = new SortedSet<string>(StringComparer.Ordinal);
        StoryRun.Run(NoFaults.Instance, arrange: w => w.Faults = new Watching(stations));
        Assert.True(stations.Count > 20, string.Join(", ", stations));
        foreach (var station in stations)
        {
            foreach (var kind in FaultKinds.Applicable(station))
            {
                for (var skip = 2; FaultTable.Shared.Count(station, kind) == 0 && skip >= 0; skip--)
                {
                    Judge.Report(StoryRun.Run(new FaultAtStation(station, kind, skip)), output);
                }
            }
        }

        output.WriteLine(FaultTable.Shared.ToString());
        Assert.Empty(FaultTable.Shared.Missing([.. stations]));
    }

    [Fact]
    public void A_log_that_is_never_flushed_is_found_out()
    {
        // The mutant: fdatasync of the log's segments does nothing. Some power cut must show it.
        for (var seed = 1; seed <= 10; seed++)
        {
            var report = StoryRun.Run(NoFaults.Instance, seed, w => w.IgnoresFlush = path => path.EndsWith(".wal", StringComparison.Ordinal), cutAtEnd: true);
            if (report.Violations.Any(v => v.Contains("W1", StringComparison.Ordinal)))
            {
                output.WriteLine($"seed {seed}: {report.Violations[0]}");
                return;
            }
        }

        Assert.Fail("ten power cuts over a log without flushes, and nothing was missed: the checkers see nothing");
    }

    private static int Stride(int normally) => SeedTests.Settings.Seconds >= 300 ? 1 : normally;

    private void EveryStep(string kind, int stride)
    {
        var count = new CountChanges();
        Judge.Report(StoryRun.Run(count), output);
        var runs = 0;
        for (var step = 1; step <= count.Changes; step += stride)
        {
            var plan = new FaultAtStep(step, kind);
            var report = StoryRun.Run(plan);
            runs += plan.HasStruck ? 1 : 0;
            Assert.True(report.Violations.Count == 0, $"{kind} at step {step} ({count.Stations[step - 1]}):\n{string.Join('\n', report.Violations)}\n{string.Join('\n', report.Tail.TakeLast(80))}");
        }

        output.WriteLine($"{kind}: {runs} runs of {count.Changes} steps");
        Assert.True(runs > 0);
    }

    private sealed class Watching(SortedSet<string> stations) : IFaultPlan
    {
        public string? At(Storage.Disk.DiskStep step, string station)
        {
            stations.Add(station);
            return null;
        }
    }
}
