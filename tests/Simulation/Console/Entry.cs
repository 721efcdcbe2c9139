using System.Diagnostics;
using System.Globalization;
using MiniMilvus.Simulation.Faults;
using MiniMilvus.Simulation.Workload;

namespace MiniMilvus.Simulation.Console;

/// <summary>Runs seeds one after the other and prints what happened: for a debugger or a long night.</summary>
internal static class Entry
{
    /// <param name="args">First seed, number of seeds, "nofaults".</param>
    public static void Run(string[] args)
    {
        var first = int.Parse(args[0], CultureInfo.InvariantCulture);
        var count = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 1;
        for (var seed = first; seed < first + count; seed++)
        {
            var watch = Stopwatch.StartNew();
            var report = SeedRun.Run(seed, new SeedSize { WithFaults = !args.Contains("nofaults") });
            System.Console.WriteLine($"{report}, {watch.ElapsedMilliseconds} ms");
            foreach (var violation in report.Violations)
            {
                System.Console.WriteLine("  " + violation);
            }

            File.WriteAllLines($"/tmp/sim-{seed}.log", report.Tail);
        }

        System.Console.WriteLine(FaultTable.Shared);
    }
}
