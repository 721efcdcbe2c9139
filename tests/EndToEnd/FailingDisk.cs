namespace MiniMilvus.EndToEnd;

/// <summary>
/// An ext4 of a test's own on a loop device. "abort" is what the kernel does when it meets an error of the device: the file system is read-only from
/// one moment to the next, also for who has its files open, until it is mounted again.
/// </summary>
internal sealed class FailingDisk : IAsyncDisposable
{
    private static readonly TimeSpan s_bound = TimeSpan.FromSeconds(30);
    private readonly DataFolder _folder = new(isUnderTest: false);

    private FailingDisk() => Directory.CreateDirectory(Place);

    public string Data => Path.Combine(Place, "data");

    private string Place => Path.Combine(_folder.Path, "disk");

    private string Image => Path.Combine(_folder.Path, "image");

    public static async Task<FailingDisk> MountAsync(long bytes)
    {
        var disk = new FailingDisk();
        try
        {
            await using (var image = File.Create(disk.Image))
            {
                image.SetLength(bytes);
            }

            await RunAsync("mkfs.ext4", "-q", disk.Image);
            await RunAsync("mount", "-o", "loop,errors=remount-ro", disk.Image, disk.Place);
            return disk;
        }
        catch
        {
            disk._folder.Dispose();
            throw;
        }
    }

    public Task TurnReadOnlyAsync() => RunAsync("mount", "-o", "remount,abort", Place);

    /// <summary>Nobody may have a file open: as an operator does when the device is well again.</summary>
    public async Task MountAgainAsync()
    {
        await RunAsync("umount", Place);
        await RunAsync("mount", "-o", "loop", Image, Place);
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            await RunAsync("umount", "-l", Place);
        }
        finally
        {
            _folder.Dispose();
        }
    }

    private static async Task RunAsync(string program, params string[] arguments)
    {
        var (code, output) = await Tools.RunAsync(s_bound, program, arguments);
        Assert.True(code == 0, $"{program} {string.Join(' ', arguments)}: {output}");
    }
}

/// <summary>A fact on a disk that fails; skipped by name where none may be mounted.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class FailingDiskFactAttribute : FactAttribute
{
    private static readonly Lazy<string?> s_missing = new(Missing);

    public FailingDiskFactAttribute() => Skip = s_missing.Value;

    private static string? Missing()
    {
        if (Environment.UserName != "root" || !Tools.IsOnPath("mount") || !Tools.IsOnPath("mkfs.ext4"))
        {
            return "no file system may be mounted here: expected root, mount and mkfs.ext4";
        }

        try
        {
            TryAsync().GetAwaiter().GetResult();
            return null;
        }
        catch (Exception e)
        {
            return $"no file system may be mounted here: {e.Message.Trim()}"; // a container may forbid it to root too
        }
    }

    private static async Task TryAsync()
    {
        await using var disk = await FailingDisk.MountAsync(16 << 20);
        await disk.TurnReadOnlyAsync();
    }
}
