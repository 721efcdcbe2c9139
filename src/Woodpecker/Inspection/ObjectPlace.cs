using System.Globalization;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Woodpecker.Blocks;
using MiniMilvus.Woodpecker.Compaction;
using BlockPaths = MiniMilvus.Woodpecker.Objects.ObjectPaths;

namespace MiniMilvus.Woodpecker.Inspection;

/// <summary>Logs in an object store: an object for each block, or the sealed form that they were merged into. The fence is the number of a block, or a lock in the metadata: it has no object of its own.</summary>
internal sealed class ObjectPlace(IObjectStore store, WoodpeckerOptions options, TimeProvider time) : ILogPlace
{
    private readonly ReadOnlyObjectStore _store = new(store);

    public string Kept => "objects";

    public async ValueTask<IReadOnlyCollection<string>> ListAsync(CancellationToken ct)
    {
        var names = new SortedSet<string>(StringComparer.Ordinal);
        await foreach (var info in _store.ListAsync(BlockPaths.Root, ct))
        {
            if (BlockPaths.ParseBlock(info.Key)?.Log is { } log || (log = BlockPaths.ParseSealed(info.Key)?.Log) is not null)
            {
                names.Add(log);
            }
        }

        return names;
    }

    public async ValueTask<SortedDictionary<long, long>?> SegmentsAsync(string log, CancellationToken ct)
    {
        var segments = new SortedDictionary<long, long>();
        await foreach (var info in _store.ListAsync(BlockPaths.Log(log), ct))
        {
            if ((BlockPaths.ParseBlock(info.Key)?.Segment ?? BlockPaths.ParseSealed(info.Key)?.Segment) is { } segment)
            {
                segments[segment] = segments.GetValueOrDefault(segment) + info.Bytes;
            }
        }

        return segments.Count > 0 ? segments : null;
    }

    /// <summary>The form that metadata names; without metadata a whole sealed one where there is one, for then its blocks may have gone.</summary>
    public async ValueTask<ISegmentScan?> OpenAsync(string log, long segment, ScanRequest request, CancellationToken ct)
    {
        var forms = await FormsAsync(log, segment, ct);
        if (request.SealedAs is { } name)
        {
            var key = BlockPaths.SealedIndex(log, segment, name);
            return await TryGetAsync(key, ct) is not { } bytes ? new LostIndexScan(log, segment, key, "expected an index, found no object", default)
                : TryDecode(bytes, log, segment, key, out var problem) is { } index ? new SealedSegmentScan(this, log, index, name, bytes, request, forms.PartsOf(name))
                : new LostIndexScan(log, segment, key, problem!, bytes);
        }

        if (!request.IsKnown && await forms.FindWholeAsync(this, ct) is { } whole)
        {
            return new SealedSegmentScan(this, log, whole.Index, whole.Name, whole.Bytes, request, forms.PartsOf(whole.Name));
        }

        return forms.Blocks.Count > 0 ? new ObjectSegmentScan(this, log, segment, request, forms.Blocks) : null;
    }

    public async ValueTask<LogPosition> ClaimAsync(string log, long segment, CancellationToken ct)
    {
        var forms = await FormsAsync(log, segment, ct);
        if (await forms.FindWholeAsync(this, ct) is { } whole)
        {
            return new LogPosition(segment, whole.Index.Entries);
        }

        foreach (var number in forms.Blocks.NumbersThatSayMost)
        {
            if (await GetAsync(forms.Blocks.KeyOf(number), payload: false, ct) is { } bytes && BlockHeader.TryRead(bytes.Span, log, number, out var header) && header.Segment == segment)
            {
                return header.Type == BlockType.Footer ? header.First : header.Confirmed;
            }
        }

        return LogPosition.Beginning;
    }

    public ValueTask<string?> FindFenceProblemAsync(string log, CancellationToken ct) => default;

    /// <summary>A block's object, or its header alone; null when it is absent, which is never said of a store that did not answer (W11).</summary>
    public ValueTask<ReadOnlyMemory<byte>?> GetAsync(string key, bool payload, CancellationToken ct) => payload ? TryGetAsync(key, ct) : GetRangeAsync(key, 0, BlockHeader.Bytes, ct);

    /// <summary>Null when absent.</summary>
    public ValueTask<ReadOnlyMemory<byte>?> TryGetAsync(string key, CancellationToken ct) => TryAsync(() => _store.GetAsync(key, ct), ct);

    /// <summary>Null when absent.</summary>
    public ValueTask<ReadOnlyMemory<byte>?> GetRangeAsync(string key, long offset, int bytes, CancellationToken ct) => TryAsync(() => _store.GetRangeAsync(key, offset, bytes, ct), ct);

    private async ValueTask<SealedForms> FormsAsync(string log, long segment, CancellationToken ct)
    {
        var forms = new SealedForms(log, segment);
        await foreach (var info in _store.ListAsync(BlockPaths.Segment(log, segment), ct))
        {
            forms.Add(info.Key, info.Bytes);
        }

        return forms;
    }

    private static SealedIndex? TryDecode(ReadOnlyMemory<byte> bytes, string log, long segment, string key, out string? problem)
    {
        try
        {
            problem = null;
            return SealedIndex.Decode(bytes.Span, log, segment, key);
        }
        catch (MiniMilvusException e) when (e.Kind == ErrorKind.Corrupted)
        {
            problem = e.Message;
            return null;
        }
    }

    private async ValueTask<ReadOnlyMemory<byte>?> TryAsync(Func<ValueTask<ReadOnlyMemory<byte>>> get, CancellationToken ct)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await get();
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
