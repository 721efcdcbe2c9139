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
        if (args[0] == "story")
        {
            var counting = new CountChanges();
            var dry = StoryRun.Run(counting);
            System.Console.WriteLine($"{dry}: {counting.Changes} changes\n{string.Join('\n', dry.Violations)}");
            for (var step = 1; args.Length > 1 && step <= counting.Changes; step += int.Parse(args[2], CultureInfo.InvariantCulture))
            {
                var watch = Stopwatch.StartNew();
                var run = StoryRun.Run(new FaultAtStep(step, args[1]));
                if (run.Violations.Count > 0)
                {
                    System.Console.WriteLine($"{args[1]} at {step}, {counting.Stations[step - 1]}: {watch.ElapsedMilliseconds} ms\n  {string.Join("\n  ", run.Violations)}");
                    File.WriteAllLines($"/tmp/sim-story-{args[1]}-{step}.log", run.Tail);
                }
            }

            return;
        }

        var first = int.Parse(args[0], CultureInfo.InvariantCulture);
        var count = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 1;
        for (var seed = first; seed < first + count; seed++)
        {
            var watch = Stopwatch.StartNew();
            using var trace = args.Contains("trace") ? new StreamWriter($"/tmp/sim-{seed}.{Environment.ProcessId}.trace") : StreamWriter.Null;
            trace.AutoFlush = args.Contains("flush");
            var report = SeedRun.Run(seed, new SeedSize { WithFaults = !args.Contains("nofaults") }, w => w.Scheduler.Recorder = args.Contains("trace") ? trace.WriteLine : null);
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
