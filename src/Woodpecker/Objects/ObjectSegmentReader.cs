using System.Globalization;
using MiniMilvus.Core;
using MiniMilvus.Woodpecker.Backends;
using MiniMilvus.Woodpecker.Blocks;

namespace MiniMilvus.Woodpecker.Objects;

/// <summary>Reads a segment's blocks by number. An object is there whole or not at all, so one that does not verify is damaged, never torn.</summary>
internal sealed class ObjectSegmentReader(BlockObjects objects, string log, long segment) : ISegmentReader
{
    public long BlockNumber { get; private set; }

    public long NextEntry { get; private set; }

    public async ValueTask<BlockRead> NextAsync(long fromEntry, CancellationToken ct)
    {
        var where = Where();
        if (await objects.GetAsync(ObjectPaths.Block(log, segment, BlockNumber), ct) is not { } bytes)
        {
            return new(BlockReadKind.NotYet, default, null, where);
        }

        if (!BlockHeader.TryRead(bytes.Span, log, BlockNumber, out var header) || header.Segment != segment || header.FirstEntry != NextEntry)
        {
            return new(BlockReadKind.Bad, header, null, where);
        }

        if (header.Type == BlockType.Footer)
        {
            return new(BlockReadKind.Footer, header, null, where);
        }

        if (DecodedBlock.TryDecode(header, bytes[BlockHeader.Bytes..]) is not { } block)
        {
            return new(BlockReadKind.Bad, header, null, where);
        }

        BlockNumber++;
        NextEntry = header.EndEntry;
        return header.EndEntry <= fromEntry ? new(BlockReadKind.Skipped, header, null, where) : new(BlockReadKind.Block, header, block, where);
    }

    public async ValueTask<LogPosition> FindConfirmedAheadAsync(CancellationToken ct) =>
        await objects.ExistsAsync(ObjectPaths.Block(log, segment, BlockNumber), ct) ? LogPosition.Max : LogPosition.Beginning;

    public ValueTask DisposeAsync() => default;

    public string Where() => string.Create(CultureInfo.InvariantCulture, $"log '{log}', segment {segment}, block {BlockNumber}, offset 0 of its object");
}
