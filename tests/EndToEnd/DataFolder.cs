using MiniMilvus.Conformance.Support;

namespace MiniMilvus.EndToEnd;

/// <summary>A fresh folder that goes when the test has ended.</summary>
internal sealed class DataFolder(bool isUnderTest = true) : IDisposable
{
    private readonly TemporaryFolder _folder = new(isUnderTest);

    public string Path => _folder.Path;

    public string Data => System.IO.Path.Combine(Path, "data");

    public void Dispose() => _folder.Delete();
}
