using System.Globalization;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Woodpecker.Blocks;
using BlockPaths = MiniMilvus.Woodpecker.Objects.ObjectPaths;

namespace MiniMilvus.Woodpecker.Inspection;

/// <summary>Logs in an object store: an object for each block. The fence is the number of a block, or a lock in the metadata: it has no object of its own.</summary>
internal sealed class ObjectPlace(IObjectStore store, WoodpeckerOptions options, TimeProvider time) : ILogPlace
{
    private readonly ReadOnlyObjectStore _store = new(store);

    public string Kept => "objects";

    public async ValueTask<IReadOnlyCollection<string>> ListAsync(CancellationToken ct)
    {
        var names = new SortedSet<string>(StringComparer.Ordinal);
        await foreach (var info in _store.ListAsync(BlockPaths.Root, ct))
        {
            if (BlockPaths.ParseBlock(info.Key) is { } block)
            {
                names.Add(block.Log);
            }
        }

        return names;
    }

    public async ValueTask<SortedDictionary<long, long>?> SegmentsAsync(string log, CancellationToken ct)
    {
        var segments = new SortedDictionary<long, long>();
        await foreach (var info in _store.ListAsync(BlockPaths.Log(log), ct))
        {
            if (BlockPaths.ParseBlock(info.Key) is { } block)
            {
                segments[block.Segment] = segments.GetValueOrDefault(block.Segment) + info.Bytes;
            }
        }

        return segments.Count > 0 ? segments : null;
    }

    public async ValueTask<ISegmentScan?> OpenAsync(string log, long segment, ScanRequest request, CancellationToken ct) =>
        await BlocksAsync(log, segment, ct) is { Count: > 0 } blocks ? new ObjectSegmentScan(this, log, segment, request, blocks) : null;

    public async ValueTask<LogPosition> ClaimAsync(string log, long segment, CancellationToken ct)
    {
        var blocks = await BlocksAsync(log, segment, ct);
        foreach (var number in blocks.NumbersThatSayMost)
        {
            if (await GetAsync(blocks.KeyOf(number), payload: false, ct) is { } bytes && BlockHeader.TryRead(bytes.Span, log, number, out var header) && header.Segment == segment)
            {
                return header.Type == BlockType.Footer ? header.First : header.Confirmed;
            }
        }

        return LogPosition.Beginning;
    }

    public ValueTask<string?> FindFenceProblemAsync(string log, CancellationToken ct) => default;

    public async ValueTask<SegmentObjects> BlocksAsync(string log, long segment, CancellationToken ct)
    {
        var blocks = new SegmentObjects(log, segment);
        await foreach (var info in _store.ListAsync(BlockPaths.Segment(log, segment), ct))
        {
            blocks.Add(info.Key, info.Bytes);
        }

        return blocks;
    }

    /// <summary>A block's object, or its header alone; null when it is absent, which is never said of a store that did not answer (W11).</summary>
    public async ValueTask<ReadOnlyMemory<byte>?> GetAsync(string key, bool payload, CancellationToken ct)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return payload ? await _store.GetAsync(key, ct) : await _store.GetRangeAsync(key, 0, BlockHeader.Bytes, ct);
            }
            catch (MiniMilvusException e) when (e.Kind == ErrorKind.NotFound)
            {
                return null;
            }
            catch (MiniMilvusException e) when (e.Kind == ErrorKind.Unavailable && attempt < options.ObjectAttemptsMax)
            {
                await Task.Delay(options.ObjectRetryDelay, time, ct);
            }
        }
    }
}
