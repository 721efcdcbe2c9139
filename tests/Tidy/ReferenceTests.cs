using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace MiniMilvus.Tidy;

/// <summary>Who may know whom, and where versions come from.</summary>
public sealed class ReferenceTests
{
    /// <summary>ARCHITECTURE.md's diagram. A project may reference fewer, never more; Host references everything.</summary>
    private static readonly Dictionary<string, string[]> Allowed = new()
    {
        ["Core"] = [],
        ["Rpc"] = [],
        ["Contracts"] = ["Core", "Rpc"],
        ["Storage"] = ["Core", "Rpc"],
        ["Index"] = ["Core"],
        ["Woodpecker"] = ["Core", "Storage"],
        ["Coordinator"] = ["Core", "Storage"],
        ["StreamingNode"] = ["Core", "Storage", "Woodpecker"],
        ["QueryNode"] = ["Core", "Storage", "Index"],
        ["DataNode"] = ["Core", "Storage", "Index"],
        ["Proxy"] = ["Core", "Contracts", "Storage", "Rpc"],
        ["Client"] = ["Core", "Contracts", "Rpc"],
        ["Host"] = ["Core", "Rpc", "Contracts", "Storage", "Index", "Woodpecker", "Coordinator", "Proxy", "StreamingNode", "QueryNode", "DataNode"],
    };

    private static readonly string[] Trees = ["src", "tests", "samples", "benchmarks"];

    private static IEnumerable<string> Projects => Trees.SelectMany(tree => Repository.Files(tree, ".csproj"));

    [Fact]
    public void Projects_reference_only_what_the_diagram_allows()
    {
        var offenders = new List<string>();
        foreach (var folder in Repository.Folders("src"))
        {
            if (!Allowed.TryGetValue(folder, out var allowed))
            {
                offenders.Add($"src/{folder} is not in the diagram");
                continue;
            }

            offenders.AddRange(References($"src/{folder}/{folder}.csproj").Where(r => !allowed.Contains(r)).Select(r => $"src/{folder} references {r}"));
        }

        Repository.None(offenders, "The reference diagram (ARCHITECTURE.md) does not have:");
    }

    [Fact]
    public void The_diagram_names_only_projects_that_exist()
        => Repository.None(Allowed.Keys.Where(p => !Repository.Has($"src/{p}/{p}.csproj")), "No such project:");

    [Fact]
    public void Core_names_no_package_and_no_framework()
    {
        var core = XDocument.Load(Repository.Full("src/Core/Core.csproj"));
        Assert.Empty(core.Descendants("PackageReference"));
        Assert.Empty(core.Descendants("FrameworkReference"));
    }

    [Fact]
    public void Every_project_is_in_the_solution_and_nothing_else()
    {
        var solution = Regex.Matches(Repository.Read("MiniMilvus.sln"), "\"([^\"]+\\.csproj)\"").Select(m => m.Groups[1].Value.Replace('\\', '/')).ToHashSet();
        Repository.None(Projects.Where(p => !solution.Contains(p)), "Not in MiniMilvus.sln:");
        Repository.None(solution.Where(p => !Repository.Has(p)), "MiniMilvus.sln names a project that is not there:");
    }

    [Fact]
    public void Every_package_has_a_central_version_that_is_used()
    {
        var central = XDocument.Load(Repository.Full("Directory.Packages.props")).Descendants("PackageVersion")
            .Select(e => (string?)e.Attribute("Include") ?? (string)e.Attribute("Update")!).ToHashSet();
        var files = Projects.Concat(Repository.Files("src", ".props")).Append("Directory.Build.props").Append("Directory.Build.targets");
        var used = new HashSet<string>();
        var offenders = new List<string>();
        foreach (var file in files)
        {
            foreach (var reference in XDocument.Load(Repository.Full(file)).Descendants("PackageReference"))
            {
                var id = (string?)reference.Attribute("Include") ?? (string)reference.Attribute("Update")!;
                used.Add(id);
                if (reference.Attribute("Version") is not null || reference.Attribute("VersionOverride") is not null)
                {
                    offenders.Add($"{file}: {id} carries its own version");
                }
                else if (!central.Contains(id))
                {
                    offenders.Add($"{file}: {id} has no version in Directory.Packages.props");
                }
            }
        }

        offenders.AddRange(central.Where(id => !used.Contains(id)).Select(id => $"Directory.Packages.props: nobody uses {id}"));
        Repository.None(offenders, "Package versions are central:");
    }

    private static IEnumerable<string> References(string project)
        => XDocument.Load(Repository.Full(project)).Descendants("ProjectReference").Select(e => Path.GetFileNameWithoutExtension(((string)e.Attribute("Include")!).Replace('\\', '/')));
}
