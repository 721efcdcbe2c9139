using System.Globalization;
using MiniMilvus.Core;
using MiniMilvus.Woodpecker.Backends;
using MiniMilvus.Woodpecker.Blocks;
using MiniMilvus.Woodpecker.Objects;

namespace MiniMilvus.Woodpecker.Compaction;

/// <summary>
/// Reads a sealed segment: the index says where to begin and how much follows, so ranges of the parts are got many at once, and none for
/// nothing. The segment has ended: what is absent or does not verify is damage, never "not yet" (W10).
/// </summary>
internal sealed class SealedSegmentReader : ISegmentReader, IPrefetchSource
{
    private readonly BlockObjects _objects;
    private readonly string _log;
    private readonly string _copy;
    private readonly SealedIndex _index;
    private readonly List<(int First, int Count, int Bytes)> _ranges = [];
    private readonly int[] _rangeOf;
    private readonly BlockPrefetch _prefetch;
    private ReadOnlyMemory<byte> _bytes;
    private int _range = -1;
    private int? _block;

    public SealedSegmentReader(BlockObjects objects, string log, string copy, SealedIndex index, int rangeBytes, Func<IPrefetchSource, long, BlockPrefetch> prefetch)
    {
        (_objects, _log, _copy, _index) = (objects, log, copy, index);
        _rangeOf = new int[index.Blocks.Count];
        for (var i = 0; i < index.Blocks.Count; i++)
        {
            var block = index.Blocks[i];
            if (_ranges.Count > 0 && block.Offset > 0 && _ranges[^1].Bytes + block.Bytes <= rangeBytes)
            {
                _ranges[^1] = (_ranges[^1].First, _ranges[^1].Count + 1, _ranges[^1].Bytes + block.Bytes);
            }
            else
            {
                _ranges.Add((i, 1, block.Bytes));
            }

            _rangeOf[i] = _ranges.Count - 1;
        }

        _prefetch = prefetch(this, _ranges.Count);
    }

    public async ValueTask<BlockRead> NextAsync(long fromEntry, CancellationToken ct)
    {
        var number = Math.Max(_block ?? 0, _index.Find(fromEntry));
        _block = number;
        var where = Where(number);
        if (number == _index.Blocks.Count)
        {
            return new(BlockReadKind.Footer, EncodedBlock.Footer(_index.Segment, _index.Entries, _index.Epoch, new LogPosition(_index.Segment, _index.Entries)), null, where);
        }

        if (_rangeOf[number] != _range)
        {
            _bytes = await _prefetch.TakeAsync(_rangeOf[number], ct) ?? default;
            _range = _rangeOf[number];
        }

        if (TryDecode(_index, _log, number, _bytes, _ranges[_range].First) is not { } block)
        {
            _range = -1; // a later look is a fresh one
            return new(BlockReadKind.Bad, default, null, where);
        }

        _block = number + 1;
        return new(BlockReadKind.Block, block.Header, block, where);
    }

    public ValueTask<LogPosition> FindConfirmedAheadAsync(CancellationToken ct) => new(new LogPosition(_index.Segment, _index.Entries));

    public ValueTask DisposeAsync() => _prefetch.DisposeAsync();

    /// <summary>A block out of bytes that begin with another block of the same part; null when it is not what the index says.</summary>
    public static DecodedBlock? TryDecode(SealedIndex index, string log, int number, ReadOnlyMemory<byte> bytes, int firstInBytes)
    {
        var expected = index.Blocks[number];
        var offset = expected.Offset - index.Blocks[firstInBytes].Offset;
        if (bytes.Length < offset + expected.Bytes)
        {
            return null;
        }

        bytes = bytes.Slice(offset, expected.Bytes);
        return BlockHeader.TryRead(bytes.Span, log, expected.Place, out var header) && header.Type == BlockType.Data && header.Segment == index.Segment
            && header.FirstEntry == expected.FirstEntry && header.EndEntry == expected.EndEntry && header.PayloadCrc == expected.PayloadCrc
            ? DecodedBlock.TryDecode(header, bytes[BlockHeader.Bytes..])
            : null;
    }

    int IPrefetchSource.ReserveFor(long unit) => _ranges[(int)Math.Min(unit, _ranges.Count - 1)].Bytes;

    async ValueTask<AheadAnswer> IPrefetchSource.GetAheadAsync(long unit, int bytesMax, CancellationToken ct)
    {
        if (unit >= _ranges.Count)
        {
            return default; // a guess: there is no more, and nobody is asked
        }

        var (key, offset, bytes) = Place(unit);
        return await _objects.GetRangeAheadAsync(key, offset, bytes, ct);
    }

    ValueTask<ReadOnlyMemory<byte>?> IPrefetchSource.GetAsync(long unit, CancellationToken ct)
    {
        var (key, offset, bytes) = Place(unit);
        return _objects.GetRangeAsync(key, offset, bytes, ct);
    }

    private (string Key, long Offset, int Bytes) Place(long unit)
    {
        var range = _ranges[(int)unit];
        var first = _index.Blocks[range.First];
        return (ObjectPaths.SealedPart(_log, _index.Segment, _copy, first.Part), first.Offset, range.Bytes);
    }

    private string Where(int number) => number == _index.Blocks.Count
        ? string.Create(CultureInfo.InvariantCulture, $"log '{_log}', segment {_index.Segment}, its sealed form '{_copy}'")
        : string.Create(CultureInfo.InvariantCulture, $"log '{_log}', segment {_index.Segment}, block {number}, offset {_index.Blocks[number].Offset} of part {_index.Blocks[number].Part} of its sealed form '{_copy}'");
}
