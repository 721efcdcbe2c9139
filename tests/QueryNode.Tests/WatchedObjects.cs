using System.Buffers;
using System.Collections.Concurrent;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Storage.Objects;

namespace MiniMilvus.QueryNode.Tests;

/// <summary>
/// A store whose views are like mapped files: what reads one that was let go fails, and so does a distance from bytes that were pinned no more.
/// </summary>
internal sealed class WatchedObjects(IObjectStore inner) : IObjectStore
{
    private readonly ConcurrentQueue<Pages> _views = [];

    /// <summary>Views that are still mapped.</summary>
    public int Mapped => _views.Count(v => v.IsMapped);

    public int Opened => _views.Count;

    /// <summary>Which objects cannot be viewed for now.</summary>
    public Func<string, bool> IsAway { get; set; } = static _ => false;

    public ValueTask<ObjectInfo> PutAsync(string key, ReadOnlySequence<byte> content, PutCondition condition, CancellationToken ct) => inner.PutAsync(key, content, condition, ct);

    public ValueTask<ReadOnlyMemory<byte>> GetAsync(string key, CancellationToken ct) => inner.GetAsync(key, ct);

    public async ValueTask<FileView> ViewAsync(string key, CancellationToken ct)
    {
        if (IsAway(key))
        {
            throw MiniMilvusException.Unavailable($"view of object '{key}'");
        }

        var pages = new Pages((await inner.GetAsync(key, ct)).ToArray());
        _views.Enqueue(pages);
        return FileView.Of(pages, true);
    }

    public ValueTask<ReadOnlyMemory<byte>> GetRangeAsync(string key, long offset, long bytes, CancellationToken ct) => inner.GetRangeAsync(key, offset, bytes, ct);

    public ValueTask<ObjectInfo?> HeadAsync(string key, CancellationToken ct) => inner.HeadAsync(key, ct);

    public IAsyncEnumerable<ObjectInfo> ListAsync(string prefix, CancellationToken ct) => inner.ListAsync(prefix, ct);

    public ValueTask DeleteAsync(string key, CancellationToken ct) => inner.DeleteAsync(key, ct);

    private sealed class Pages(byte[] bytes) : MemoryManager<byte>
    {
        private readonly MemoryHandle _place = bytes.AsMemory().Pin();
        private int _users = 1;
        private int _isDisposed;

        public bool IsMapped => Volatile.Read(ref _users) > 0;

        public override Span<byte> GetSpan() => _isDisposed == 0 ? bytes : throw new ObjectDisposedException("a view that was let go");

        public override unsafe MemoryHandle Pin(int elementIndex = 0)
        {
            Interlocked.Increment(ref _users);
            return new MemoryHandle((byte*)_place.Pointer + elementIndex, default, this);
        }

        public override void Unpin()
        {
            if (Interlocked.Decrement(ref _users) == 0)
            {
                bytes.AsSpan().Fill(0xFF);
            }
        }

        protected override void Dispose(bool disposing)
        {
            if (Interlocked.Exchange(ref _isDisposed, 1) == 0)
            {
                Unpin();
            }
        }
    }
}
