using MiniMilvus.Simulation.Faults;
using MiniMilvus.Simulation.Workload;
using Xunit.Abstractions;

namespace MiniMilvus.Simulation;

/// <summary>Worlds by seed.</summary>
public sealed class SeedTests(ITestOutputHelper output)
{
    [Fact]
    public void A_world_without_faults_does_its_work()
    {
        var report = SeedRun.Run(1, new SeedSize { WithFaults = false });
        output.WriteLine(report.ToString());
        Judge.Report(report, output);
    }
}
