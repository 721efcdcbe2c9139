using System.Text.RegularExpressions;

namespace MiniMilvus.EndToEnd;

/// <summary>The official Node SDK against the real executable.</summary>
public sealed partial class NodeSuiteTests
{
    /// <summary>RPCs that a suite calls on purpose although they are not built.</summary>
    private static readonly Dictionary<string, string[]> AskedFor = new()
    {
        ["quickstart.mjs"] = [],
        ["compaction.mjs"] = [],
        ["badinput.mjs"] = ["ListImportTasks is UNIMPLEMENTED"],
    };

    [NodeTheory]
    [InlineData(Topology.OneProcess, "quickstart.mjs")]
    [InlineData(Topology.OneProcess, "badinput.mjs")]
    [InlineData(Topology.OneProcess, "compaction.mjs")]
    [InlineData(Topology.FiveProcesses, "quickstart.mjs")]
    [InlineData(Topology.FiveProcesses, "compaction.mjs")]
    [InlineData(Topology.FiveProcesses, "badinput.mjs")]
    public async Task The_Node_SDK_gets_right_answers_and_nothing_goes_wrong_behind_them(Topology topology, string suite)
    {
        using var folder = new DataFolder();
        await using var deployment = await Deployment.StartAsync(topology, folder.Data);
        var (code, output) = await Tools.RunAsync(
            TimeSpan.FromMinutes(3), "node", ["--test-reporter=tap", suite], Path.Combine(Tools.Root, "tests/EndToEnd/node"), ("MINIMILVUS_ADDRESS", deployment.Address));
        Assert.True(code == 0, $"{Failures(output)}\n-- server --\n{deployment.Log()}");
        Assert.True(Count("pass", output) > 0, $"{suite} ran nothing:\n{output}");
        Assert.Equal((0, 0, 0), (Count("fail", output), Count("cancelled", output), Count("skipped", output)));
        deployment.AssertQuiet(AskedFor[suite]);
        await deployment.StopAsync();
    }

    private static int Count(string what, string output) => int.Parse(Regex.Match(output, $"^# {what} (\\d+)", RegexOptions.Multiline).Groups[1].Value);

    private static string Failures(string output)
    {
        var lines = output.Split('\n');
        var failed = Enumerable.Range(0, lines.Length).Where(i => NotOk().IsMatch(lines[i])).SelectMany(i => lines.Skip(i).Take(16));
        var text = string.Join('\n', failed);
        return text.Length > 0 ? text : string.Join('\n', lines.TakeLast(60));
    }

    [GeneratedRegex(@"^\s*not ok ")]
    private static partial Regex NotOk();
}
