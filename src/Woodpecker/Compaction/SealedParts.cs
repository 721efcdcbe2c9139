using MiniMilvus.Core;
using MiniMilvus.Storage.Checksums;
using MiniMilvus.Woodpecker.Blocks;

namespace MiniMilvus.Woodpecker.Compaction;

/// <summary>A part that is full, on its way to be an object.</summary>
internal readonly record struct SealedPart(int Number, ReadOnlyMemory<byte> Bytes);

/// <summary>
/// Merges small blocks into larger ones and those into parts. The payload of a merged block is those of its blocks one behind the other;
/// the bytes of an entry are carried over as they are. What comes out depends on the blocks and the two sizes alone.
/// </summary>
internal sealed class SealedParts(string log, LogPosition end, int blockBytes, int partBytes)
{
    private readonly List<SealedBlock> _blocks = [];
    private byte[] _part = [];
    private int _number;
    private int _length;
    private long _place;
    private (BlockHeader Header, int Offset)? _open;

    public IReadOnlyList<SealedBlock> Blocks => _blocks;

    /// <summary>Takes the next block; returns the part before it when it does not fit in.</summary>
    public SealedPart? Add(DecodedBlock block)
    {
        SealedPart? full = null;
        var payload = block.Payload.Span;
        if (_open is { } open && (open.Header.Epoch != block.Header.Epoch || (long)_length - open.Offset + payload.Length > blockBytes || (long)_length + payload.Length > partBytes))
        {
            CloseBlock(open);
        }

        if (_open is null && _length > 0 && (long)_length + BlockHeader.Bytes + payload.Length > partBytes)
        {
            full = TakePart();
        }

        if (_open is null)
        {
            _open = (block.Header, _length);
            Grow(BlockHeader.Bytes);
            _length += BlockHeader.Bytes;
        }

        Grow(payload.Length);
        payload.CopyTo(_part.AsSpan(_length));
        _length += payload.Length;
        _open = (_open.Value.Header with { EntryCount = (int)(block.Header.EndEntry - _open.Value.Header.FirstEntry) }, _open.Value.Offset);
        return full;
    }

    /// <summary>The last part, which may be short; null when there is none.</summary>
    public SealedPart? Finish()
    {
        if (_open is { } open)
        {
            CloseBlock(open);
        }

        return _length > 0 ? TakePart() : null;
    }

    private void CloseBlock((BlockHeader Header, int Offset) open)
    {
        var bytes = _part.AsSpan(open.Offset, _length - open.Offset);
        var payload = bytes[BlockHeader.Bytes..];
        var header = open.Header with { PayloadBytes = payload.Length, Confirmed = end, PayloadCrc = Crc32C.Of(payload) };
        header.WriteTo(bytes, log, _place);
        _blocks.Add(new SealedBlock(header.FirstEntry, header.EndEntry, _number, open.Offset, bytes.Length, header.PayloadCrc, _place));
        _place += bytes.Length;
        _open = null;
    }

    private SealedPart TakePart()
    {
        var part = new SealedPart(_number++, _part.AsMemory(0, _length));
        (_part, _length) = ([], 0);
        return part;
    }

    private void Grow(int more)
    {
        if (_part.Length - _length < more)
        {
            Array.Resize(ref _part, Math.Max(_length + more, (int)Math.Min(2L * _part.Length, partBytes)));
        }
    }
}
