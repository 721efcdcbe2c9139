using System.Globalization;
using MiniMilvus.Core;
using MiniMilvus.Woodpecker.Backends;
using MiniMilvus.Woodpecker.Blocks;

namespace MiniMilvus.Woodpecker.Objects;

/// <summary>Reads a segment's blocks by number. An object is there whole or not at all, so one that does not verify is damaged, never torn.</summary>
internal sealed class ObjectSegmentReader : ISegmentReader, IPrefetchSource
{
    private const int ReserveBytesMin = 64 * 1024;
    private readonly BlockObjects _objects;
    private readonly BlockKeys _keys;
    private readonly BlockPrefetch _prefetch;
    private int _usualBytes;
    private int _usualEntries;
    private LogPosition _heard;
    private bool _isPlaced;

    public ObjectSegmentReader(BlockObjects objects, BlockKeys keys, Func<IPrefetchSource, BlockPrefetch> prefetch)
    {
        (_objects, _keys) = (objects, keys);
        _prefetch = prefetch(this);
    }

    public long BlockNumber { get; private set; }

    public long NextEntry { get; private set; }

    public void Hear(LogPosition confirmed) => _heard = confirmed;

    public async ValueTask<BlockRead> NextAsync(long fromEntry, CancellationToken ct)
    {
        if (!_isPlaced)
        {
            (BlockNumber, NextEntry) = await BlockSearch.FindAsync(_objects, _keys, fromEntry, ct);
            _isPlaced = true;
        }

        var where = Where();
        _prefetch.Expect(BlockNumber + BlocksToCome());
        if (await _prefetch.TakeAsync(BlockNumber, ct) is not { } bytes)
        {
            _usualEntries = 0; // nothing is expected until a block comes
            return new(BlockReadKind.NotYet, default, null, where);
        }

        _usualBytes = Math.Max(bytes.Length, _usualBytes - (_usualBytes / 8));
        if (!BlockHeader.TryRead(bytes.Span, _keys.Log, BlockNumber, out var header) || header.Segment != _keys.Segment || header.FirstEntry != NextEntry)
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

        _usualEntries = Math.Max(header.EntryCount, _usualEntries - (_usualEntries / 8));
        BlockNumber++;
        NextEntry = header.EndEntry;
        return header.EndEntry <= fromEntry ? new(BlockReadKind.Skipped, header, null, where) : new(BlockReadKind.Block, header, block, where);
    }

    public async ValueTask<LogPosition> FindConfirmedAheadAsync(CancellationToken ct) =>
        await _objects.ExistsAsync(_keys[BlockNumber], ct) ? LogPosition.Max : LogPosition.Beginning;

    /// <summary>By the last block behind the present place that verifies, for claims only rise.</summary>
    public async ValueTask<LogPosition?> FindConfirmedBehindAsync(CancellationToken ct)
    {
        foreach (var number in (await _objects.ListNumbersAsync(_keys.Log, _keys.Segment, ct)).Where(n => n > BlockNumber).OrderDescending())
        {
            if (await _objects.GetHeaderAsync(_keys[number], ct) is { } bytes && BlockHeader.TryRead(bytes.Span, _keys.Log, number, out var header) && header.Segment == _keys.Segment)
            {
                return header.Type == BlockType.Footer ? header.First : header.Confirmed;
            }
        }

        return LogPosition.Beginning;
    }

    public ValueTask DisposeAsync() => _prefetch.DisposeAsync();

    public string Where() => string.Create(CultureInfo.InvariantCulture, $"log '{_keys.Log}', segment {_keys.Segment}, block {BlockNumber}, offset 0 of its object");

    /// <summary>What is confirmed is there, in about so many blocks.</summary>
    private long BlocksToCome() => _usualEntries == 0 || _heard.Segment != _keys.Segment ? 0 : Math.Max(0, _heard.Entry - NextEntry) / _usualEntries;

    /// <summary>Blocks of a log are mostly alike: room for one twice as large as the larger ones of late.</summary>
    int IPrefetchSource.ReserveFor(long unit) => Math.Max(ReserveBytesMin, _usualBytes > int.MaxValue / 2 ? int.MaxValue : 2 * _usualBytes);

    ValueTask<AheadAnswer> IPrefetchSource.GetAheadAsync(long unit, int bytesMax, CancellationToken ct) =>
        _objects.GetAheadAsync(_keys[unit], bytesMax, ct);

    ValueTask<ReadOnlyMemory<byte>?> IPrefetchSource.GetAsync(long unit, CancellationToken ct) =>
        _objects.GetAsync(_keys[unit], ct);
}
