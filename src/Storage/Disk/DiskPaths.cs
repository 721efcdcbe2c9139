namespace MiniMilvus.Storage.Disk;

/// <summary>Paths as <see cref="IDisk"/> takes them: relative, '/' between parts, "" for the root.</summary>
internal static class DiskPaths
{
    /// <summary>Refuses what could leave the tree or means two things.</summary>
    public static string Check(string path)
    {
        if (path.Length == 0)
        {
            return path;
        }

        foreach (var part in path.AsSpan().Split('/'))
        {
            if (path.AsSpan(part) is "" or "." or "..")
            {
                throw new ArgumentException($"a disk path must be relative, without empty, '.' or '..' parts; found '{path}'", nameof(path));
            }
        }

        return path.Contains('\\', StringComparison.Ordinal) || path.Contains('\0', StringComparison.Ordinal)
            ? throw new ArgumentException($"a disk path has no backslash and no NUL; found '{path}'", nameof(path))
            : path;
    }

    /// <summary>The folder that holds a file or folder; "" for the root.</summary>
    public static string FolderOf(string path)
    {
        var slash = path.LastIndexOf('/');
        return slash < 0 ? "" : path[..slash];
    }

    public static string Combine(string folder, string name) => folder.Length == 0 ? name : $"{folder}/{name}";
}
