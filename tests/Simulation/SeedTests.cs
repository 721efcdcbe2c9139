using System.Diagnostics;
using System.Globalization;
using MiniMilvus.Simulation.Workload;
using Xunit.Abstractions;

namespace MiniMilvus.Simulation;

/// <summary>
/// Worlds by seed: fixed ones, then fresh ones until the time is over. MINIMILVUS_SIM_SEED=n runs that seed alone, MINIMILVUS_SIM_SECONDS
/// bounds the fresh ones (default 40, 0 = none).
/// </summary>
[Collection(nameof(Simulation))]
public sealed class SeedTests(ITestOutputHelper output)
{
    private const int SecondsByDefault = 40;

    [Fact]
    public void A_world_without_faults_does_its_work() => Judge.Report(SeedRun.Run(1, new SeedSize { WithFaults = false }), output);

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(100)] // A drop of a partition, repeated after a crash, was answered before the log had it.
    [InlineData(104)] // A reader from the earliest entry met the rest of a transaction whose Begin was truncated.
    [InlineData(107)] // An index build died of files that a drop of its collection had deleted.
    [InlineData(108)]
    [InlineData(159)] // A log whose truncated segment had been collected whole could not be read from its beginning: the channel never opened again.
    [InlineData(110)] // A full disk reached clients of the metadata store as a bare IOException.
    public void A_world_keeps_every_invariant_under_faults(int seed)
    {
        if (Settings.OnlySeed is null)
        {
            var report = SeedRun.Run(seed);
            Judge.Report(report, output);
            Assert.True(report.Operations >= 300 && report.Faults + report.Lives >= 6, report.ToString());
        }
    }

    [Fact]
    public void Worlds_of_fresh_seeds_keep_every_invariant_under_faults()
    {
        if (Settings.OnlySeed is { } only)
        {
            Judge.Report(SeedRun.Run(only), output);
            return;
        }

        var seconds = Settings.Seconds ?? SecondsByDefault;
        var watch = Stopwatch.StartNew();
        var seed = (int)(DateTime.UtcNow.Ticks / TimeSpan.TicksPerSecond % 1_000_000) * 1000;
        var runs = 0;
        for (; watch.Elapsed.TotalSeconds < seconds; runs++)
        {
            Judge.Report(SeedRun.Run(seed + runs), output);
        }

        output.WriteLine($"{runs} fresh seeds from {seed} in {watch.Elapsed.TotalSeconds:0} s");
    }

    [Fact]
    public void One_seed_gives_one_trace()
    {
        var (first, second, other) = (SeedRun.Run(11), SeedRun.Run(11), SeedRun.Run(12));
        Assert.Equal((first.Trace, first.Steps, first.Operations), (second.Trace, second.Steps, second.Operations));
        Assert.NotEqual(first.Trace, other.Trace);
    }

    internal static class Settings
    {
        public static int? OnlySeed => Number("MINIMILVUS_SIM_SEED");

        public static int? Seconds => Number("MINIMILVUS_SIM_SECONDS");

        private static int? Number(string name) => int.TryParse(Environment.GetEnvironmentVariable(name), NumberStyles.Integer, CultureInfo.InvariantCulture, out var value) ? value : null;
    }
}
