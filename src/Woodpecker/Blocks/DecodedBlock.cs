using System.Buffers.Binary;
using MiniMilvus.Core;
using MiniMilvus.Storage.Checksums;

namespace MiniMilvus.Woodpecker.Blocks;

/// <summary>A data block whose checksum and entry lengths have been verified.</summary>
internal sealed class DecodedBlock
{
    private readonly ReadOnlyMemory<byte> _payload;
    private readonly int[] _starts;

    private DecodedBlock(BlockHeader header, ReadOnlyMemory<byte> payload, int[] starts)
    {
        Header = header;
        _payload = payload;
        _starts = starts;
    }

    public BlockHeader Header { get; }

    public LogPosition First => Header.First;

    public LogPosition End => Header.End;

    public int Bytes => _payload.Length;

    /// <summary>The entries as they lie, each behind its length.</summary>
    public ReadOnlyMemory<byte> Payload => _payload;

    public LogEntry this[int index]
    {
        get
        {
            var start = _starts[index];
            var length = BinaryPrimitives.ReadInt32LittleEndian(_payload.Span[start..]);
            return new LogEntry(new LogPosition(Header.Segment, Header.FirstEntry + index), _payload.Slice(start + BlockHeader.EntryPrefixBytes, length));
        }
    }

    /// <summary>Null when the payload is not what the header says. The block keeps the memory.</summary>
    public static DecodedBlock? TryDecode(BlockHeader header, ReadOnlyMemory<byte> payload) =>
        payload.Length == header.PayloadBytes && Crc32C.Of(payload.Span) == header.PayloadCrc ? TryDecodeTrusted(header, payload) : null;

    /// <summary>For bytes that never left memory.</summary>
    public static DecodedBlock? TryDecodeTrusted(BlockHeader header, ReadOnlyMemory<byte> payload)
    {
        // The count is checked before it sizes anything.
        if ((long)header.EntryCount * BlockHeader.EntryPrefixBytes > payload.Length)
        {
            return null;
        }

        var starts = new int[header.EntryCount];
        var span = payload.Span;
        var at = 0;
        for (var i = 0; i < starts.Length; i++)
        {
            if (span.Length - at < BlockHeader.EntryPrefixBytes)
            {
                return null;
            }

            starts[i] = at;
            var length = BinaryPrimitives.ReadInt32LittleEndian(span[at..]);
            if (length < 0 || length > span.Length - at - BlockHeader.EntryPrefixBytes)
            {
                return null;
            }

            at += BlockHeader.EntryPrefixBytes + length;
        }

        return at == span.Length ? new DecodedBlock(header, payload, starts) : null;
    }
}
