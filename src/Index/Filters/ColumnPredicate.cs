using System.Collections.Immutable;
using MiniMilvus.Core.Expressions;
using MiniMilvus.Core.Rows;

namespace MiniMilvus.Index.Filters;

/// <summary>
/// A filter compiled to work on columns: it yields a bitmap of the rows for which the filter is true. Negations are pushed down to the
/// leaves, so that unknown (null) never has to be carried: a leaf says "surely true" or "surely false" of a row. Immutable and shared by threads.
/// </summary>
public sealed class ColumnPredicate
{
    private readonly PredicateNode _root;

    private ColumnPredicate(PredicateNode root) => _root = root;

    /// <summary>Compiles a checked filter. The fields are found in a batch by their ids; a batch without the column has nulls there.</summary>
    public static ColumnPredicate Compile(FilterExpression filter) => new(PredicateCompiler.Compile(filter, isNegated: false));

    /// <summary>Words that hold one bit for each of so many rows.</summary>
    public static int WordsFor(int rows) => (int)((rows + 63L) >> 6);

    /// <summary>
    /// Writes one bit a row for the first <paramref name="rows"/> rows of the columns into exactly <see cref="WordsFor"/> words; bits past
    /// the rows are zero.
    /// </summary>
    public void Evaluate(ImmutableArray<Column> columns, int rows, Span<ulong> into)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(into.Length, WordsFor(rows));
        if (rows > 0)
        {
            _root.Evaluate(new ColumnBatch(columns, rows), into);
        }
    }
}

/// <summary>The columns of a run of rows, as predicates see them.</summary>
internal readonly struct ColumnBatch(ImmutableArray<Column> columns, int rows)
{
    public int Rows { get; } = rows;

    /// <summary>Null when the batch was written before the field existed.</summary>
    public Column? Find(Core.FieldId field)
    {
        foreach (Column column in columns)
        {
            if (column.Field == field) return column;
        }

        return null;
    }
}
