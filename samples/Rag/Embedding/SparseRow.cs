namespace MiniMilvus.Rag.Embedding;

/// <summary>One row of a sparse matrix: column numbers, ascending, and their values.</summary>
internal sealed record SparseRow(int[] Columns, float[] Values)
{
    public static SparseRow FromCounts(SortedDictionary<int, float> counts) => new([.. counts.Keys], [.. counts.Values]);

    /// <summary>The row at length 1; an empty row stays empty.</summary>
    public SparseRow Normalised()
    {
        double squares = 0;
        foreach (var value in Values)
        {
            squares += (double)value * value;
        }
        if (squares == 0)
        {
            return this;
        }
        var scale = (float)(1 / Math.Sqrt(squares));
        return new SparseRow(Columns, [.. Values.Select(v => v * scale)]);
    }
}
