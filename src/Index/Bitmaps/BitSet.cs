using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;

namespace MiniMilvus.Index.Bitmaps;

/// <summary>
/// A bitmap over rows 0..Length−1, 64 to a word. Bits past the length are always zero, so counts need no mask.
/// Not synchronised: one owner fills it, then any number of readers share it. Sizes must match in binary operations.
/// </summary>
public sealed class BitSet
{
    private readonly ulong[] _words;

    /// <summary>Creates a bitmap of the given length with every bit equal to <paramref name="value"/>.</summary>
    public BitSet(int length, bool value = false)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        Length = length;
        _words = new ulong[(length + 63L) >> 6];
        if (value) SetRange(0, length, true);
    }

    private BitSet(int length, ulong[] words)
    {
        Length = length;
        _words = words;
    }

    /// <summary>Bits in the map.</summary>
    public int Length { get; }

    /// <summary>The words, lowest row first, lowest bit first.</summary>
    public ReadOnlySpan<ulong> Words => _words;

    /// <summary>Creates a bitmap from words; bits past the length are dropped.</summary>
    public static BitSet FromWords(ReadOnlySpan<ulong> words, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfNotEqual(words.Length, (int)((length + 63L) >> 6), nameof(words));
        var set = new BitSet(length, words.ToArray());
        set.TrimTail();
        return set;
    }

    /// <summary>Reads or writes one bit.</summary>
    public bool this[int row]
    {
        get => Get(row);
        set => Set(row, value);
    }

    /// <summary>The bit of a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Get(int row)
    {
        if ((uint)row >= (uint)Length) ThrowRow(row);
        return (_words[row >> 6] >> row & 1) != 0;
    }

    /// <summary>Sets or clears the bit of a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Set(int row, bool value = true)
    {
        if ((uint)row >= (uint)Length) ThrowRow(row);
        if (value) _words[row >> 6] |= 1UL << row;
        else _words[row >> 6] &= ~(1UL << row);
    }

    /// <summary>Sets or clears the rows first..first+count−1.</summary>
    public void SetRange(int first, int count, bool value = true)
    {
        CheckRange(first, count);
        if (count == 0) return;
        int last = first + count - 1, firstWord = first >> 6, lastWord = last >> 6;
        ulong head = ulong.MaxValue << first, tail = ulong.MaxValue >> (63 - (last & 63));
        if (firstWord == lastWord)
        {
            Apply(firstWord, head & tail, value);
            return;
        }

        Apply(firstWord, head, value);
        _words.AsSpan(firstWord + 1, lastWord - firstWord - 1).Fill(value ? ulong.MaxValue : 0);
        Apply(lastWord, tail, value);
    }

    /// <summary>Keeps the bits set in both.</summary>
    public BitSet And(BitSet other) { TensorPrimitives.BitwiseAnd(_words, Same(other)._words, _words); return this; }

    /// <summary>Adds the bits of the other.</summary>
    public BitSet Or(BitSet other) { TensorPrimitives.BitwiseOr(_words, Same(other)._words, _words); return this; }

    /// <summary>Removes the bits of the other.</summary>
    public BitSet AndNot(BitSet other)
    {
        ulong[] removed = Same(other)._words;
        for (int i = 0; i < removed.Length; i++) _words[i] &= ~removed[i];
        return this;
    }

    /// <summary>Inverts every bit.</summary>
    public BitSet Not()
    {
        TensorPrimitives.OnesComplement<ulong>(_words, _words);
        TrimTail();
        return this;
    }

    /// <summary>Clears every bit.</summary>
    public void Clear() => Array.Clear(_words);

    /// <summary>A separate copy.</summary>
    public BitSet Clone() => new(Length, (ulong[])_words.Clone());

    /// <summary>How many bits are set.</summary>
    public int Count()
    {
        long count = 0;
        foreach (ulong word in _words) count += BitOperations.PopCount(word);
        return (int)count;
    }

    /// <summary>How many bits are set in the rows first..first+count−1.</summary>
    public int Count(int first, int count)
    {
        CheckRange(first, count);
        int total = 0;
        for (int word = first >> 6, end = first + count; count > 0 && word << 6 < end; word++)
            total += BitOperations.PopCount(WordWithin(word, first, end));
        return total;
    }

    /// <summary>The first set row at or after <paramref name="row"/>, or −1.</summary>
    public int NextSet(int row)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(row);
        if (row >= Length) return -1;
        int index = row >> 6;
        ulong word = _words[index] & ulong.MaxValue << row;
        while (word == 0)
        {
            if (++index == _words.Length) return -1;
            word = _words[index];
        }

        return (index << 6) + BitOperations.TrailingZeroCount(word);
    }

    /// <summary>Enumerates the set rows in ascending order without allocating.</summary>
    public Enumerator GetEnumerator() => new(_words);

    /// <summary>The word at an index with the bits outside first..end−1 cleared.</summary>
    internal ulong WordWithin(int index, int first, int end)
    {
        ulong word = _words[index];
        int start = index << 6;
        if (start < first) word &= ulong.MaxValue << first;
        if (end - start < 64) word &= ulong.MaxValue >> (64 - (end - start));
        return word;
    }

    private void Apply(int index, ulong mask, bool value) => _words[index] = value ? _words[index] | mask : _words[index] & ~mask;

    private void TrimTail()
    {
        if ((Length & 63) != 0) _words[^1] &= ulong.MaxValue >> (64 - (Length & 63));
    }

    private BitSet Same(BitSet other) => other.Length == Length
        ? other
        : throw new ArgumentException($"expected a bitmap of {Length} rows, found {other.Length}", nameof(other));

    private void CheckRange(int first, int count)
    {
        if (first < 0 || count < 0 || first > Length - count)
            throw new ArgumentOutOfRangeException(nameof(first), $"expected a range within {Length} rows, found {first} + {count}");
    }

    private void ThrowRow(int row) => throw new ArgumentOutOfRangeException(nameof(row), row, $"expected a row below {Length}");

    /// <summary>Walks set rows in ascending order.</summary>
    public ref struct Enumerator
    {
        private readonly ReadOnlySpan<ulong> _words;
        private int _index;
        private ulong _rest;

        internal Enumerator(ReadOnlySpan<ulong> words)
        {
            _words = words;
            _index = -1;
        }

        /// <summary>The current row.</summary>
        public int Current { get; private set; }

        /// <summary>Moves to the next set row.</summary>
        public bool MoveNext()
        {
            while (_rest == 0)
            {
                if (++_index >= _words.Length) return false;
                _rest = _words[_index];
            }

            Current = (_index << 6) + BitOperations.TrailingZeroCount(_rest);
            _rest &= _rest - 1;
            return true;
        }
    }
}
