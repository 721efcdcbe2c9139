using System.Diagnostics;
using System.Globalization;
using Xunit.Abstractions;

namespace MiniMilvus.Simulation;

/// <summary>Runs Console/Program in a process of its own and hands on what it prints.</summary>
internal static class WorldProcess
{
    private const int SeedsWhenLong = 1000;
    private static TimeSpan Patience => IsLong ? TimeSpan.FromMinutes(80) : TimeSpan.FromMinutes(15);

    /// <summary>./test.sh --long.</summary>
    public static bool IsLong => Setting("MINIMILVUS_LONG") == 1;

    /// <summary>Runs of seeds, each a test of its own: a thousand in all when long, else one slice.</summary>
    public static TheoryData<int, int> Slices(int count, int countWhenShort)
    {
        var slices = new TheoryData<int, int>();
        if (!IsLong)
        {
            slices.Add(1, countWhenShort);
            return slices;
        }

        for (var first = 1; first <= SeedsWhenLong; first += count)
        {
            slices.Add(first, count);
        }

        return slices;
    }

    public static string Run(ITestOutputHelper output, params string[] arguments) => Run(output, Patience, arguments);

    public static string Run(ITestOutputHelper output, TimeSpan patience, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(typeof(WorldProcess).Assembly.Location);
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        using var process = Process.Start(start) ?? throw new InvalidOperationException("dotnet did not start");
        var errors = process.StandardError.ReadToEndAsync();
        var printing = process.StandardOutput.ReadToEndAsync();
        var ended = process.WaitForExit(patience);
        if (!ended)
        {
            process.Kill(entireProcessTree: true);
            process.WaitForExit();
        }

        var printed = printing.Result;
        output.WriteLine(printed);
        Assert.True(ended, $"{string.Join(' ', arguments)}: not ended within {patience}\n{printed}\n{errors.Result}");
        Assert.True(process.ExitCode == 0, $"{string.Join(' ', arguments)}: exit code {process.ExitCode}\n{printed}\n{errors.Result}");
        return printed;
    }

    public static int? Setting(string name) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), NumberStyles.Integer, CultureInfo.InvariantCulture, out var value) ? value : null;
}
