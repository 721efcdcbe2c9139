using System.Globalization;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Woodpecker.Backends;
using MiniMilvus.Woodpecker.Blocks;
using MiniMilvus.Woodpecker.Reading;

namespace MiniMilvus.Woodpecker.Local;

/// <summary>Reads a segment's file block by block, through one buffer. Used by readers and by recovery alike.</summary>
internal sealed class LocalSegmentReader(IDiskFile file, string log, long segment, int readBytes, ReadBudget budget) : ISegmentReader
{
    private readonly FileReadAhead _ahead = new(file, budget, FileReadAhead.Sizes.Of(Math.Max(readBytes, 2 * BlockHeader.Bytes)));
    private readonly byte[] _header = new byte[BlockHeader.Bytes];
    private long? _epoch;

    /// <summary>Where the next block begins.</summary>
    public long Offset { get; private set; } = SegmentHeader.Bytes;

    /// <summary>The first entry of the next block.</summary>
    public long NextEntry { get; private set; }

    public long BlockNumber { get; private set; }

    /// <summary>Whether the file's own header is there. A file that a crash left half created has none, and no blocks.</summary>
    public async ValueTask<bool> HasHeaderAsync(CancellationToken ct)
    {
        var bytes = new byte[SegmentHeader.Bytes];
        var read = await file.ReadAtAsync(0, bytes, ct);
        return SegmentHeader.Verifies(bytes.AsSpan(0, read), log, segment);
    }

    public async ValueTask<BlockRead> NextAsync(long fromEntry, CancellationToken ct)
    {
        try
        {
            return await LookTwiceAsync(fromEntry, ct);
        }
        catch (IOException e)
        {
            throw DiskErrors.ToUnavailable(e, Where());
        }
    }

    private async ValueTask<BlockRead> LookTwiceAsync(long fromEntry, CancellationToken ct)
    {
        var read = await LookAsync(fromEntry, ct);
        if (read.Kind is BlockReadKind.NotYet or BlockReadKind.Bad)
        {
            // What was read ahead may be older than the file.
            await _ahead.ForgetAsync();
            read = await LookAsync(fromEntry, ct);
            if (read.Kind is BlockReadKind.NotYet or BlockReadKind.Bad)
            {
                await _ahead.ForgetAsync();
            }
        }

        return read;
    }

    public void Rest() => _ahead.Rest();

    public async ValueTask<LogPosition> FindConfirmedAheadAsync(CancellationToken ct)
    {
        var highest = LogPosition.Beginning;
        await FindHeaderAsync(Offset, header =>
        {
            highest = header.Confirmed > highest ? header.Confirmed : highest;
            return false;
        }, ct);
        return highest;
    }

    /// <summary>Goes to the next block behind the present place whose header verifies and does not go back; false when there is none.</summary>
    public async ValueTask<bool> SkipDamageAsync(CancellationToken ct)
    {
        if (await FindHeaderAsync(Offset + 1, header => header.FirstEntry >= NextEntry, ct) is not { } next)
        {
            return false;
        }

        (Offset, NextEntry, _epoch) = (next.Offset, next.Header.FirstEntry, null);
        BlockNumber++;
        return true;
    }

    /// <summary>The first header of this segment from an offset on that verifies and matches.</summary>
    private async ValueTask<(long Offset, BlockHeader Header)?> FindHeaderAsync(long from, Func<BlockHeader, bool> matches, CancellationToken ct)
    {
        // Damage may lie in many places, so a look takes no more than the file can fill.
        var chunk = new byte[Math.Max(BlockHeader.Bytes, Math.Min(Math.Max(readBytes, 1024 * 1024), file.Length - from))];
        for (var at = from; ; at += chunk.Length - BlockHeader.Bytes + 1)
        {
            var read = await file.ReadAtAsync(at, chunk, ct);
            for (var i = 0; i <= read - BlockHeader.Bytes; i++)
            {
                var next = chunk.AsSpan(i, read - i).IndexOf(BlockHeader.Magic);
                if (next < 0)
                {
                    break;
                }

                i += next;
                if (BlockHeader.TryRead(chunk.AsSpan(i, read - i), log, at + i, out var header) && header.Segment == segment && matches(header))
                {
                    return (at + i, header);
                }
            }

            if (read < chunk.Length)
            {
                return null;
            }
        }
    }

    public string Where() => string.Create(CultureInfo.InvariantCulture, $"log '{log}', segment {segment}, block {BlockNumber}, offset {Offset}");

    public ValueTask DisposeAsync() => _ahead.DisposeAsync();

    private async ValueTask<BlockRead> LookAsync(long fromEntry, CancellationToken ct)
    {
        var bytes = _header.AsMemory(0, await _ahead.ReadAsync(Offset, _header, ct));
        if (!BlockHeader.TryRead(bytes.Span, log, Offset, out var header))
        {
            return new(bytes.Span.IndexOfAnyExcept((byte)0) < 0 ? BlockReadKind.NotYet : BlockReadKind.Bad, default, null, Where());
        }

        var where = Where();
        if (header.Segment != segment || header.FirstEntry != NextEntry || (header.Type == BlockType.Data && (_epoch ?? header.Epoch) != header.Epoch))
        {
            return new(BlockReadKind.Bad, header, null, where);
        }

        if (header.Type == BlockType.Footer)
        {
            return new(BlockReadKind.Footer, header, null, where);
        }

        if (header.EndEntry <= fromEntry)
        {
            Advance(header);
            return new(BlockReadKind.Skipped, header, null, where);
        }

        if (!_ahead.Holds(Offset + BlockHeader.Bytes, header.PayloadBytes) && header.PayloadBytes > file.Length - Offset - BlockHeader.Bytes)
        {
            return new(BlockReadKind.Bad, header, null, where);
        }

        var payload = GC.AllocateUninitializedArray<byte>(header.PayloadBytes);
        if (await _ahead.ReadAsync(Offset + BlockHeader.Bytes, payload, ct) < payload.Length)
        {
            throw MiniMilvusException.Unavailable($"{where}: the file became shorter while it was read");
        }

        if (DecodedBlock.TryDecode(header, payload) is not { } block)
        {
            return new(BlockReadKind.Bad, header, null, where);
        }

        Advance(header);
        return new(BlockReadKind.Block, header, block, where);
    }

    private void Advance(BlockHeader header)
    {
        Offset += BlockHeader.Bytes + header.PayloadBytes;
        NextEntry = header.EndEntry;
        BlockNumber++;
        _epoch = header.Epoch;
    }
}
