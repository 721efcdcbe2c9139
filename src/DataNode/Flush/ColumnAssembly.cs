using MiniMilvus.Core.Rows;

namespace MiniMilvus.DataNode.Flush;

/// <summary>Puts the batches of a segment together, column by column, in log order.</summary>
internal static class ColumnAssembly
{
    // One segment has one schema version (S11), so every batch has the same fields.
    public static RowBatch Assemble(IReadOnlyList<BufferedRows> batches) => Columns.Concat([.. batches.Select(b => b.Rows)]);

    /// <summary>The tick of each row: when it becomes visible.</summary>
    public static long[] Ticks(IReadOnlyList<BufferedRows> batches)
    {
        var ticks = new long[batches.Sum(b => b.Rows.Count)];
        var at = 0;
        foreach (var batch in batches)
        {
            ticks.AsSpan(at, batch.Rows.Count).Fill((long)batch.CommitTick.Value);
            at += batch.Rows.Count;
        }

        return ticks;
    }
}
