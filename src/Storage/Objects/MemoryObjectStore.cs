using System.Buffers;
using System.Globalization;
using System.Runtime.CompilerServices;

namespace MiniMilvus.Storage.Objects;

/// <summary>Objects in memory: the contract without the disk. Safe for concurrent use; gone with the process.</summary>
public sealed class MemoryObjectStore : IObjectStore
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, (byte[] Content, string ETag)> _objects = new(StringComparer.Ordinal);
    private readonly SortedSet<string> _keys = new(StringComparer.Ordinal);
    private long _writes;

    /// <summary>Bytes of all objects.</summary>
    public long TotalBytes
    {
        get
        {
            lock (_lock)
            {
                return _objects.Values.Sum(o => (long)o.Content.Length);
            }
        }
    }

    public ValueTask<ObjectInfo> PutAsync(string key, ReadOnlySequence<byte> content, PutCondition condition, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        ObjectKeys.Check(key);
        var copy = content.ToArray();
        lock (_lock)
        {
            ObjectKeys.Require(condition, key, _objects.TryGetValue(key, out var found) ? found.ETag : null);
            var etag = (++_writes).ToString("x", CultureInfo.InvariantCulture);
            _objects[key] = (copy, etag);
            _keys.Add(key);
            return new(new ObjectInfo(key, copy.Length, etag));
        }
    }

    public ValueTask<ReadOnlyMemory<byte>> GetAsync(string key, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        return new(Find(key) ?? throw ObjectKeys.NotFound(key));
    }

    public ValueTask<ReadOnlyMemory<byte>> GetRangeAsync(string key, long offset, long bytes, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        var content = Find(key) ?? throw ObjectKeys.NotFound(key);
        var from = Math.Min(offset, content.Length);
        return new(content.AsMemory((int)from, (int)Math.Min(bytes, content.Length - from)));
    }

    public ValueTask<ObjectInfo?> HeadAsync(string key, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        ObjectKeys.Check(key);
        lock (_lock)
        {
            return new(_objects.TryGetValue(key, out var found) ? new ObjectInfo(key, found.Content.Length, found.ETag) : null);
        }
    }

    public async IAsyncEnumerable<ObjectInfo> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken ct)
    {
        ObjectKeys.CheckPrefix(prefix);
        ObjectInfo[] found;
        lock (_lock)
        {
            // Behind every key with the prefix in ordinal order: no key contains that character.
            found = [.. _keys.GetViewBetween(prefix, prefix + char.MaxValue).Select(key => new ObjectInfo(key, _objects[key].Content.Length, _objects[key].ETag))];
        }

        await ValueTask.CompletedTask;
        foreach (var info in found)
        {
            ct.ThrowIfCancellationRequested();
            yield return info;
        }
    }

    public ValueTask DeleteAsync(string key, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        ObjectKeys.Check(key);
        lock (_lock)
        {
            _objects.Remove(key);
            _keys.Remove(key);
        }

        return default;
    }

    private byte[]? Find(string key)
    {
        ObjectKeys.Check(key);
        lock (_lock)
        {
            return _objects.TryGetValue(key, out var found) ? found.Content : null;
        }
    }
}
