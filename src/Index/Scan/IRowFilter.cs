using System.Runtime.CompilerServices;
using MiniMilvus.Index.Bitmaps;

namespace MiniMilvus.Index.Scan;

/// <summary>Which rows may be found. Implement it as a struct: loops are compiled once per filter and no call in them is virtual.</summary>
public interface IRowFilter
{
    /// <summary>True when the row may be found. Must be cheap and must not change while a search runs.</summary>
    bool Allows(int row);
}

/// <summary>Lets every row pass.</summary>
public readonly struct AllRows : IRowFilter
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Allows(int row) => true;
}

/// <summary>Lets the rows of a bitmap pass; rows past its end do not.</summary>
public readonly struct RowsIn(BitSet rows) : IRowFilter
{
    private readonly BitSet _rows = rows;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Allows(int row) => (uint)row < (uint)_rows.Length && _rows.Get(row);
}

/// <summary>Lets the rows below a bound pass.</summary>
public readonly struct RowsBelow(int end) : IRowFilter
{
    private readonly int _end = end;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Allows(int row) => row < _end;
}

/// <summary>Lets the rows of a bitmap pass that lie below a bound.</summary>
internal readonly struct RowsInBelow(BitSet rows, int end) : IRowFilter
{
    private readonly BitSet _rows = rows;
    private readonly int _end = Math.Min(end, rows.Length);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Allows(int row) => row < _end && _rows.Get(row);
}
