using System.Text.Json;

namespace MiniMilvus.Tidy;

/// <summary>What a visitor expects at the front door.</summary>
public sealed class HouseTests
{
    [Theory]
    [InlineData("README.md")]
    [InlineData("ARCHITECTURE.md")]
    [InlineData("CONTRIBUTING.md")]
    [InlineData("CHANGELOG.md")]
    [InlineData("GLOSSARY.md")]
    [InlineData("Dockerfile")]
    [InlineData("docker-compose.yml")]
    [InlineData(".github/workflows/ci.yml")]
    [InlineData("test.sh")]
    [InlineData(".ci/run")]
    public void The_house_has(string file) => Assert.True(Repository.Has(file), $"{file} is missing");

    [Fact]
    public void The_licence_is_Apache_2_in_full()
    {
        var text = Repository.Read("LICENSE");
        Assert.Contains("Apache License", text, StringComparison.Ordinal);
        Assert.Contains("Version 2.0, January 2004", text, StringComparison.Ordinal);
        Assert.Contains("END OF TERMS AND CONDITIONS", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Continuous_integration_runs_the_command_of_the_readme()
    {
        Assert.Contains("./test.sh", Repository.Read("README.md"), StringComparison.Ordinal);
        Assert.Contains("exec ./test.sh --require-all --mutations=ci", Repository.Read(".ci/run"), StringComparison.Ordinal);
        Assert.Contains("./test.sh --require-all --mutations=ci", Repository.Read(".github/workflows/ci.yml"), StringComparison.Ordinal);
        Assert.Contains("-p:UseGrpcAspNetCore=true", Repository.Read(".github/workflows/ci.yml"), StringComparison.Ordinal);
    }

    [NeedsToolFact("docker-compose")]
    public async Task The_compose_file_is_valid()
    {
        var (code, output) = await Tools.RunAsync("docker-compose", "-f", "docker-compose.yml", "config", "-q");
        Assert.True(code == 0, output);
    }

    [Fact]
    public void The_compose_file_names_no_project()
        => Assert.DoesNotContain(Repository.Read("docker-compose.yml").Split('\n'), line => line.StartsWith("name:", StringComparison.Ordinal));

    /// <summary>So that MINIMILVUS_TEST_DIR has every suite that uses a disk work there. The others use none, or write a file that is not under test.</summary>
    [Fact]
    public void One_place_decides_where_tests_keep_their_files()
    {
        string[] allowed = ["tests/Conformance/Support/TemporaryFolder.cs", "tests/EndToEnd/ServerProcess.cs", "tests/Rag.Tests/", "tests/Simulation/Console/", "tests/Tidy/"];
        Repository.None(
            Repository.Sources("tests").Where(p => !allowed.Any(a => p.StartsWith(a, StringComparison.Ordinal)))
                .Where(p => Repository.Read(p) is var text && (text.Contains("GetTempPath", StringComparison.Ordinal) || text.Contains("CreateTempSubdirectory", StringComparison.Ordinal))),
            "These make a folder of their own; take a TemporaryFolder:");
    }

    [Fact]
    public void The_lock_file_of_the_node_tests_names_no_registry()
    {
        using var json = JsonDocument.Parse(Repository.Read("tests/EndToEnd/node/package-lock.json"));
        var packages = json.RootElement.GetProperty("packages").EnumerateObject().ToList();
        Assert.NotEmpty(packages);
        Repository.None(packages.Where(p => p.Value.TryGetProperty("resolved", out _)).Select(p => p.Name), "These name where they were downloaded:");
        Repository.None(packages.Where(p => p.Name.Length > 0 && !p.Value.TryGetProperty("integrity", out _)).Select(p => p.Name), "These carry no checksum:");
    }
}
