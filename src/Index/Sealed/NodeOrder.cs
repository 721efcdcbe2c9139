using MiniMilvus.Index.Hnsw;

namespace MiniMilvus.Index.Sealed;

/// <summary>
/// In which order the rows become nodes of a sealed graph: neighbours close to each other, so that a walk touches fewer pages and the
/// translation of their addresses is shared. Patches are grown over the ground links, and a patch begins at the rim of an earlier one.
/// Twins come last, in row order, so that the order of nodes is the order of rows among equal vectors.
/// </summary>
internal static class NodeOrder
{
    private const int PatchRows = 32;

    /// <summary>The row of each node.</summary>
    public static int[] RowsOf(GraphLinks links, int rows)
    {
        var twins = new bool[rows];
        for (int row = 0; row < rows && links.TwinCount > 0; row++)
        {
            if (links.TwinOf(row) >= 0) twins[links.TwinOf(row)] = true;
        }

        var order = new int[rows];
        var isPlaced = new bool[rows];
        var rim = new Queue<int>();
        var patch = new Queue<int>();
        int count = 0;
        for (int first = 0; first < rows; first++)
        {
            if (isPlaced[first] || twins[first]) continue;
            rim.Enqueue(first);
            while (rim.TryDequeue(out int seed))
            {
                if (isPlaced[seed]) continue;
                patch.Enqueue(seed);
                for (int end = count + PatchRows; patch.TryDequeue(out int row);)
                {
                    if (isPlaced[row]) continue;
                    if (count >= end)
                    {
                        rim.Enqueue(row);
                        continue;
                    }

                    isPlaced[row] = true;
                    order[count++] = row;
                    foreach (int neighbour in links.List(row, 0))
                    {
                        if (neighbour < 0) break;
                        if (!isPlaced[neighbour]) patch.Enqueue(neighbour);
                    }
                }
            }
        }

        for (int row = 0; row < rows; row++)
        {
            if (!isPlaced[row]) order[count++] = row;
        }

        return order;
    }
}
