using System.Collections.Immutable;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Schema;

namespace MiniMilvus.Core.Expressions;

/// <summary>Recognises filters that name their rows by primary key, so that deletes and gets need no scan.</summary>
internal static class PrimaryKeyFilter
{
    public static ImmutableArray<PrimaryKey>? TryGet(FilterExpression? filter, CollectionSchema schema)
    {
        var key = schema.PrimaryKey.Id;
        return filter switch
        {
            CompareFilter { Operator: CompareOperator.Equal, Left: FieldOperand left, Right: ConstantOperand right } when left.Field.Id == key => Keys([right.Value]),
            CompareFilter { Operator: CompareOperator.Equal, Left: ConstantOperand left, Right: FieldOperand right } when right.Field.Id == key => Keys([left.Value]),
            InFilter { Operand: FieldOperand operand } membership when operand.Field.Id == key => Keys(membership.Values),
            _ => null,
        };
    }

    private static ImmutableArray<PrimaryKey>? Keys(ImmutableArray<FilterValue> values)
    {
        var seen = new HashSet<PrimaryKey>(values.Length);
        var keys = ImmutableArray.CreateBuilder<PrimaryKey>(values.Length);
        foreach (var value in values)
        {
            PrimaryKey key;
            switch (value.Kind)
            {
                case FilterValueKind.Int: key = new PrimaryKey(value.Int); break;
                case FilterValueKind.Text: key = new PrimaryKey(value.Text); break;
                default: return null;
            }

            if (seen.Add(key))
            {
                keys.Add(key);
            }
        }

        return keys.ToImmutable();
    }
}
