namespace MiniMilvus.Storage.Disk;

/// <summary>
/// The names of the simulated disk: what is seen, what is durable, and the unsynced changes of names between. Each unsynced change survives
/// a power cut or not, by itself; a rename is never half there.
/// </summary>
internal sealed class SimulatedTree
{
    private readonly List<Change> _unsynced = [];
    private SortedDictionary<string, SimulatedFile> _seen = new(StringComparer.Ordinal);
    private SortedDictionary<string, SimulatedFile> _durable = new(StringComparer.Ordinal);

    /// <summary>Folders are durable as soon as they exist (IDisk's contract).</summary>
    private readonly SortedSet<string> _folders = new(StringComparer.Ordinal) { "" };

    public long UsedBytes => _seen.Values.Sum(f => (long)f.Length);

    public SimulatedFile? Find(string path) => _seen.GetValueOrDefault(path);

    public SimulatedFile Create(string path)
    {
        RequireFolder(DiskPaths.FolderOf(path), path);
        if (_folders.Contains(path))
        {
            throw new IOException($"'{path}' is a folder");
        }

        var file = new SimulatedFile();
        Do(new Change(path, null, file));
        return file;
    }

    public void Delete(string path)
    {
        if (_seen.TryGetValue(path, out var file))
        {
            Do(new Change(null, path, file));
        }
    }

    public void Rename(string from, string to)
    {
        RequireFolder(DiskPaths.FolderOf(to), to);
        Do(new Change(to, from, Find(from) ?? throw new FileNotFoundException($"'{from}' does not exist", from)));
    }

    public void CreateFolder(string folder)
    {
        if (_seen.ContainsKey(folder))
        {
            throw new IOException($"'{folder}' is a file");
        }

        for (var at = folder; _folders.Add(at);)
        {
            at = DiskPaths.FolderOf(at);
        }
    }

    public void DeleteFolder(string folder)
    {
        if (folder.Length == 0 || Files(folder).Count > 0 || Folders(folder).Count > 0)
        {
            throw new IOException($"folder '{folder}' is not empty");
        }

        _folders.Remove(folder);
    }

    public IReadOnlyList<string> Files(string folder) => Children(_seen.Keys, folder);

    public IReadOnlyList<string> Folders(string folder) => Children(_folders.Where(f => f.Length > 0), folder);

    public void Flush(string folder)
    {
        RequireFolder(folder, folder);
        foreach (var change in _unsynced.Where(c => c.Folder == folder).ToArray())
        {
            change.ApplyTo(_durable);
            _unsynced.Remove(change);
            if (change is { To: not null, From: { } from })
            {
                // The name it was created under, in another folder, is gone for good: its creation must not come back later.
                _unsynced.RemoveAll(c => c.To == from && c.File == change.File);
            }
        }
    }

    public void LosePower(Random random, double survival)
    {
        foreach (var change in _unsynced)
        {
            if (random.NextDouble() < survival)
            {
                change.ApplyTo(_durable);
            }
        }

        _unsynced.Clear();
        foreach (var file in _seen.Values.Concat(_durable.Values).Distinct())
        {
            file.LosePower(random, survival);
        }

        _seen = new SortedDictionary<string, SimulatedFile>(_durable, StringComparer.Ordinal);
        _durable = new SortedDictionary<string, SimulatedFile>(_durable, StringComparer.Ordinal);
    }

    private void Do(Change change)
    {
        change.ApplyTo(_seen);
        _unsynced.Add(change);
    }

    private void RequireFolder(string folder, string path)
    {
        if (!_folders.Contains(folder))
        {
            throw new DirectoryNotFoundException($"the folder of '{path}' does not exist");
        }
    }

    private static IReadOnlyList<string> Children(IEnumerable<string> paths, string folder) =>
        [.. paths.Where(p => DiskPaths.FolderOf(p) == folder).Select(p => p[(folder.Length == 0 ? 0 : folder.Length + 1)..])];

    /// <summary>A name that appears, one that goes, or both (a rename).</summary>
    private sealed record Change(string? To, string? From, SimulatedFile File)
    {
        public string Folder => DiskPaths.FolderOf(To ?? From!);

        public void ApplyTo(SortedDictionary<string, SimulatedFile> names)
        {
            if (From is not null && names.TryGetValue(From, out var old) && old == File)
            {
                names.Remove(From);
            }

            if (To is not null)
            {
                names[To] = File;
            }
        }
    }
}
