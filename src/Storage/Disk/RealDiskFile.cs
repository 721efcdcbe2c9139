using Microsoft.Win32.SafeHandles;

namespace MiniMilvus.Storage.Disk;

/// <summary>An open file of a <see cref="RealDisk"/>.</summary>
internal sealed class RealDiskFile(SafeFileHandle handle, string path, DiskQueue queue) : IDiskFile
{
    /// <summary>Up to this size a transfer to or from the page cache is cheaper than a thread hop.</summary>
    private const int InlineBytesMax = 128 * 1024;

    private static readonly byte[] Zeros = new byte[1024 * 1024];

    public long Length => RandomAccess.GetLength(handle);

    public ValueTask<int> ReadAtAsync(long offset, Memory<byte> buffer, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        return buffer.Length <= InlineBytesMax
            ? new(ReadAt(offset, buffer.Span))
            : queue.RunAsync(static a => a.File.ReadAt(a.Offset, a.Buffer.Span), (File: this, Offset: offset, Buffer: buffer));
    }

    public ValueTask WriteAtAsync(long offset, ReadOnlyMemory<byte> bytes, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        if (bytes.Length <= InlineBytesMax)
        {
            RandomAccess.Write(handle, bytes.Span, offset);
            return default;
        }

        return queue.RunAsync(
            static a =>
            {
                RandomAccess.Write(a.Handle, a.Bytes.Span, a.Offset);
                return true;
            },
            (Handle: handle, Bytes: bytes, Offset: offset));
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
            RandomAccess.Write(handle, bytes, offset);
            return default;
        }

        return queue.RunAsync(
            static a =>
            {
                RandomAccess.Write(a.Handle, a.Bytes, a.Offset);
                return true;
            },
            (Handle: handle, Bytes: bytes, Offset: offset));
    }

    public ValueTask FlushAsync(CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        return queue.RunAsync(
            static a =>
            {
                NativeMethods.FlushData(a.Handle, a.Path);
                return true;
            },
            (Handle: handle, Path: path));
    }

    public ValueTask PreallocateAsync(long length, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        return length <= Length ? default : queue.RunAsync(static a => a.File.Preallocate(a.Length), (File: this, Length: length));
    }

    public ValueTask SetLengthAsync(long length, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        RandomAccess.SetLength(handle, length);
        return default;
    }

    public ValueTask DisposeAsync()
    {
        handle.Dispose();
        return default;
    }

    private int ReadAt(long offset, Span<byte> buffer)
    {
        var total = 0;
        while (total < buffer.Length)
        {
            var read = RandomAccess.Read(handle, buffer[total..], offset + total);
            if (read == 0)
            {
                break;
            }

            total += read;
        }

        return total;
    }

    private bool Preallocate(long length)
    {
        // Reserved extents are marked "unwritten" until data reaches them, and each first write then costs a metadata commit in the flush:
        // the zeros are written too. Reserving first keeps the file in one piece and finds a full disk early.
        var from = Length;
        NativeMethods.TryReserve(handle, length);
        for (var at = from; at < length; at += Zeros.Length)
        {
            RandomAccess.Write(handle, Zeros.AsSpan(0, (int)Math.Min(Zeros.Length, length - at)), at);
        }

        return true;
    }
}
