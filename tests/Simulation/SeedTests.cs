using System.Globalization;
using Xunit.Abstractions;

namespace MiniMilvus.Simulation;

/// <summary>
/// Worlds by seed: fixed ones, the first few (a thousand with MINIMILVUS_LONG=1, in slices), then fresh ones until the time is over.
/// MINIMILVUS_SIM_SEED=n runs that seed instead, MINIMILVUS_SIM_SECONDS bounds the fresh ones (default 25, 0 = none).
/// </summary>
[Collection(nameof(Simulation))]
public sealed class SeedTests(ITestOutputHelper output)
{
    private const int SecondsByDefault = 25;

    // Each of the last ones has found something once:
    // 100  a drop of a partition, repeated after a crash, was answered before the log had it
    // 104, 108  a reader from the earliest entry met the rest of a transaction whose Begin was truncated
    // 107  an index build died of files that a drop of its collection had deleted
    // 110  a full disk reached clients of the metadata store as a bare IOException
    // 129, 159  a log whose truncated segment had been collected whole could not be read from its beginning, so that the channel never opened again
    private static readonly string[] Fixed = ["2", "3", "100", "104", "107", "108", "110", "129", "159"];

    [Fact]
    public void A_world_without_faults_does_its_work() => WorldProcess.Run(output, "calm", "1");

    [Fact]
    public void Worlds_of_fixed_seeds_keep_every_invariant_under_faults() =>
        WorldProcess.Run(output, ["seeds", .. WorldProcess.Setting("MINIMILVUS_SIM_SEED") is { } only ? [only.ToString(CultureInfo.InvariantCulture)] : Fixed]);

    public static TheoryData<int, int> Slices => WorldProcess.Slices(50, 10);

    [Theory]
    [MemberData(nameof(Slices))]
    public void Worlds_of_many_seeds_keep_every_invariant_under_faults(int first, int count)
    {
        if (WorldProcess.Setting("MINIMILVUS_SIM_SEED") is null)
        {
            WorldProcess.Run(output, "range", first.ToString(CultureInfo.InvariantCulture), count.ToString(CultureInfo.InvariantCulture));
        }
    }

    [Fact]
    public void Worlds_of_fresh_seeds_keep_every_invariant_under_faults()
    {
        var seconds = WorldProcess.Setting("MINIMILVUS_SIM_SECONDS") ?? SecondsByDefault;
        var first = DateTime.UtcNow.Ticks / TimeSpan.TicksPerSecond % 1_000_000 * 1000;
        if (WorldProcess.Setting("MINIMILVUS_SIM_SEED") is null && seconds > 0)
        {
            WorldProcess.Run(output, "fresh", first.ToString(CultureInfo.InvariantCulture), seconds.ToString(CultureInfo.InvariantCulture));
        }
    }

    [Fact]
    public void A_world_that_does_not_end_is_ended_and_said_so()
    {
        var patience = TimeSpan.FromSeconds(2);
        var failure = Assert.Throws<Xunit.Sdk.TrueException>(() => WorldProcess.Run(output, patience, "fresh", "1", "100000"));
        Assert.Contains($"not ended within {patience}", failure.Message, StringComparison.Ordinal);
    }

    /// <summary>In two processes, so that hash codes that differ from one to the next are found too.</summary>
    [Fact]
    public void One_seed_gives_one_trace()
    {
        var (first, second) = (WorldProcess.Run(output, "seeds", "11"), WorldProcess.Run(output, "seeds", "11"));
        Assert.Contains("trace", first, StringComparison.Ordinal);
        Assert.Equal(first, second);
    }
}
