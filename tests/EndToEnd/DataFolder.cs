namespace MiniMilvus.EndToEnd;

/// <summary>A fresh folder that goes when the test has ended.</summary>
internal sealed class DataFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("minimilvus-e2e-").FullName;

    public string Data => System.IO.Path.Combine(Path, "data");

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
