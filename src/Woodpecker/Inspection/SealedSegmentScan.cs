using System.Runtime.CompilerServices;
using MiniMilvus.Core;
using MiniMilvus.Woodpecker.Blocks;
using MiniMilvus.Woodpecker.Compaction;
using MiniMilvus.Woodpecker.Objects;

namespace MiniMilvus.Woodpecker.Inspection;

/// <summary>The blocks of a sealed segment as its index names them, and the index itself as the footer. Whatever is not as it says is damage: nothing here is under way.</summary>
internal sealed class SealedSegmentScan(ObjectPlace place, string log, SealedIndex index, string copy, ReadOnlyMemory<byte> indexBytes, ScanRequest request, IReadOnlyDictionary<int, long> parts) : ISegmentScan
{
    /// <summary>Blocks asked for at once.</summary>
    private const int AheadMax = 8;
    private readonly Queue<Task<ReadOnlyMemory<byte>?>> _ahead = new();

    public async IAsyncEnumerable<BlockInspection> ReadAsync([EnumeratorCancellation] CancellationToken ct)
    {
        var asked = 0;
        for (var number = 0; number < index.Blocks.Count; number++)
        {
            while (asked < index.Blocks.Count && _ahead.Count < AheadMax)
            {
                var next = index.Blocks[asked++];
                _ahead.Enqueue(place.GetRangeAsync(KeyOf(next), next.Offset, request.Payloads ? next.Bytes : BlockHeader.Bytes, ct).AsTask());
            }

            yield return Judge(number, await _ahead.Dequeue());
        }

        var end = new LogPosition(index.Segment, index.Entries);
        var lost = request.Known > end && request.Known.Segment == index.Segment;
        yield return new BlockInspection(
            log, index.Segment, index.Blocks.Count, 0, lost ? BlockVerdict.Damaged : BlockVerdict.Intact, lost ? $"expected entries up to {request.Known}, found an index that ends at {end}" : null,
            true, 0, end, 0, index.Epoch, end, indexBytes[..BlockHeader.Bytes], []) { Key = ObjectPaths.SealedIndex(log, index.Segment, copy) };
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var get in _ahead)
        {
            await Task.WhenAny(get);
            _ = get.Exception; // nobody wanted what it read
        }
    }

    private BlockInspection Judge(int number, ReadOnlyMemory<byte>? bytes)
    {
        var expected = index.Blocks[number];
        if (bytes is not { } found)
        {
            return Describe(number, "expected a part, found no object", default, default, null);
        }

        var isLast = number + 1 == index.Blocks.Count || index.Blocks[number + 1].Part > expected.Part;
        if (isLast && parts.TryGetValue(expected.Part, out var size) && size != expected.Offset + expected.Bytes)
        {
            return Describe(number, $"expected a part of {expected.Offset + expected.Bytes} bytes, found {size}", default, found, null);
        }

        if (!BlockHeader.TryRead(found.Span, log, expected.Place, out var header))
        {
            return Describe(number, $"expected a header that verifies, found {Math.Min(found.Length, BlockHeader.Bytes)} bytes that do not", default, found, null);
        }

        if (header.Segment != index.Segment || (header.FirstEntry, header.EndEntry, header.PayloadCrc) != (expected.FirstEntry, expected.EndEntry, expected.PayloadCrc))
        {
            return Describe(number, $"expected entries {expected.FirstEntry} to {expected.EndEntry - 1} with checksum {expected.PayloadCrc:x8}, found {header.First} to {header.EndEntry - 1} with {header.PayloadCrc:x8}", header, found, null);
        }

        if (!request.Payloads)
        {
            return Describe(number, null, header, found, null);
        }

        var block = SealedSegmentReader.TryDecode(index, log, number, found, number);
        return Describe(number, block is null ? $"expected a payload with checksum {header.PayloadCrc:x8}, found other bytes" : null, header, found, block);
    }

    private BlockInspection Describe(int number, string? problem, BlockHeader header, ReadOnlyMemory<byte> bytes, DecodedBlock? block)
    {
        var expected = index.Blocks[number];
        return new BlockInspection(
            log, index.Segment, number, expected.Offset, problem is null ? BlockVerdict.Intact : BlockVerdict.Damaged, problem, false, header.PayloadBytes,
            new LogPosition(index.Segment, expected.FirstEntry), problem is null ? header.EntryCount : 0, header.Epoch, header.Confirmed, bytes[..Math.Min(bytes.Length, BlockHeader.Bytes)],
            block is null ? [] : [.. Enumerable.Range(0, header.EntryCount).Select(i => block[i])]) { Key = KeyOf(expected) };
    }

    private string KeyOf(SealedBlock block) => ObjectPaths.SealedPart(log, index.Segment, copy, block.Part);
}
