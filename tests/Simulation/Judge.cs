using MiniMilvus.Simulation.Workload;
using Xunit.Abstractions;

namespace MiniMilvus.Simulation;

/// <summary>Fails a test with a run's violations, its log's end, and how to run it again.</summary>
internal static class Judge
{
    public static void Report(SeedReport report, ITestOutputHelper output)
    {
        output.WriteLine(report.ToString());
        if (report.Violations.Count > 0)
        {
            var path = Path.Combine(Path.GetTempPath(), $"minimilvus-sim-{report.Seed}.log");
            File.WriteAllLines(path, report.Tail);
            Assert.Fail($"{report}\n{string.Join('\n', report.Violations)}\nlog: {path}\nreplay: MINIMILVUS_SIM_SEED={report.Seed} dotnet test tests/Simulation");
        }
    }
}
