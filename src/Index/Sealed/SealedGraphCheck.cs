using MiniMilvus.Index.Bitmaps;
using MiniMilvus.Index.Vectors;

namespace MiniMilvus.Index.Sealed;

/// <summary>Checks every number of a sealed graph that a walk follows without asking, so that whatever the bytes are, a search stays within them.</summary>
internal static unsafe class SealedGraphCheck
{
    /// <summary>Where the upper levels begin, from level 1 on.</summary>
    public static int*[] Levels(GraphLayout layout, byte* start)
    {
        if (layout.UpperBytes < 4L * layout.Levels) throw GraphLayout.Malformed("upper bytes", $"{4 * layout.Levels} or more", layout.UpperBytes);
        var levels = new int*[layout.Levels];
        int* counts = (int*)(start + layout.UpperAt);
        long at = layout.Levels, ints = layout.UpperBytes / sizeof(int);
        for (int level = 1; level <= layout.Levels; level++)
        {
            GraphLayout.Within($"rows of level {level}", 1, level == 1 ? layout.Rows : counts[level - 2], counts[level - 1]);
            levels[level - 1] = counts + at;
            at += (long)counts[level - 1] * layout.UpperInts;
            if (at > ints) throw GraphLayout.Malformed("upper bytes", $"{4 * at} or more", layout.UpperBytes);
        }

        return at * sizeof(int) == layout.UpperBytes ? levels : throw GraphLayout.Malformed("upper bytes", at * sizeof(int), layout.UpperBytes);
    }

    public static void Check(GraphLayout layout, in GraphView view, VectorSource source)
    {
        int rows = layout.Rows;
        int* counts = (int*)(view.Records - GraphLayout.RecordsAt + layout.UpperAt);
        if (rows == 0)
        {
            GraphLayout.Within("entry", -1, -1, layout.Entry);
            return;
        }

        GraphLayout.Within("entry", 0, (layout.Levels == 0 ? rows : counts[layout.Levels - 1]) - 1, layout.Entry);
        var seen = new BitSet(rows);
        for (int node = 0; node < rows; node++)
        {
            int row = GraphLayout.Within($"row of node {node}", 0, rows - 1, view.RowOf[node]);
            if (seen[row]) throw GraphLayout.Malformed($"row of node {node}", "each row once", $"row {row} again");
            seen[row] = true;
            CheckLinks(view.Links(node), 2 * layout.M, node, rows, 0);
        }

        for (int level = 1; level <= layout.Levels; level++)
        {
            int below = level == 1 ? rows : counts[level - 2];
            for (int place = 0; place < counts[level - 1]; place++)
            {
                int* record = view.Upper(level, place);
                GraphLayout.Within($"node at place {place} of level {level}", 0, rows - 1, record[0]);
                GraphLayout.Within($"place below place {place} of level {level}", 0, below - 1, record[1]);
                int belowNode = level == 1 ? record[1] : view.Upper(level - 1, record[1])[0];
                GraphLayout.Within($"node below place {place} of level {level}", record[0], record[0], belowNode);
                CheckLinks(record + 2, layout.M, place, counts[level - 1], level);
            }
        }

        if (layout.HasTwins) CheckTwins(layout, view, counts, source);
    }

    private static void CheckLinks(int* links, int slots, int self, int end, int level)
    {
        for (int i = 0; i < slots && links[i] >= 0; i++)
        {
            if (links[i] >= end || links[i] == self)
                throw GraphLayout.Malformed($"link {i} of {self} on level {level}", $"another one below {end}", links[i]);
        }
    }

    // Rising nodes make chains end; each node hangs once, on a row with its own vector, so no result is doubled or wrong.
    private static void CheckTwins(GraphLayout layout, in GraphView view, int* counts, VectorSource source)
    {
        int rows = layout.Rows;
        var hanging = new BitSet(rows);
        for (int node = 0; node < rows; node++)
        {
            int next = view.Twins[node];
            if (next < 0) continue;
            GraphLayout.Within($"twin of node {node}", node + 1, rows - 1, next);
            if (hanging[next] || !source.Row(view.RowOf[node]).SequenceEqual(source.Row(view.RowOf[next])))
                throw GraphLayout.Malformed($"twin of node {node}", "a node with the same vector that hangs on no other", next);
            hanging[next] = true;
        }

        if (hanging.Count() == 0) return;
        for (int node = 0; node < rows; node++)
        {
            int* links = view.Links(node);
            for (int i = 0; i < 2 * view.M && links[i] >= 0; i++)
            {
                if (hanging[links[i]]) throw GraphLayout.Malformed($"link {i} of node {node}", "a node that hangs on no other", links[i]);
            }
        }

        // Nor does a walk begin at one: whom it hangs on would bring it into the results a second time.
        if (layout.Levels == 0 && hanging[layout.Entry]) throw GraphLayout.Malformed("entry", "a node that hangs on no other", layout.Entry);
        for (int level = 1; level <= layout.Levels; level++)
        {
            for (int place = 0; place < counts[level - 1]; place++)
            {
                int node = view.Upper(level, place)[0];
                if (hanging[node]) throw GraphLayout.Malformed($"node at place {place} of level {level}", "one that hangs on no other", node);
            }
        }
    }
}
