using System.Buffers;
using System.Collections.Immutable;
using MiniMilvus.Core.Rows;
using MiniMilvus.Index.Bitmaps;

namespace MiniMilvus.Index.Filters;

/// <summary>Collects a predicate's answers for batch after batch into the bitmap of a whole segment. One owner, used once.</summary>
public sealed class PredicateBitmap(ColumnPredicate predicate, int rowsMax)
{
    private readonly ulong[] _words = new ulong[ColumnPredicate.WordsFor(rowsMax)];

    /// <summary>Rows appended so far.</summary>
    public int Rows { get; private set; }

    /// <summary>Evaluates the first rows of the columns and puts their bits behind those of earlier batches.</summary>
    public void Append(ImmutableArray<Column> columns, int rows)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(rows, rowsMax - Rows);
        int length = ColumnPredicate.WordsFor(rows), shift = Rows & 63, at = Rows >> 6;
        if (shift == 0)
        {
            predicate.Evaluate(columns, rows, _words.AsSpan(at, length));
        }
        else
        {
            ulong[] rented = ArrayPool<ulong>.Shared.Rent(length);
            Span<ulong> bits = rented.AsSpan(0, length);
            predicate.Evaluate(columns, rows, bits);
            for (int i = 0; i < bits.Length; i++)
            {
                _words[at + i] |= bits[i] << shift;
                ulong carry = bits[i] >> (64 - shift);
                // Bits past the last row are zero, so a carry beyond the last word is, too.
                if (carry != 0) _words[at + i + 1] |= carry;
            }

            ArrayPool<ulong>.Shared.Return(rented);
        }

        Rows += rows;
    }

    /// <summary>The bitmap of the rows appended.</summary>
    public BitSet ToBitSet() => BitSet.FromWords(_words.AsSpan(0, ColumnPredicate.WordsFor(Rows)), Rows);
}
