namespace MiniMilvus.Conformance.Support;

/// <summary>
/// A folder of the operating system that goes with the test: in MINIMILVUS_TEST_DIR (a mount to try the suites on), else where temporary files go.
/// What tests need beside the thing under test (other servers, certificates, mounts of their own) stays where temporary files go.
/// </summary>
/// <param name="isUnderTest">What lies there is what the test is about.</param>
public sealed class TemporaryFolder(bool isUnderTest = true)
{
    public string Path { get; } = Create(isUnderTest);

    public void Delete() => Directory.Delete(Path, recursive: true);

    private static string Create(bool isUnderTest)
    {
        var parent = Environment.GetEnvironmentVariable("MINIMILVUS_TEST_DIR");
        return !isUnderTest || string.IsNullOrEmpty(parent)
            ? Directory.CreateTempSubdirectory("mm-test-").FullName
            : Directory.CreateDirectory(System.IO.Path.Combine(parent, $"mm-test-{System.IO.Path.GetRandomFileName()}")).FullName;
    }
}
