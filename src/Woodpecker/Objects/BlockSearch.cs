using MiniMilvus.Woodpecker.Blocks;

namespace MiniMilvus.Woodpecker.Objects;

/// <summary>
/// Finds the block to begin with by the headers of a few: their numbers and their first entries rise together. Leaps from the first block
/// on until one lies too far or does not exist, then halves. What it passes over is not looked at: a reader from here on did not ask for it.
/// </summary>
internal static class BlockSearch
{
    /// <summary>The number and the first entry of a block at or before the one that holds the entry; of the first where none verifies.</summary>
    public static async ValueTask<(long Number, long FirstEntry)> FindAsync(BlockObjects objects, BlockKeys keys, long entry, CancellationToken ct)
    {
        var low = (Number: 0L, FirstEntry: 0L);
        if (entry == 0)
        {
            return low;
        }

        long high;
        for (high = 1; await LookAsync(high) is { } found; high *= 2)
        {
            low = found;
        }

        while (high - low.Number > 1)
        {
            var middle = low.Number + ((high - low.Number) / 2);
            if (await LookAsync(middle) is { } found)
            {
                low = found;
            }
            else
            {
                high = middle;
            }
        }

        return low;

        // Null for a footer too: it holds no entry, and who looks for the last block begins with a block.
        async ValueTask<(long, long)?> LookAsync(long number) =>
            await objects.GetHeaderAsync(keys[number], ct) is { } bytes
            && BlockHeader.TryRead(bytes.Span, keys.Log, number, out var header) && header.Segment == keys.Segment
            && header.Type == BlockType.Data && header.FirstEntry <= entry
                ? (number, header.FirstEntry)
                : null;
    }
}
