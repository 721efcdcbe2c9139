using System.Buffers;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Woodpecker.Backends;
using MiniMilvus.Woodpecker.Metadata;
using MiniMilvus.Woodpecker.Objects;
using BlockPaths = MiniMilvus.Woodpecker.Objects.ObjectPaths;

namespace MiniMilvus.Woodpecker.Compaction;

/// <summary>
/// Small blocks in, large parts and an index out. Each block is verified as it is read, and one that is missing or damaged ends the work:
/// it is reported and never sealed over. Holds the parts on their way, one being filled, and a few blocks.
/// </summary>
internal sealed class SegmentCompactor(IObjectStore store, WoodpeckerOptions options, TimeProvider time, Func<BlockObjects, string, LogSegmentRecord, ISegmentReader> openBlocks) : ISegmentSealer
{
    /// <summary>Of a merged block: what a reader must take and verify to get at one entry.</summary>
    private const int BlockBytes = 1024 * 1024;
    private readonly BlockObjects _objects = new(store, options, time);

    public async ValueTask WriteAsync(string log, LogSegmentRecord completed, Term epoch, string name, CancellationToken ct)
    {
        var parts = new SealedParts(log, completed.End, Math.Min(BlockBytes, options.CompactionPartBytesMax), options.CompactionPartBytesMax);
        var puts = new Queue<Task>();
        try
        {
            await using (var reader = openBlocks(_objects, log, completed))
            {
                for (var next = 0L; next <= completed.LastEntry;)
                {
                    var read = await reader.NextAsync(next, ct);
                    if (read.Kind != BlockReadKind.Block || read.Header.FirstEntry != next || read.Header.EndEntry > completed.End.Entry)
                    {
                        throw MiniMilvusException.Corrupted($"{read.Where}: expected entry {next} of {completed.End.Entry} in a block that verifies, found {Describe(read)}; the segment is not sealed");
                    }

                    next = read.Header.EndEntry;
                    if (parts.Add(read.Block!) is { } full)
                    {
                        await PutAsync(full);
                    }
                }
            }

            if (parts.Finish() is { } last)
            {
                await PutAsync(last);
            }

            while (puts.TryPeek(out var put))
            {
                await put;
                _ = puts.Dequeue();
            }
        }
        finally
        {
            foreach (var put in puts)
            {
                await Task.WhenAny(put);
                _ = put.Exception; // the first failure is the answer
            }
        }

        // Last: who finds it finds all that it names (W7).
        var index = new SealedIndex(completed.Number, epoch.Value, parts.Blocks);
        await _objects.PutAsync(BlockPaths.SealedIndex(log, completed.Number, name), new ReadOnlySequence<byte>(index.Encode(log)), ct);

        async ValueTask PutAsync(SealedPart part)
        {
            while (puts.Count >= options.CompactionUploadsMax)
            {
                await puts.Peek();
                _ = puts.Dequeue();
            }

            puts.Enqueue(_objects.PutAsync(BlockPaths.SealedPart(log, completed.Number, name, part.Number), new ReadOnlySequence<byte>(part.Bytes), ct).AsTask());
            await PaceAsync(2L * part.Bytes.Length, ct);
        }
    }

    public ValueTask SweepAsync(string log, long segment, string name, CancellationToken ct)
    {
        var stays = BlockPaths.Sealed(log, segment, name);
        return DeleteAsync(BlockPaths.Segment(log, segment), key => !key.StartsWith(stays, StringComparison.Ordinal), ct);
    }

    public ValueTask DropAsync(string log, long segment, string name, CancellationToken ct) => DeleteAsync(BlockPaths.Sealed(log, segment, name), static _ => true, ct);

    private async ValueTask DeleteAsync(string prefix, Func<string, bool> goes, CancellationToken ct)
    {
        var keys = new List<string>();
        await foreach (var info in store.ListAsync(prefix, ct))
        {
            if (goes(info.Key))
            {
                keys.Add(info.Key);
            }
        }

        foreach (var some in keys.Chunk(options.CompactionUploadsMax))
        {
            await Task.WhenAll(some.Select(key => store.DeleteAsync(key, ct).AsTask()));
        }
    }

    /// <summary>The rest that keeps it below its rate, whatever the store can do.</summary>
    private Task PaceAsync(long bytes, CancellationToken ct) =>
        options.CompactionBytesPerSecondMax > 0 ? Task.Delay(TimeSpan.FromSeconds((double)bytes / options.CompactionBytesPerSecondMax), time, ct) : Task.CompletedTask;

    private static string Describe(BlockRead read) => read.Kind switch
    {
        BlockReadKind.Block => $"entries {read.Header.FirstEntry} to {read.Header.EndEntry - 1}",
        BlockReadKind.Footer => "the footer",
        BlockReadKind.NotYet => "nothing",
        _ => "damaged bytes",
    };
}
