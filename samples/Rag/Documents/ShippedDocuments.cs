namespace MiniMilvus.Rag.Documents;

/// <summary>
/// What the sample reads without being told: the pages beside it, this project's own docs/ and its top-level Markdown.
/// Away from a checkout only the pages copied next to the program are left.
/// </summary>
internal static class ShippedDocuments
{
    public static IReadOnlyList<DocumentRoot> Roots(string? projectFolder)
    {
        if (projectFolder is null)
        {
            return [new DocumentRoot("samples/Rag/documents", Path.Combine(AppContext.BaseDirectory, "documents"), Recursive: true)];
        }
        var roots = new List<DocumentRoot>
        {
            new("samples/Rag/documents", Path.Combine(projectFolder, "samples", "Rag", "documents"), Recursive: true),
            new("", projectFolder, Recursive: false),
        };
        var docs = Path.Combine(projectFolder, "docs");
        if (Directory.Exists(docs))
        {
            roots.Add(new DocumentRoot("docs", docs, Recursive: true));
        }
        return roots;
    }

    /// <summary>The checkout that holds the program or the working folder, or null.</summary>
    public static string? FindProjectFolder()
    {
        foreach (var start in new[] { AppContext.BaseDirectory, Directory.GetCurrentDirectory() })
        {
            for (var folder = new DirectoryInfo(start); folder is not null; folder = folder.Parent)
            {
                if (Directory.Exists(Path.Combine(folder.FullName, "samples", "Rag", "documents")))
                {
                    return folder.FullName;
                }
            }
        }
        return null;
    }
}
