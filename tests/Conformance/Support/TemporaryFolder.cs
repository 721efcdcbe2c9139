namespace MiniMilvus.Conformance.Support;

/// <summary>A folder of the operating system that goes with the test.</summary>
public sealed class TemporaryFolder
{
    public string Path { get; } = Directory.CreateTempSubdirectory("mm-test-").FullName;

    public void Delete() => Directory.Delete(Path, recursive: true);
}
