namespace MiniMilvus.Conformance.Support;

/// <summary>A folder of the operating system that goes with the test: in MINIMILVUS_TEST_DIR (a mount to try the local suites on), else where temporary files go.</summary>
public sealed class TemporaryFolder
{
    public string Path { get; } = Create();

    public void Delete() => Directory.Delete(Path, recursive: true);

    private static string Create()
    {
        var parent = Environment.GetEnvironmentVariable("MINIMILVUS_TEST_DIR");
        return string.IsNullOrEmpty(parent)
            ? Directory.CreateTempSubdirectory("mm-test-").FullName
            : Directory.CreateDirectory(System.IO.Path.Combine(parent, $"mm-test-{System.IO.Path.GetRandomFileName()}")).FullName;
    }
}
