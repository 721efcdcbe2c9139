using MiniMilvus.Core.Time;

namespace MiniMilvus.QueryNode.Segments;

/// <summary>When each row was first deleted: eight bytes a row, in pages that exist where a delete has been. One writer, readers beside it.</summary>
internal sealed class DeleteTicks
{
    private const int PageBits = 8;
    private const int PageRows = 1 << PageBits;
    private ulong[]?[] _pages = [];
    private int _pageCount;

    public long Bytes => (8L * Volatile.Read(ref _pages).Length) + (8L * PageRows * Volatile.Read(ref _pageCount));

    /// <summary>The tick of the row's first delete; zero = never deleted.</summary>
    public Timestamp Of(int row)
    {
        var pages = Volatile.Read(ref _pages);
        var page = row >> PageBits < pages.Length ? Volatile.Read(ref pages[row >> PageBits]) : null;
        return new Timestamp(page is null ? 0 : Volatile.Read(ref page[row & (PageRows - 1)]));
    }

    /// <summary>Records a delete unless an earlier one, or this one, is known; whether it did.</summary>
    public bool TryLower(int row, Timestamp tick)
    {
        var known = Of(row);
        if (known != Timestamp.Zero && known <= tick)
        {
            return false;
        }

        Volatile.Write(ref Page(row)[row & (PageRows - 1)], tick.Value);
        return true;
    }

    private ulong[] Page(int row)
    {
        var at = row >> PageBits;
        if (at >= _pages.Length)
        {
            var pages = _pages;
            Array.Resize(ref pages, Math.Max(at + 1, pages.Length * 2));
            Volatile.Write(ref _pages, pages);
        }

        if (_pages[at] is { } present)
        {
            return present;
        }

        var page = new ulong[PageRows];
        Volatile.Write(ref _pages[at], page);
        Volatile.Write(ref _pageCount, _pageCount + 1);
        return page;
    }
}
