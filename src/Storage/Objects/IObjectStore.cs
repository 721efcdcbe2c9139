using System.Buffers;
using MiniMilvus.Storage.Disk;

namespace MiniMilvus.Storage.Objects;

/// <summary>What is known of a stored object. <see cref="ETag"/> changes with the content; some stores (S3) give equal content an equal one.</summary>
public sealed record ObjectInfo(string Key, long Bytes, string ETag);

/// <summary>The condition of a put.</summary>
public abstract record PutCondition
{
    private PutCondition()
    {
    }

    public sealed record None : PutCondition;

    /// <summary>Only if no object has the key: of several racers exactly one wins.</summary>
    public sealed record IfAbsent : PutCondition;

    /// <summary>Only if the object still has this ETag.</summary>
    public sealed record IfMatch(string ETag) : PutCondition;

    public static readonly PutCondition Always = new None();
    public static readonly PutCondition Absent = new IfAbsent();
}

/// <summary>
/// Whole objects under string keys ('/' separates, nothing else is special; 1 to 1024 UTF-8 bytes, no empty, "." or ".." part, no control
/// character, no backslash; a key is not also a "folder" of others). A put is atomic and durable when it returns: readers see the old
/// object or the new one, whole. A put that threw Unavailable may still appear (W14). List is strongly consistent, ordinal order.
/// Buffers belong to the caller again when the call returns. Errors: MiniMilvusException — NotFound (get, head), Conflict (a condition failed),
/// Unavailable (try again; never "absent", W11), Corrupted, Invalid (a bad key).
/// </summary>
public interface IObjectStore
{
    ValueTask<ObjectInfo> PutAsync(string key, ReadOnlySequence<byte> content, PutCondition condition, CancellationToken ct);

    /// <summary>The whole object.</summary>
    ValueTask<ReadOnlyMemory<byte>> GetAsync(string key, CancellationToken ct);

    /// <summary>
    /// The whole object, verified as by <see cref="GetAsync"/>, to be read where it lies: mapped where the store has files, else read. A later put
    /// or delete of the key does not change it. The caller disposes the view when nothing reads its bytes any more.
    /// </summary>
    async ValueTask<FileView> ViewAsync(string key, CancellationToken ct) => FileView.Of(await GetAsync(key, ct));

    /// <summary>A range; shorter at the end of the object. Offset beyond the end gives an empty answer.</summary>
    ValueTask<ReadOnlyMemory<byte>> GetRangeAsync(string key, long offset, long bytes, CancellationToken ct);

    /// <summary>Null when absent.</summary>
    ValueTask<ObjectInfo?> HeadAsync(string key, CancellationToken ct);

    /// <summary>Objects whose key starts with the prefix, in ordinal order.</summary>
    IAsyncEnumerable<ObjectInfo> ListAsync(string prefix, CancellationToken ct);

    /// <summary>Absent is fine.</summary>
    ValueTask DeleteAsync(string key, CancellationToken ct);
}
