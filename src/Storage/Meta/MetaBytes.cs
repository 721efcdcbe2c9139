using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using MiniMilvus.Core.Errors;

namespace MiniMilvus.Storage.Meta;

/// <summary>Little-endian numbers, texts and blobs, appended.</summary>
internal static class MetaBytes
{
    public static void PutByte(this IBufferWriter<byte> to, byte value)
    {
        to.GetSpan(1)[0] = value;
        to.Advance(1);
    }

    public static void PutInt32(this IBufferWriter<byte> to, int value)
    {
        BinaryPrimitives.WriteInt32LittleEndian(to.GetSpan(4), value);
        to.Advance(4);
    }

    public static void PutInt64(this IBufferWriter<byte> to, long value)
    {
        BinaryPrimitives.WriteInt64LittleEndian(to.GetSpan(8), value);
        to.Advance(8);
    }

    public static void PutBlob(this IBufferWriter<byte> to, ReadOnlySpan<byte> value)
    {
        to.PutInt32(value.Length);
        to.Write(value);
    }

    public static void PutText(this IBufferWriter<byte> to, string value) => to.PutBlob(Encoding.UTF8.GetBytes(value));
}

/// <summary>Reads what <see cref="MetaBytes"/> wrote; every overrun is Corrupted and names its place.</summary>
internal ref struct MetaByteReader(ReadOnlySpan<byte> bytes, string where)
{
    private ReadOnlySpan<byte> _rest = bytes;

    public readonly int Remaining => _rest.Length;

    public byte Byte() => Take(1)[0];

    public int Int32() => BinaryPrimitives.ReadInt32LittleEndian(Take(4));

    public long Int64() => BinaryPrimitives.ReadInt64LittleEndian(Take(8));

    public byte[] Blob() => Take(Int32()).ToArray();

    public string Text() => Encoding.UTF8.GetString(Take(Int32()));

    /// <summary>A number of items of at least <paramref name="itemBytes"/> each: more than fit is Corrupted, before anything is allocated.</summary>
    public int Count(int itemBytes)
    {
        var count = Int32();
        return count >= 0 && (long)count * itemBytes <= _rest.Length
            ? count
            : throw MiniMilvusException.Corrupted($"{where}: {count} items do not fit in {_rest.Length} bytes");
    }

    /// <summary>A lease's time to live, within what was ever granted.</summary>
    public TimeSpan TimeToLive()
    {
        var ticks = Int64();
        return ticks > 0 && ticks <= MetaLimits.LeaseMax.Ticks
            ? TimeSpan.FromTicks(ticks)
            : throw MiniMilvusException.Corrupted($"{where}: expected a time to live up to {MetaLimits.LeaseMax}, found {ticks} ticks");
    }

    public readonly void End()
    {
        if (!_rest.IsEmpty)
        {
            throw MiniMilvusException.Corrupted($"{where}: {_rest.Length} bytes behind the end");
        }
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        if (count < 0 || count > _rest.Length)
        {
            throw MiniMilvusException.Corrupted($"{where}: expected {count} more bytes, found {_rest.Length}");
        }

        var taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }
}
