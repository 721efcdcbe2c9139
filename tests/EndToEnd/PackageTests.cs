using System.Text.RegularExpressions;

namespace MiniMilvus.EndToEnd;

/// <summary>The log is a building block: its packages are made, and the sample builds and runs on them outside this repository.</summary>
public sealed class PackageTests
{
    private static readonly TimeSpan s_bound = TimeSpan.FromMinutes(4);
    private static readonly (string Name, string Value)[] s_quiet = [("DOTNET_NOLOGO", "1"), ("DOTNET_CLI_TELEMETRY_OPTOUT", "1"), ("MSBUILDDISABLENODEREUSE", "1"), ("DOTNET_CLI_UI_LANGUAGE", "en")];

    [Fact]
    public async Task The_sample_of_the_log_builds_and_runs_on_the_packages_alone()
    {
        using var folder = new DataFolder();
        var (packages, sample, cache) = (Path.Combine(folder.Path, "packages"), Path.Combine(folder.Path, "sample"), Path.Combine(folder.Path, "cache"));
        foreach (var project in new[] { "Core", "Rpc", "Storage", "Woodpecker" })
        {
            await RunAsync(Tools.Root, "pack", $"src/{project}", "-c", "Release", "--no-build", "-o", packages, "-v", "quiet");
        }

        var version = Regex.Match(Path.GetFileName(Directory.GetFiles(packages, "MiniMilvus.Woodpecker.*.nupkg").Single()), @"\d+\.\d+\.\d+[\w.-]*(?=\.nupkg)").Value;
        Directory.CreateDirectory(sample);
        File.Copy(Path.Combine(Tools.Root, "samples/Log/Program.cs"), Path.Combine(sample, "Program.cs"));
        await File.WriteAllTextAsync(Path.Combine(sample, "Sample.csproj"), $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <OutputType>Exe</OutputType>
                <TargetFramework>net10.0</TargetFramework>
                <Nullable>enable</Nullable>
                <ImplicitUsings>enable</ImplicitUsings>
                <RestoreAdditionalProjectSources>{packages}</RestoreAdditionalProjectSources>
                <RestorePackagesPath>{cache}</RestorePackagesPath>
                <RestoreFallbackFolders>{Cached()}</RestoreFallbackFolders>
              </PropertyGroup>
              <ItemGroup><PackageReference Include="MiniMilvus.Woodpecker" Version="[{version}]" /></ItemGroup>
            </Project>
            """);
        await RunAsync(sample, "build", "-c", "Release", "--nologo", "-v", "quiet", "-p:UseSharedCompilation=false");
        Assert.All(new[] { "Core", "Rpc", "Storage", "Woodpecker" }, p => Assert.True(Directory.Exists(Path.Combine(cache, $"minimilvus.{p}".ToLowerInvariant())), $"expected the package of {p} to be used"));
        var output = await RunAsync(sample, Path.Combine(sample, "bin/Release/net10.0/Sample.dll"), Path.Combine(folder.Path, "log"));
        Assert.NotEmpty(Directory.GetFiles(Path.Combine(folder.Path, "log"), "*.wal", SearchOption.AllDirectories));
        Assert.DoesNotContain("Unhandled exception", output, StringComparison.Ordinal);
    }

    /// <summary>Where this machine keeps the packages that it has downloaded; ours of the moment are not to land there.</summary>
    private static string Cached() => Environment.GetEnvironmentVariable("NUGET_PACKAGES")
        ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");

    private static async Task<string> RunAsync(string folder, params string[] arguments)
    {
        var (code, output) = await Tools.RunAsync(s_bound, "dotnet", arguments, folder, s_quiet);
        Assert.True(code == 0, $"dotnet {string.Join(' ', arguments)}: {output}");
        return output;
    }
}
