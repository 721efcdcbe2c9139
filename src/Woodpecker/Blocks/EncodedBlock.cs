using System.Buffers;
using System.Buffers.Binary;
using MiniMilvus.Core;
using MiniMilvus.Storage.Checksums;

namespace MiniMilvus.Woodpecker.Blocks;

/// <summary>
/// A data block on its way to the backend: the header, and the payload as parts. Small entries are copied together (one part), a large
/// entry stays where its owner put it.
/// </summary>
internal sealed class EncodedBlock
{
    /// <summary>Below this a copy is cheaper than one more buffer of a gathering write.</summary>
    private const int CopiedBytesMax = 4096;

    private byte[]? _scratch;

    private EncodedBlock(BlockHeader header, List<ReadOnlyMemory<byte>> payload, byte[] scratch)
    {
        Header = header;
        Payload = payload;
        _scratch = scratch;
    }

    public BlockHeader Header { get; }

    public IReadOnlyList<ReadOnlyMemory<byte>> Payload { get; }

    public long Bytes => BlockHeader.Bytes + Header.PayloadBytes;

    public static EncodedBlock Encode(IReadOnlyList<ReadOnlyMemory<byte>> entries, int from, int count, LogPosition first, long epoch, LogPosition confirmed)
    {
        long total = 0, copied = 0;
        for (var i = from; i < from + count; i++)
        {
            total += BlockHeader.EntryPrefixBytes + entries[i].Length;
            copied += BlockHeader.EntryPrefixBytes + (entries[i].Length < CopiedBytesMax ? entries[i].Length : 0);
        }

        var scratch = ArrayPool<byte>.Shared.Rent((int)copied);
        var parts = new List<ReadOnlyMemory<byte>>();
        var (at, partStart) = (0, 0);
        for (var i = from; i < from + count; i++)
        {
            var entry = entries[i];
            BinaryPrimitives.WriteInt32LittleEndian(scratch.AsSpan(at), entry.Length);
            at += BlockHeader.EntryPrefixBytes;
            if (entry.Length < CopiedBytesMax)
            {
                entry.Span.CopyTo(scratch.AsSpan(at));
                at += entry.Length;
                continue;
            }

            parts.Add(scratch.AsMemory(partStart, at - partStart));
            parts.Add(entry);
            partStart = at;
        }

        if (at > partStart)
        {
            parts.Add(scratch.AsMemory(partStart, at - partStart));
        }

        var crc = Crc32C.Start;
        foreach (var part in parts)
        {
            crc = Crc32C.Append(crc, part.Span);
        }

        return new EncodedBlock(
            new BlockHeader(BlockType.Data, checked((int)total), count, epoch, first.Segment, first.Entry, confirmed, Crc32C.Finish(crc)),
            parts,
            scratch);
    }

    public static BlockHeader Footer(long segment, long endEntry, long epoch, LogPosition confirmed) =>
        new(BlockType.Footer, 0, 0, epoch, segment, endEntry, confirmed, Crc32C.Finish(Crc32C.Start));

    /// <summary>Gives the buffer back, at most once, when nobody will look at the payload again.</summary>
    public void Recycle()
    {
        if (Interlocked.Exchange(ref _scratch, null) is { } scratch)
        {
            ArrayPool<byte>.Shared.Return(scratch);
        }
    }

    /// <summary>The payload in one piece, owned by the caller. What was copied together already is handed over as it is.</summary>
    public ReadOnlyMemory<byte> TakePayload()
    {
        if (Payload.Count == 1)
        {
            _scratch = null;
            return Payload[0];
        }

        var all = new byte[Header.PayloadBytes];
        var at = 0;
        foreach (var part in Payload)
        {
            part.Span.CopyTo(all.AsSpan(at));
            at += part.Length;
        }

        return all;
    }
}
