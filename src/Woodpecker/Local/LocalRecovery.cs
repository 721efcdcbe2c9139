using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Woodpecker.Backends;
using MiniMilvus.Woodpecker.Blocks;
using MiniMilvus.Woodpecker.Metadata;
using MiniMilvus.Woodpecker.Reading;

namespace MiniMilvus.Woodpecker.Local;

/// <summary>
/// Decides what of an unfinished segment's file is kept: every block that verifies, in order, from the first on. The first that does not
/// is a torn tail and is cut, unless something says that it had been confirmed: then it is corruption (W16). The part that no block says
/// was confirmed is written again before it is flushed, because a flush that failed may have left in memory what is not on the disk.
/// </summary>
internal static class LocalRecovery
{
    /// <summary>The number of entries kept; the file ends with a footer and is durable.</summary>
    public static async ValueTask<long> RecoverAsync(IDisk disk, string log, LogSegmentRecord segment, Term epoch, WoodpeckerOptions options, CancellationToken ct)
    {
        var path = LocalPaths.Segment(log, segment.Number);
        if (!await disk.ExistsAsync(path, ct))
        {
            return 0; // the record comes first, then the file, then the first ack
        }

        var file = await disk.OpenAsync(path, DiskOpenMode.ReadWrite, ct);
        await using var reader = new LocalSegmentReader(file, log, segment.Number, options.ReadBytes, new ReadBudget(options.ReadAheadBytesMax));
        var hasHeader = await reader.HasHeaderAsync(ct);
        var unproven = reader.Offset;
        var offsets = new Queue<(long EndEntry, long EndOffset)>();
        while (hasHeader)
        {
            var read = await reader.NextAsync(0, ct);
            if (read.Kind == BlockReadKind.Footer)
            {
                break;
            }

            if (read.Kind != BlockReadKind.Block)
            {
                await RequireTornTailAsync(reader, segment.Number, ct);
                break;
            }

            offsets.Enqueue((read.Header.EndEntry, reader.Offset));
            while (offsets.TryPeek(out var first) && new LogPosition(segment.Number, first.EndEntry) <= read.Header.Confirmed)
            {
                unproven = offsets.Dequeue().EndOffset;
            }
        }

        if (!hasHeader)
        {
            await RequireTornTailAsync(reader, segment.Number, ct);
            return 0;
        }

        // The footer vouches for the blocks: a power cut must not keep it and lose them, so they are durable before it is written.
        await RewriteAsync(file, unproven, reader.Offset, options.ReadBytes, ct);
        await file.FlushAsync(ct);
        var footer = new byte[BlockHeader.Bytes];
        EncodedBlock.Footer(segment.Number, reader.NextEntry, epoch.Value, new LogPosition(segment.Number, reader.NextEntry)).WriteTo(footer, log, reader.Offset);
        await file.SetLengthAsync(reader.Offset, ct);
        await file.WriteAtAsync(reader.Offset, footer, ct);
        await file.FlushAsync(ct);
        await disk.FlushDirectoryAsync(LocalPaths.Folder(log), ct);
        return reader.NextEntry;
    }

    private static async ValueTask RequireTornTailAsync(LocalSegmentReader reader, long segment, CancellationToken ct)
    {
        var confirmed = await reader.FindConfirmedAheadAsync(ct);
        if (confirmed > new LogPosition(segment, reader.NextEntry))
        {
            throw MiniMilvusException.Corrupted(
                $"{reader.Where()}: expected entry {reader.NextEntry} in a block that verifies, found none; a later block says that entries below {confirmed} had been confirmed");
        }
    }

    private static async ValueTask RewriteAsync(IDiskFile file, long from, long until, int chunkBytes, CancellationToken ct)
    {
        var chunk = new byte[Math.Min(chunkBytes, Math.Max(0, until - from))];
        for (var at = from; at < until;)
        {
            var wanted = chunk.AsMemory(0, (int)Math.Min(chunk.Length, until - at));
            var read = await file.ReadAtAsync(at, wanted, ct);
            if (read != wanted.Length)
            {
                throw MiniMilvusException.Unavailable($"expected {wanted.Length} bytes at offset {at}, found {read}: the file is being changed by somebody else");
            }

            await file.WriteAtAsync(at, wanted, ct);
            at += read;
        }
    }
}
