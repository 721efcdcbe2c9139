using System.Buffers;

namespace MiniMilvus.Rpc.Wire;

/// <summary>A growing contiguous buffer from the shared pool. Whoever holds it returns it once, by Dispose.</summary>
internal sealed class PooledBufferWriter : IBufferWriter<byte>, IDisposable
{
    private const int InitialBytes = 512;
    private byte[] _buffer = [];
    private int _written;

    internal int WrittenBytes => _written;

    internal ReadOnlyMemory<byte> Written => _buffer.AsMemory(0, _written);

    internal byte[] Array => _buffer;

    public void Advance(int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, _buffer.Length - _written);
        _written += count;
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Reserve(Math.Max(sizeHint, 1));
        return _buffer.AsMemory(_written);
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Reserve(Math.Max(sizeHint, 1));
        return _buffer.AsSpan(_written);
    }

    internal Span<byte> PatchAt(int offset, int count) => _buffer.AsSpan(offset, count);

    internal void Reserve(int bytes)
    {
        if (_buffer.Length - _written >= bytes)
        {
            return;
        }

        long wanted = Math.Max(Math.Max(InitialBytes, (long)_written + bytes), Math.Min(2L * _buffer.Length, System.Array.MaxLength));
        byte[] larger = ArrayPool<byte>.Shared.Rent(checked((int)wanted));
        _buffer.AsSpan(0, _written).CopyTo(larger);
        Release();
        _buffer = larger;
    }

    internal void Clear() => _written = 0;

    internal void TruncateTo(int bytes) => _written = bytes;

    public void Dispose()
    {
        Release();
        _buffer = [];
        _written = 0;
    }

    private void Release()
    {
        if (_buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
        }
    }
}
