using System.Security.Cryptography;
using System.Text;

namespace MiniMilvus.Rag.Documents;

/// <summary>
/// Reads Markdown and text files. The order is by path, so the same folders always give the same list.
/// Build output, hidden folders and files above <see cref="FileBytesMax"/> are left out; more than <see cref="FilesMax"/> files is an error.
/// </summary>
internal static class DocumentLoader
{
    public const long FileBytesMax = 4 * 1024 * 1024;
    public const int FilesMax = 20_000;

    private static readonly HashSet<string> Extensions = new(StringComparer.OrdinalIgnoreCase) { ".md", ".markdown", ".txt", ".text" };
    private static readonly HashSet<string> SkippedFolders = new(StringComparer.OrdinalIgnoreCase) { "bin", "obj", "node_modules", "TestResults" };

    public static async Task<IReadOnlyList<SourceDocument>> LoadAsync(IEnumerable<DocumentRoot> roots, CancellationToken ct)
    {
        var byPath = new SortedDictionary<string, SourceDocument>(StringComparer.Ordinal);
        foreach (var root in roots)
        {
            if (!Directory.Exists(root.Folder))
            {
                throw new DirectoryNotFoundException($"Documents folder not found: {root.Folder}");
            }
            foreach (var file in Files(root.Folder, root.Recursive))
            {
                var relative = Path.GetRelativePath(root.Folder, file).Replace('\\', '/');
                var path = root.Label.Length == 0 ? relative : $"{root.Label}/{relative}";
                var text = Normalise(await File.ReadAllTextAsync(file, Encoding.UTF8, ct));
                if (string.IsNullOrWhiteSpace(text))
                {
                    continue;
                }
                byPath[path] = new SourceDocument(path, text, HashOf(text));
                if (byPath.Count > FilesMax)
                {
                    throw new InvalidOperationException($"More than {FilesMax} documents below {root.Folder}; name a smaller folder.");
                }
            }
        }
        return [.. byPath.Values];
    }

    public static string HashOf(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    /// <summary>Line ends become \n, so that a checkout on another system has the same hashes.</summary>
    public static string Normalise(string text) => text.ReplaceLineEndings("\n").TrimStart('\uFEFF');

    private static IEnumerable<string> Files(string folder, bool recursive)
    {
        foreach (var file in Directory.EnumerateFiles(folder))
        {
            if (Extensions.Contains(Path.GetExtension(file)) && new FileInfo(file).Length <= FileBytesMax)
            {
                yield return file;
            }
        }
        if (!recursive)
        {
            yield break;
        }
        foreach (var child in Directory.EnumerateDirectories(folder))
        {
            var name = Path.GetFileName(child);
            if (name.StartsWith('.') || SkippedFolders.Contains(name) || new DirectoryInfo(child).LinkTarget is not null)
            {
                continue;
            }
            foreach (var file in Files(child, recursive: true))
            {
                yield return file;
            }
        }
    }
}
