using System.Collections.Immutable;
using MiniMilvus.Core.Errors;

namespace MiniMilvus.Core.Rows;

/// <summary>Rows of one collection as columns of equal length, the primary key among them.</summary>
public sealed class RowBatch
{
    public RowBatch(FieldId primaryKeyField, ImmutableArray<Column> columns)
    {
        Columns = columns;
        PrimaryKeyColumn = columns.FirstOrDefault(c => c.Field == primaryKeyField)
            ?? throw MiniMilvusException.Internal($"row batch without its primary key field {primaryKeyField}");
        Count = PrimaryKeyColumn.Count;
        foreach (var column in columns)
        {
            if (column.Count != Count)
            {
                throw MiniMilvusException.Internal($"row batch: field {column.Field} has {column.Count} rows, expected {Count}");
            }
        }
    }

    public ImmutableArray<Column> Columns { get; }
    public Column PrimaryKeyColumn { get; }
    public int Count { get; }
    public long Bytes => Columns.Sum(c => c.Bytes);

    public Column? Find(FieldId field) => Columns.FirstOrDefault(c => c.Field == field);

    public PrimaryKey KeyAt(int row) => KeyOf(PrimaryKeyColumn, row);

    public static PrimaryKey KeyOf(Column keys, int row) => keys switch
    {
        ScalarColumn<long> numbers => new PrimaryKey(numbers.Values.Span[row]),
        StringColumn texts => new PrimaryKey(texts.Values.Span[row]),
        _ => throw MiniMilvusException.Internal($"a primary key column of type {keys.Type}"),
    };

    public RowBatch Take(ReadOnlySpan<int> rows)
    {
        var taken = ImmutableArray.CreateBuilder<Column>(Columns.Length);
        foreach (var column in Columns)
        {
            taken.Add(column.Take(rows));
        }

        return new RowBatch(PrimaryKeyColumn.Field, taken.MoveToImmutable());
    }
}
