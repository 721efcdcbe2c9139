using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace MiniMilvus.Storage.Disk;

/// <summary>
/// The system calls that .NET has no name for, each with a portable fallback: fdatasync, fallocate, reads that do not wait, a thread's niceness and its slice on Linux, fsync of a folder on Unix.
/// The only file of the project with P/Invoke.
/// </summary>
internal static partial class NativeMethods
{
    private const int Interrupted = 4;
    private const int Invalid = 22;

    /// <summary>Older C libraries lack the call.</summary>
    private static readonly bool s_readsCached = OperatingSystem.IsLinux() && Environment.Is64BitProcess
        && NativeLibrary.TryLoad("libc", typeof(NativeMethods).Assembly, null, out var library) && NativeLibrary.TryGetExport(library, "preadv2", out _);

    /// <summary>Content durable. fdatasync on Linux; elsewhere FlushToDisk, which is F_FULLFSYNC on macOS and FlushFileBuffers on Windows.</summary>
    public static void FlushData(SafeFileHandle file, string path)
    {
        if (!OperatingSystem.IsLinux())
        {
            RandomAccess.FlushToDisk(file);
            return;
        }

        while (FDataSync(file) != 0)
        {
            ThrowUnlessInterrupted("fdatasync", path);
        }
    }

    /// <summary>Space reserved up to a length; false where the system or the file system cannot.</summary>
    public static bool TryReserve(SafeFileHandle file, long length)
    {
        if (!OperatingSystem.IsLinux() || !Environment.Is64BitProcess)
        {
            return false;
        }

        while (true)
        {
            if (FAllocate(file, 0, 0, length) == 0)
            {
                return true;
            }

            var error = Marshal.GetLastPInvokeError();
            if (error == Interrupted)
            {
                continue;
            }

            return error == DiskErrors.NoSpaceOnUnix ? throw DiskErrors.NoSpace($"fallocate of {length} bytes") : false;
        }
    }

    /// <summary>What of a range lies in the page cache, without a wait for the disk; 0 also where the system or the file system cannot say.</summary>
    public static unsafe int ReadCached(SafeFileHandle file, Span<byte> to, long offset)
    {
        const int noWait = 8;
        if (!s_readsCached)
        {
            return 0;
        }

        fixed (byte* start = to)
        {
            var part = new IoVector(start, (nuint)to.Length);
            return (int)Math.Max(0, PReadV2(file, &part, 1, (nint)offset, noWait)); // an error is left to the plain read to meet
        }
    }

    /// <summary>Names in a folder durable. Windows has no such call: NTFS journals its names, and a rename there is durable in order.</summary>
    public static void FlushFolder(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        const int readOnly = 0;
        var closeOnExec = OperatingSystem.IsMacOS() ? 0x1000000 : 0x80000;
        using var folder = Open(path, readOnly | closeOnExec);
        if (folder.IsInvalid)
        {
            throw new IOException($"open of folder {path} failed: {Marshal.GetLastPInvokeErrorMessage()}", Marshal.GetLastPInvokeError());
        }

        while (FSync(folder) != 0)
        {
            if (Marshal.GetLastPInvokeError() == Invalid)
            {
                return; // a file system that cannot flush folders (some network mounts) says so with EINVAL
            }

            ThrowUnlessInterrupted("fsync of folder", path);
        }
    }

    /// <summary>
    /// Makes the calling thread wait for busier ones. .NET's thread priorities do nothing on Linux, where niceness is a thread's own; and there even a nice
    /// thread keeps a processor for its slice of some milliseconds while others wake up, so its slice becomes the shortest there is (since Linux 6.12; ignored before).
    /// </summary>
    public static unsafe void LowerThreadPriority(int nice)
    {
        const int process = 0, thisThread = 0;
        const ulong shortestSliceNanoseconds = 100_000;
        if (!OperatingSystem.IsLinux() || SetPriority(process, thisThread, nice) != 0)
        {
            Thread.CurrentThread.Priority = ThreadPriority.BelowNormal;
            return;
        }

        var attributes = new SchedulingAttributes { Size = (uint)sizeof(SchedulingAttributes), Nice = nice, Runtime = shortestSliceNanoseconds };
        if (SchedSetAttrNumber is { } number)
        {
            _ = SystemCall(number, thisThread, &attributes, 0); // refused: the thread is nice all the same
        }
    }

    private static void ThrowUnlessInterrupted(string call, string path)
    {
        var error = Marshal.GetLastPInvokeError();
        if (error != Interrupted)
        {
            throw new IOException($"{call} {path} failed: {Marshal.GetLastPInvokeErrorMessage()}", error);
        }
    }

    [LibraryImport("libc", EntryPoint = "fdatasync", SetLastError = true)]
    private static partial int FDataSync(SafeFileHandle file);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int FSync(SafeFileHandle file);

    [LibraryImport("libc", EntryPoint = "fallocate", SetLastError = true)]
    private static partial int FAllocate(SafeFileHandle file, int mode, long offset, long length);

    private readonly unsafe struct IoVector(byte* start, nuint bytes)
    {
        public readonly byte* Start = start;
        public readonly nuint Bytes = bytes;
    }

    [LibraryImport("libc", EntryPoint = "preadv2")]
    private static unsafe partial nint PReadV2(SafeFileHandle file, IoVector* parts, int count, nint offset, int flags);

    /// <summary>C libraries have no name for the call before glibc 2.41.</summary>
    private static nint? SchedSetAttrNumber => RuntimeInformation.ProcessArchitecture switch
    {
        Architecture.X64 => 314,
        Architecture.Arm64 or Architecture.RiscV64 or Architecture.LoongArch64 => 274,
        _ => null,
    };

    /// <summary>struct sched_attr in its first form.</summary>
    private struct SchedulingAttributes
    {
        public uint Size, Policy;
        public ulong Flags;
        public int Nice;
        public uint Priority;
        public ulong Runtime, Deadline, Period;
    }

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static unsafe partial nint SystemCall(nint number, nint thread, SchedulingAttributes* attributes, nint flags);

    [LibraryImport("libc", EntryPoint = "setpriority", SetLastError = true)]
    private static partial int SetPriority(int which, uint who, int priority);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial SafeFileHandle Open(string path, int flags);
}
