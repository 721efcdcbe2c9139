using System.Buffers;
using System.Collections.Immutable;
using System.Numerics.Tensors;
using MiniMilvus.Core.Rows;

namespace MiniMilvus.Index.Filters;

/// <summary>A part of a predicate. It overwrites every word; bits past the rows are zero.</summary>
internal abstract class PredicateNode
{
    public abstract void Evaluate(in ColumnBatch batch, Span<ulong> into);

    /// <summary>Sets the bits of all rows.</summary>
    protected static void SetAll(Span<ulong> into, int rows)
    {
        into.Fill(ulong.MaxValue);
        Trim(into, rows);
    }

    /// <summary>Inverts if asked, drops the rows that are null and the bits past the rows.</summary>
    protected static void Finish(Span<ulong> into, int rows, bool isNegated, bool[]? valid)
    {
        if (isNegated)
        {
            TensorPrimitives.OnesComplement<ulong>(into, into);
            Trim(into, rows);
        }

        for (int row = 0; valid is not null && row < rows; row++)
        {
            if (!valid[row]) into[row >> 6] &= ~(1UL << row);
        }
    }

    private static void Trim(Span<ulong> into, int rows)
    {
        if ((rows & 63) != 0) into[^1] &= ulong.MaxValue >> (64 - (rows & 63));
    }
}

/// <summary>Every row, or none.</summary>
internal sealed class ConstantNode(bool value) : PredicateNode
{
    public override void Evaluate(in ColumnBatch batch, Span<ulong> into)
    {
        if (value) SetAll(into, batch.Rows);
        else into.Clear();
    }
}

/// <summary>All parts, or any part. Stops early when the rest cannot change the answer.</summary>
internal sealed class JoinNode(ImmutableArray<PredicateNode> parts, bool isAnd) : PredicateNode
{
    public override void Evaluate(in ColumnBatch batch, Span<ulong> into)
    {
        parts[0].Evaluate(batch, into);
        ulong[] rented = ArrayPool<ulong>.Shared.Rent(into.Length);
        Span<ulong> other = rented.AsSpan(0, into.Length);
        for (int i = 1; i < parts.Length && !(isAnd && !into.ContainsAnyExcept(0UL)); i++)
        {
            parts[i].Evaluate(batch, other);
            if (isAnd) TensorPrimitives.BitwiseAnd<ulong>(into, other, into);
            else TensorPrimitives.BitwiseOr<ulong>(into, other, into);
        }

        ArrayPool<ulong>.Shared.Return(rented);
    }
}

/// <summary>Whether a declared field is null.</summary>
internal sealed class FieldNullNode(Core.FieldId field, bool isNegated) : PredicateNode
{
    public override void Evaluate(in ColumnBatch batch, Span<ulong> into)
    {
        Column? column = batch.Find(field);
        if (column is null)
        {
            if (isNegated) into.Clear();
            else SetAll(into, batch.Rows);
            return;
        }

        // The rows with a value, then inverted if null is what is asked for.
        SetAll(into, batch.Rows);
        Finish(into, batch.Rows, isNegated: false, column.Valid);
        if (!isNegated) Finish(into, batch.Rows, isNegated: true, valid: null);
    }
}
