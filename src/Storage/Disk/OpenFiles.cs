using Microsoft.Win32.SafeHandles;

namespace MiniMilvus.Storage.Disk;

/// <summary>
/// Bounds the descriptors of files that are open for writing: the longest unused gives its up and gets another when it is used again, so a
/// process may write more files than the system lets it hold. A file with bytes that no flush has covered keeps its descriptor, for the
/// flush must hear of an error that the system met in writing them.
/// </summary>
internal sealed class OpenFiles(int max)
{
    private readonly Lock _lock = new();

    /// <summary>Open, clean and unused; the longest unused first.</summary>
    private readonly LinkedList<Entry> _idle = [];
    private int _open;

    /// <summary>One file: its place in the order of disuse, and its descriptor while it has one.</summary>
    internal sealed class Entry(Func<SafeFileHandle> reopen)
    {
        internal SafeFileHandle? Handle { get; set; }

        internal int Users { get; set; }

        internal bool IsClosed { get; set; }

        /// <summary>Writes that have come back, and how many of them a finished flush has covered.</summary>
        internal long Written { get; set; }

        internal long Flushed { get; set; }

        internal LinkedListNode<Entry>? Node { get; set; }

        internal SafeFileHandle Reopen() => reopen();
    }

    public Entry Add(SafeFileHandle handle, Func<SafeFileHandle> reopen)
    {
        var entry = new Entry(reopen) { Handle = handle };
        lock (_lock)
        {
            _open++;
            Rest(entry);
        }

        return entry;
    }

    /// <param name="written">The writes that have come back: what a flush from here on covers.</param>
    public SafeFileHandle Rent(Entry entry, out long written)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(entry.IsClosed, typeof(RealDiskFile));
            if (entry.Node is { } node)
            {
                _idle.Remove(node);
                entry.Node = null;
            }

            if (entry.Handle is null)
            {
                entry.Handle = entry.Reopen();
                _open++;
            }

            entry.Users++;
            written = entry.Written;
            return entry.Handle;
        }
    }

    /// <param name="wrote">It was rented for a write, which may have happened even when it failed.</param>
    /// <param name="flushed">The writes that a flush has covered.</param>
    public void Return(Entry entry, bool wrote = false, long flushed = 0)
    {
        lock (_lock)
        {
            entry.Users--;
            entry.Written += wrote ? 1 : 0;
            entry.Flushed = Math.Max(entry.Flushed, flushed);
            Rest(entry);
        }
    }

    public void Close(Entry entry)
    {
        lock (_lock)
        {
            entry.IsClosed = true;
            Rest(entry);
        }
    }

    private void Rest(Entry entry)
    {
        if (entry.Users > 0 || entry.Handle is null)
        {
            return;
        }

        if (entry.IsClosed)
        {
            if (entry.Node is { } node)
            {
                _idle.Remove(node);
                entry.Node = null;
            }

            CloseHandle(entry);
        }
        else if (entry.Flushed == entry.Written && entry.Node is null)
        {
            entry.Node = _idle.AddLast(entry);
        }

        while (_open > max && _idle.First is { } oldest)
        {
            _idle.RemoveFirst();
            oldest.Value.Node = null;
            CloseHandle(oldest.Value);
        }
    }

    private void CloseHandle(Entry entry)
    {
        entry.Handle!.Dispose();
        entry.Handle = null;
        _open--;
    }
}
