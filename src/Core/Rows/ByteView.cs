using System.Buffers;
using System.Runtime.InteropServices;

namespace MiniMilvus.Core.Rows;

/// <summary>Bytes seen as values of <typeparamref name="T"/> without a copy (little-endian machines only, checked at start).</summary>
internal sealed class ByteView<T>(ReadOnlyMemory<byte> bytes) : MemoryManager<T>
    where T : unmanaged
{
    public static ReadOnlyMemory<T> Of(ReadOnlyMemory<byte> bytes) => new ByteView<T>(bytes).Memory;

    public override Span<T> GetSpan() => MemoryMarshal.Cast<byte, T>(MemoryMarshal.AsMemory(bytes).Span);

    public override MemoryHandle Pin(int elementIndex = 0) => throw new NotSupportedException("a byte view is never pinned");

    public override void Unpin()
    {
    }

    protected override void Dispose(bool disposing)
    {
    }
}
