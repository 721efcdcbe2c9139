namespace MiniMilvus.EndToEnd;

/// <summary>A file system in memory of a test's own, which may fill up and become read-only; a plain folder where nothing may be mounted.</summary>
internal sealed class SmallDisk : IAsyncDisposable
{
    private static readonly TimeSpan s_bound = TimeSpan.FromSeconds(20);
    private readonly DataFolder _folder = new(isUnderTest: false);

    private SmallDisk() => Directory.CreateDirectory(Place);

    public bool IsMounted { get; private set; }

    public string Data => Path.Combine(Place, "data");

    private string Place => Path.Combine(_folder.Path, "disk");

    private string Ballast => Path.Combine(Place, "ballast");

    public static async Task<SmallDisk> MountAsync(int bytes)
    {
        var disk = new SmallDisk();
        if (Environment.UserName == "root" && Tools.IsOnPath("mount"))
        {
            var (code, _) = await Tools.RunAsync(s_bound, "mount", ["-t", "tmpfs", "-o", $"size={bytes}", "tmpfs", disk.Place]);
            disk.IsMounted = code == 0; // a container may forbid it to root too
        }

        return disk;
    }

    /// <summary>Until so many bytes are left.</summary>
    public void Fill(long leave)
    {
        using var file = File.Create(Ballast);
        var zeros = new byte[1 << 20];
        while (new DriveInfo(Place).AvailableFreeSpace > leave + zeros.Length)
        {
            file.Write(zeros);
            file.Flush();
        }
    }

    public void Empty() => File.Delete(Ballast);

    public async Task SetReadOnlyAsync(bool isReadOnly)
    {
        var (code, output) = IsMounted
            ? await Tools.RunAsync(s_bound, "mount", ["-o", isReadOnly ? "remount,ro" : "remount,rw", Place])
            : await Tools.RunAsync(s_bound, "chmod", ["-R", isReadOnly ? "a-w" : "u+w", Place]);
        Assert.True(code == 0, output);
    }

    public async ValueTask DisposeAsync()
    {
        if (IsMounted)
        {
            var (code, output) = await Tools.RunAsync(s_bound, "umount", ["-l", Place]);
            Assert.True(code == 0, output);
        }

        _folder.Dispose();
    }
}
