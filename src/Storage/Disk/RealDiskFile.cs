using Microsoft.Win32.SafeHandles;

namespace MiniMilvus.Storage.Disk;

/// <summary>An open file of a <see cref="RealDisk"/>. Its descriptor is borrowed from <see cref="OpenFiles"/> for each call.</summary>
internal sealed class RealDiskFile(OpenFiles files, OpenFiles.Entry entry, string path, DiskQueue queue) : IDiskFile
{
    /// <summary>Up to this size a transfer to or from the page cache is cheaper than a thread hop.</summary>
    private const int InlineBytesMax = 128 * 1024;

    /// <summary>Up to this size what lies in the page cache is read where it is asked for: a hop to a thread that sleeps costs as much.</summary>
    private const int CachedBytesMax = 1024 * 1024;

    private static readonly byte[] Zeros = new byte[1024 * 1024];

    public long Length => With(false, static (handle, _) => RandomAccess.GetLength(handle), 0);

    public ValueTask<int> ReadAtAsync(long offset, Memory<byte> buffer, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        var cached = buffer.Length is > InlineBytesMax and <= CachedBytesMax ? ReadCached(offset, buffer) : 0;
        return buffer.Length - cached <= InlineBytesMax
            ? new(cached + ReadAt(offset + cached, buffer[cached..]))
            : queue.RunAsync(static a => a.Cached + a.File.ReadAt(a.Offset + a.Cached, a.Buffer[a.Cached..]), (File: this, Offset: offset, Buffer: buffer, Cached: cached));
    }

    public ValueTask WriteAtAsync(long offset, ReadOnlyMemory<byte> bytes, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        if (bytes.Length <= InlineBytesMax)
        {
            WriteAt(offset, bytes);
            return default;
        }

        return queue.RunAsync(static a => a.File.WriteAt(a.Offset, a.Bytes), (File: this, Offset: offset, Bytes: bytes));
    }

    public ValueTask WriteAtAsync(long offset, IReadOnlyList<ReadOnlyMemory<byte>> bytes, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        long total = 0;
        foreach (var part in bytes)
        {
            total += part.Length;
        }

        if (total <= InlineBytesMax)
        {
            WriteAt(offset, bytes);
            return default;
        }

        return queue.RunAsync(static a => a.File.WriteAt(a.Offset, a.Bytes), (File: this, Offset: offset, Bytes: bytes));
    }

    public ValueTask FlushAsync(CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        return queue.RunAsync(static file => file.Flush(), this);
    }

    public ValueTask PreallocateAsync(long length, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        return length <= Length ? default : queue.RunAsync(static a => a.File.Preallocate(a.Length), (File: this, Length: length));
    }

    public ValueTask SetLengthAsync(long length, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        With(
            true,
            static (handle, length) =>
            {
                RandomAccess.SetLength(handle, length);
                return true;
            },
            length);
        return default;
    }

    /// <summary>Mapped, but not on Windows: there a file that is mapped cannot be deleted.</summary>
    public ValueTask<FileView> ViewAsync(CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        return queue.RunAsync(static file => file.View(), this);
    }

    public ValueTask DisposeAsync()
    {
        files.Close(entry);
        return default;
    }

    private FileView View()
    {
        var length = checked((int)Length);
        if (length > 0 && !OperatingSystem.IsWindows())
        {
            return With(false, static (handle, length) => FileView.Map(handle, length), length);
        }

        var bytes = new byte[length];
        return FileView.Of(bytes.AsMemory(0, ReadAt(0, bytes)));
    }

    private int ReadCached(long offset, Memory<byte> buffer) =>
        With(false, static (handle, a) => NativeMethods.ReadCached(handle, a.Buffer.Span, a.Offset), (Offset: offset, Buffer: buffer));

    private int ReadAt(long offset, Memory<byte> buffer) => With(
        false,
        static (handle, a) =>
        {
            var buffer = a.Buffer.Span;
            var total = 0;
            while (total < buffer.Length)
            {
                var read = RandomAccess.Read(handle, buffer[total..], a.Offset + total);
                if (read == 0)
                {
                    break;
                }

                total += read;
            }

            return total;
        },
        (Offset: offset, Buffer: buffer));

    private bool WriteAt(long offset, ReadOnlyMemory<byte> bytes) => With(
        true,
        static (handle, a) =>
        {
            RandomAccess.Write(handle, a.Bytes.Span, a.Offset);
            return true;
        },
        (Offset: offset, Bytes: bytes));

    private bool WriteAt(long offset, IReadOnlyList<ReadOnlyMemory<byte>> bytes) => With(
        true,
        static (handle, a) =>
        {
            RandomAccess.Write(handle, a.Bytes, a.Offset);
            return true;
        },
        (Offset: offset, Bytes: bytes));

    /// <summary>
    /// Reserved extents are marked "unwritten" until data reaches them, and each first write then costs a metadata commit in the flush: the
    /// zeros are written too. Reserving first keeps the file in one piece and finds a full disk early.
    /// </summary>
    private bool Preallocate(long length) => With(
        true,
        static (handle, length) =>
        {
            var from = RandomAccess.GetLength(handle);
            NativeMethods.TryReserve(handle, length);
            for (var at = from; at < length; at += Zeros.Length)
            {
                RandomAccess.Write(handle, Zeros.AsSpan(0, (int)Math.Min(Zeros.Length, length - at)), at);
            }

            return true;
        },
        length);

    private bool Flush()
    {
        var handle = files.Rent(entry, out var written);
        var flushed = 0L;
        try
        {
            NativeMethods.FlushData(handle, path);
            flushed = written;
            return true;
        }
        finally
        {
            files.Return(entry, flushed: flushed);
        }
    }

    private TResult With<TArgument, TResult>(bool writes, Func<SafeFileHandle, TArgument, TResult> call, TArgument argument)
    {
        var handle = files.Rent(entry, out _);
        try
        {
            return call(handle, argument);
        }
        finally
        {
            files.Return(entry, writes);
        }
    }
}
