using System.Diagnostics;
using System.Globalization;
using Xunit.Abstractions;

namespace MiniMilvus.Simulation;

/// <summary>Runs Console/Program in a process of its own and hands on what it prints.</summary>
internal static class WorldProcess
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(15);

    public static string Run(ITestOutputHelper output, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(typeof(WorldProcess).Assembly.Location);
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        using var process = Process.Start(start) ?? throw new InvalidOperationException("dotnet did not start");
        var errors = process.StandardError.ReadToEndAsync();
        var printed = process.StandardOutput.ReadToEnd();
        if (!process.WaitForExit(Patience))
        {
            process.Kill();
        }

        output.WriteLine(printed);
        Assert.True(process.ExitCode == 0, $"{string.Join(' ', arguments)}: exit code {process.ExitCode}\n{printed}\n{errors.Result}");
        return printed;
    }

    public static int? Setting(string name) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), NumberStyles.Integer, CultureInfo.InvariantCulture, out var value) ? value : null;
}
