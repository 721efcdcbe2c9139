namespace MiniMilvus.Tidy;

/// <summary>The checked-out tree: its root, its files (nothing built, nothing downloaded), and one way to report what is wrong.</summary>
internal static class Repository
{
    private static readonly HashSet<string> LeftOut = ["bin", "obj", ".git", ".vs", "node_modules", "TestResults", "minimilvus-data", "data", "out"];

    public static string Root { get; } = FindRoot();

    public static string Full(string path) => Path.Combine(Root, path);

    public static string Read(string path) => File.ReadAllText(Full(path));

    public static bool Has(string path) => File.Exists(Full(path));

    /// <summary>Paths relative to the root, with forward slashes, sorted.</summary>
    public static IReadOnlyList<string> Files(string under, string extension)
    {
        var found = new List<string>();
        if (Directory.Exists(Full(under)))
        {
            Walk(new DirectoryInfo(Full(under)), extension, found);
        }

        found.Sort(StringComparer.Ordinal);
        return found;
    }

    public static IReadOnlyList<string> Folders(string under)
        => Directory.Exists(Full(under))
            ? [.. new DirectoryInfo(Full(under)).EnumerateDirectories().Where(d => !LeftOut.Contains(d.Name)).Select(d => d.Name).Order(StringComparer.Ordinal)]
            : [];

    /// <summary>C# that a person wrote.</summary>
    public static IEnumerable<string> Sources(params string[] trees) => trees.SelectMany(tree => Files(tree, ".cs"));

    public static void None(IEnumerable<string> offenders, string rule)
    {
        var list = offenders.Distinct().ToList();
        Assert.True(list.Count == 0, $"{rule}\n  {string.Join("\n  ", list)}");
    }

    private static void Walk(DirectoryInfo folder, string extension, List<string> found)
    {
        foreach (var file in folder.EnumerateFiles("*" + extension))
        {
            found.Add(Path.GetRelativePath(Root, file.FullName).Replace('\\', '/'));
        }

        foreach (var inner in folder.EnumerateDirectories())
        {
            // "data" and "out" are left out at the root alone: further down they may be a folder of the sources.
            var top = string.Equals(folder.FullName.TrimEnd('/'), Root.TrimEnd('/'), StringComparison.Ordinal);
            if (!LeftOut.Contains(inner.Name) || (!top && inner.Name is "data" or "out"))
            {
                Walk(inner, extension, found);
            }
        }
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
