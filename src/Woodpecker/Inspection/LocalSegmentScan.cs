using System.Runtime.CompilerServices;
using MiniMilvus.Core;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Woodpecker.Backends;
using MiniMilvus.Woodpecker.Blocks;
using MiniMilvus.Woodpecker.Local;
using MiniMilvus.Woodpecker.Reading;

namespace MiniMilvus.Woodpecker.Inspection;

/// <summary>
/// All blocks of one segment's file, past damage too. What does not verify is judged as recovery and readers judge it (W16): by what later
/// blocks and metadata say was confirmed. A writer may be at work: a place is looked at again after something behind it vouched for it.
/// </summary>
internal sealed class LocalSegmentScan(IDiskFile file, string log, long segment, ScanRequest request) : ISegmentScan
{
    private const int ReadBytes = 1024 * 1024;
    private const int ReadAheadBytes = 8 * ReadBytes;
    private readonly LocalSegmentReader _reader = new(file, log, segment, ReadBytes, new ReadBudget(ReadAheadBytes));
    private LogPosition _known = request.Known;

    public async IAsyncEnumerable<BlockInspection> ReadAsync([EnumeratorCancellation] CancellationToken ct)
    {
        if (!await _reader.HasHeaderAsync(ct))
        {
            await RaiseAsync(ct);
            var lost = _known > new LogPosition(segment, 0);
            yield return await DescribeAsync(default, lost ? BlockVerdict.Damaged : BlockVerdict.TornTail, "the header of the segment's file does not verify", 0, ct);
            if (!lost)
            {
                yield break;
            }
        }

        while (true)
        {
            var (number, offset, read) = await NextAsync(ct);
            if (read.Kind is BlockReadKind.Block or BlockReadKind.Skipped or BlockReadKind.Footer)
            {
                yield return await DescribeAsync(read, BlockVerdict.Intact, null, offset, ct) with { Number = number };
                if (read.Kind == BlockReadKind.Footer)
                {
                    yield break;
                }

                continue;
            }

            var next = new LogPosition(segment, _reader.NextEntry);
            var found = read.Kind == BlockReadKind.NotYet ? "zeros or the end of the file" : "bytes that do not verify";
            if (_known > next)
            {
                yield return await DescribeAsync(read, BlockVerdict.Damaged, $"expected entry {next.Entry}, found {found}; entries below {_known} had been confirmed", offset, ct);
            }
            else if (request.IsFinished)
            {
                yield return await DescribeAsync(read, BlockVerdict.Damaged, $"expected a block or the footer, found {found}; the segment was finished", offset, ct);
            }
            else if (read.Kind == BlockReadKind.Bad)
            {
                yield return await DescribeAsync(read, BlockVerdict.TornTail, "does not verify, and nothing says that it was confirmed", offset, ct);
            }

            if (_known <= next || !await _reader.SkipDamageAsync(ct))
            {
                yield break;
            }
        }
    }

    /// <summary>Closes the file.</summary>
    public ValueTask DisposeAsync() => _reader.DisposeAsync();

    private async ValueTask<(long Number, long Offset, BlockRead Read)> NextAsync(CancellationToken ct)
    {
        var (number, offset) = (_reader.BlockNumber, _reader.Offset);
        var read = await LookAsync(ct);
        if (read.Kind is BlockReadKind.NotYet or BlockReadKind.Bad)
        {
            await RaiseAsync(ct);
            read = await LookAsync(ct);
        }

        return (number, offset, read);
    }

    private ValueTask<BlockRead> LookAsync(CancellationToken ct) => _reader.NextAsync(request.Payloads ? 0 : long.MaxValue, ct);

    private async ValueTask RaiseAsync(CancellationToken ct)
    {
        var ahead = await _reader.FindConfirmedAheadAsync(ct);
        _known = ahead > _known ? ahead : _known;
    }

    private async ValueTask<BlockInspection> DescribeAsync(BlockRead read, BlockVerdict verdict, string? problem, long offset, CancellationToken ct)
    {
        var bytes = new byte[BlockHeader.Bytes];
        var count = await file.ReadAtAsync(offset, bytes, ct);
        var header = read.Header;
        var isKnown = header.Type is BlockType.Data or BlockType.Footer && header.Segment == segment;
        return new BlockInspection(
            log, segment, _reader.BlockNumber, offset, verdict, problem, header.Type == BlockType.Footer, isKnown ? header.PayloadBytes : 0,
            isKnown ? header.First : new LogPosition(segment, _reader.NextEntry), isKnown ? header.EntryCount : 0, header.Epoch, header.Confirmed,
            bytes.AsMemory(0, count), read.Block is { } block ? [.. Enumerable.Range(0, header.EntryCount).Select(i => block[i])] : []);
    }
}
