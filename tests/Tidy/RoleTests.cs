namespace MiniMilvus.Tidy;

/// <summary>Whoever knows one role's folder finds the way in every other.</summary>
public sealed class RoleTests
{
    public static TheoryData<string> Roles => ["Proxy", "StreamingNode", "QueryNode", "DataNode", "Coordinator"];

    [Theory]
    [MemberData(nameof(Roles))]
    public void A_role_folder_has_the_shape_of_every_role_folder(string role)
    {
        // The coordinator measures nothing yet.
        string[] metrics = role == "Coordinator" ? [] : ["Metrics.cs"];
        string[] wanted = ["README.md", $"{role}Role.cs", $"{role}Options.cs", "Log.cs", .. metrics];
        Repository.None(wanted.Where(file => !Repository.Has($"src/{role}/{file}")), $"Missing in src/{role}:");
    }

    [Fact]
    public void Every_project_of_src_explains_itself()
        => Repository.None(Repository.Folders("src").Where(p => !Repository.Has($"src/{p}/README.md")).Select(p => $"src/{p}/README.md"), "Missing:");

    [Fact]
    public void The_readme_of_a_project_names_only_files_that_exist()
    {
        var name = new System.Text.RegularExpressions.Regex(@"`((?:[A-Z]\w*/)*[A-Z][\w.]*\.(?:cs|proto|props|txt))`");
        Repository.None(
            from readme in Repository.Folders("src").Select(p => $"src/{p}/README.md").Where(Repository.Has)
            let files = Repository.Files(Path.GetDirectoryName(readme)!, "").Select(f => "/" + f).ToList()
            from System.Text.RegularExpressions.Match match in name.Matches(Repository.Read(readme))
            where !files.Any(f => f.EndsWith("/" + match.Groups[1].Value, StringComparison.Ordinal)) && !Repository.Has(match.Groups[1].Value)
            select $"{readme}: {match.Groups[1].Value}",
            "No such file:");
    }

    [Fact]
    public void The_public_surface_of_Rpc_is_written_down()
        => Assert.Contains("Grpc.Core.CallInvoker", Repository.Read("src/Rpc/PublicApi.txt"), StringComparison.Ordinal);
}
