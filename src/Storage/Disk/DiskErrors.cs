using MiniMilvus.Core.Errors;

namespace MiniMilvus.Storage.Disk;

/// <summary>What an <see cref="IOException"/> means to whoever uses a disk: the one place where it becomes a <see cref="MiniMilvusException"/>.</summary>
public static class DiskErrors
{
    internal const int NoSpaceOnUnix = 28;
    private const int DiskFullOnWindows = unchecked((int)0x80070070);
    private const int HandleDiskFullOnWindows = unchecked((int)0x80070027);

    public static bool IsNoSpace(IOException error) => error.HResult is NoSpaceOnUnix or DiskFullOnWindows or HandleDiskFullOnWindows;

    public static IOException NoSpace(string what) => new($"no space left on the disk: {what}", NoSpaceOnUnix);

    /// <summary>Unavailable, with DiskFull as its reason when that is what happened.</summary>
    public static MiniMilvusException ToUnavailable(IOException error, string what) =>
        MiniMilvusException.Unavailable(IsNoSpace(error) ? ErrorReason.DiskFull : ErrorReason.NotReady, $"{what}: {error.Message}", error);
}
