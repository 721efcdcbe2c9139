using System.Runtime.CompilerServices;
using MiniMilvus.Core;
using MiniMilvus.Woodpecker.Blocks;
using MiniMilvus.Woodpecker.Objects;

namespace MiniMilvus.Woodpecker.Inspection;

/// <summary>
/// The blocks of a segment that lies in objects, by their numbers. An object is there whole or not at all, so one that does not verify is
/// damaged, never torn. A number without an object is damage when something says that its entries were confirmed; else the puts behind it
/// were never acked. The same holds of what lies behind a footer: a put of a writer that had been shut out.
/// </summary>
internal sealed class ObjectSegmentScan(ObjectPlace place, string log, long segment, ScanRequest request, SegmentObjects blocks) : ISegmentScan
{
    /// <summary>Objects asked for at once.</summary>
    private const int AheadMax = 8;
    private readonly Dictionary<long, Task<ReadOnlyMemory<byte>?>> _ahead = [];
    private readonly Queue<long> _wanted = new(blocks.Numbers);
    private LogPosition _known = request.Known;
    private long _entry;
    private bool _looked;
    private bool _isLost; // the last object did not verify or is not there: where its entries ended, or whether it was the footer, is not known

    public async IAsyncEnumerable<BlockInspection> ReadAsync([EnumeratorCancellation] CancellationToken ct)
    {
        for (var number = 0L; ; number++)
        {
            var bytes = await GetAsync(number, ct);
            if (bytes is null)
            {
                // What vouches for it was put later, and a store shows what was put before.
                await RaiseAsync(number, ct);
                bytes = IsMissed ? await place.GetAsync(blocks.KeyOf(number), request.Payloads, ct) : null;
            }

            if (bytes is null)
            {
                foreach (var gap in DescribeGap(number))
                {
                    yield return gap;
                }

                var next = blocks.Numbers.FirstOrDefault(k => k > number, -1);
                if (next < 0 || !IsMissed)
                {
                    yield break;
                }

                (_isLost, number) = (true, next - 1);
                continue;
            }

            var found = Judge(number, bytes.Value);
            yield return found;
            if (found is { IsFooter: true, Verdict: BlockVerdict.Intact })
            {
                foreach (var (late, key) in blocks.ShutOut.Where(b => b.Number == number).Concat(blocks.Numbers.Where(k => k > number).Select(k => (k, blocks.KeyOf(k)))))
                {
                    yield return Describe(late, BlockVerdict.TornTail, "lies behind the footer: put by a writer that had been shut out, never acked", default, default) with { Key = key };
                }

                yield break;
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var get in _ahead.Values)
        {
            await get.ContinueWith(static t => _ = t.Exception, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }
    }

    private bool IsMissed => _known > new LogPosition(segment, _entry);

    private IEnumerable<BlockInspection> DescribeGap(long number)
    {
        if (IsMissed)
        {
            return [Describe(number, BlockVerdict.Damaged, $"expected entry {_entry}, found no object; entries below {_known} had been confirmed", default, default)];
        }

        return request.IsFinished
            ? _isLost ? [] : [Describe(number, BlockVerdict.Damaged, "expected a block or the footer, found no object; the segment was finished", default, default)]
            : blocks.Numbers.Where(k => k > number).Select(late =>
                Describe(late, BlockVerdict.TornTail, $"lies beyond block {number}, which is not there; nothing says that either was confirmed", default, default));
    }

    private BlockInspection Judge(long number, ReadOnlyMemory<byte> bytes)
    {
        if (!BlockHeader.TryRead(bytes.Span, log, number, out var header))
        {
            _isLost = true;
            return Describe(number, BlockVerdict.Damaged, $"expected a header that verifies, found {Math.Min(bytes.Length, BlockHeader.Bytes)} bytes that do not", default, bytes);
        }

        _known = header.Confirmed > _known ? header.Confirmed : _known;
        var expected = _isLost ? Math.Max(_entry, header.FirstEntry) : _entry;
        (_isLost, _entry) = (false, Math.Max(expected, header.EndEntry));
        if (header.Segment != segment || header.FirstEntry != expected)
        {
            return Describe(number, BlockVerdict.Damaged, $"expected entry {segment}/{expected}, found {header.First}", header, bytes);
        }

        var bytesExpected = BlockHeader.Bytes + header.PayloadBytes;
        var bytesFound = request.Payloads ? bytes.Length : blocks.BytesOf(number, bytesExpected);
        if (bytesFound != bytesExpected)
        {
            return Describe(number, BlockVerdict.Damaged, $"expected {bytesExpected} bytes, found {bytesFound}", header, bytes);
        }

        if (!request.Payloads || header.Type == BlockType.Footer)
        {
            return Describe(number, BlockVerdict.Intact, null, header, bytes);
        }

        return DecodedBlock.TryDecode(header, bytes[BlockHeader.Bytes..]) is { } block
            ? Describe(number, BlockVerdict.Intact, null, header, bytes) with { Entries = [.. Enumerable.Range(0, header.EntryCount).Select(i => block[i])] }
            : Describe(number, BlockVerdict.Damaged, $"expected a payload with checksum {header.PayloadCrc:x8}, found other bytes", header, bytes);
    }

    /// <summary>What the blocks behind a gap say was confirmed, from the last on: it says the most.</summary>
    private async ValueTask RaiseAsync(long gap, CancellationToken ct)
    {
        foreach (var number in blocks.Numbers.Where(k => k > gap && !_looked).Reverse().ToList())
        {
            if (await place.GetAsync(blocks.KeyOf(number), payload: false, ct) is { } bytes && BlockHeader.TryRead(bytes.Span, log, number, out var header) && header.Segment == segment)
            {
                var says = header.Type == BlockType.Footer ? header.First : header.Confirmed;
                _known = says > _known ? says : _known;
                break;
            }
        }

        _looked = true;
    }

    private async ValueTask<ReadOnlyMemory<byte>?> GetAsync(long number, CancellationToken ct)
    {
        while (_ahead.Count < AheadMax && _wanted.TryDequeue(out var next))
        {
            _ahead[next] = place.GetAsync(blocks.KeyOf(next), request.Payloads, ct).AsTask();
        }

        // One that was not listed may have come since.
        return _ahead.Remove(number, out var get) ? await get : await place.GetAsync(blocks.KeyOf(number), request.Payloads, ct);
    }

    private BlockInspection Describe(long number, BlockVerdict verdict, string? problem, BlockHeader header, ReadOnlyMemory<byte> bytes)
    {
        var isKnown = header.Type is BlockType.Data or BlockType.Footer && header.Segment == segment;
        return new BlockInspection(
            log, segment, number, 0, verdict, problem, header.Type == BlockType.Footer, isKnown ? header.PayloadBytes : 0,
            isKnown ? header.First : new LogPosition(segment, _entry), isKnown ? header.EntryCount : 0, header.Epoch, header.Confirmed,
            bytes[..Math.Min(bytes.Length, BlockHeader.Bytes)], []) { Key = blocks.KeyOf(number) };
    }
}
