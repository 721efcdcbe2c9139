using System.Diagnostics;

namespace MiniMilvus.EndToEnd;

/// <summary>Programs that a test runs, and where the repository is.</summary>
internal static class Tools
{
    public static string Root { get; } = FindRoot();

    public static bool IsOnPath(string tool)
        => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Any(folder => folder.Length > 0 && File.Exists(Path.Combine(folder, tool)));

    public static async Task<(int Code, string Output)> RunAsync(TimeSpan limit, string program, IEnumerable<string> arguments, string? folder = null, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = folder ?? Root, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        using var process = Process.Start(start)!;
        using var deadline = new CancellationTokenSource(limit);
        var output = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
        var error = process.StandardError.ReadToEndAsync(CancellationToken.None);
        try
        {
            await process.WaitForExitAsync(deadline.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{program} took more than {limit}:\n{await output}\n{await error}");
        }

        return (process.ExitCode, await output + await error);
    }

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "MiniMilvus.sln")))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException($"No MiniMilvus.sln above {AppContext.BaseDirectory}.");
    }
}

/// <summary>A theory over the Node suites; skipped by name without node or its packages.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class NodeTheoryAttribute : TheoryAttribute
{
    public NodeTheoryAttribute() => Skip = Missing();

    public static string? Missing()
        => !Tools.IsOnPath("node") ? "node is not installed (./test.sh --install installs it)"
            : !Directory.Exists(Path.Combine(Tools.Root, "tests/EndToEnd/node/node_modules/@zilliz/milvus2-sdk-node"))
                ? "the Node SDK is not installed (run npm ci in tests/EndToEnd/node; ./test.sh does)"
            : null;
}

/// <summary>A fact over the Node SDK; skipped likewise.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class NodeFactAttribute : FactAttribute
{
    public NodeFactAttribute() => Skip = NodeTheoryAttribute.Missing();
}

/// <summary>A fact that traces a process; skipped by name where nothing may be traced.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class StraceFactAttribute : FactAttribute
{
    public StraceFactAttribute() => Skip = Missing();

    private static string? Missing()
    {
        if (!OperatingSystem.IsLinux() || !Tools.IsOnPath("strace"))
        {
            return "strace is not installed (./test.sh --install installs it)";
        }

        var (code, output) = Tools.RunAsync(TimeSpan.FromSeconds(20), "strace", ["-f", "-o", "/dev/null", "true"]).GetAwaiter().GetResult();
        return code == 0 ? null : $"strace may not trace here: {output.Trim()}";
    }
}
