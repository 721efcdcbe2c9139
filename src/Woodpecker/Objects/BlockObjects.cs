using System.Buffers;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Woodpecker.Blocks;

namespace MiniMilvus.Woodpecker.Objects;

/// <summary>
/// Blocks as objects that are put under a key nobody has taken yet. Who takes a key first wins: that is the order of the log and its
/// fence at once. A put whose reply was lost is tried again and recognises its own object by its bytes (W14).
/// </summary>
internal sealed class BlockObjects(IObjectStore store, WoodpeckerOptions options, TimeProvider time)
{
    /// <summary>False when somebody else's object lies there. Durable when it returns.</summary>
    public async ValueTask<bool> TryPutAsync(string key, ReadOnlySequence<byte> bytes, CancellationToken ct)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await store.PutAsync(key, bytes, PutCondition.Absent, ct);
                return true;
            }
            catch (MiniMilvusException e) when (e.Kind == ErrorKind.Conflict)
            {
                var found = await GetAsync(key, ct);
                return found is { } there && there.Span.SequenceEqual(bytes.ToArray());
            }
            catch (MiniMilvusException e) when (e.Kind == ErrorKind.Unavailable && attempt < options.ObjectAttemptsMax)
            {
                await Task.Delay(options.ObjectRetryDelay, time, ct);
            }
        }
    }

    /// <summary>Puts under a key that nobody else has, whatever lies there: it can only be this, again or late (W14). Durable when it returns.</summary>
    public async ValueTask PutAsync(string key, ReadOnlySequence<byte> bytes, CancellationToken ct)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await store.PutAsync(key, bytes, PutCondition.Always, ct);
                return;
            }
            catch (MiniMilvusException e) when (e.Kind == ErrorKind.Unavailable && attempt < options.ObjectAttemptsMax)
            {
                await Task.Delay(options.ObjectRetryDelay, time, ct);
            }
        }
    }

    /// <summary>Null when absent, which is never said of a store that did not answer (W11).</summary>
    public ValueTask<ReadOnlyMemory<byte>?> GetAsync(string key, CancellationToken ct) => TryAsync(() => store.GetAsync(key, ct), ct);

    /// <summary>A block's header alone, or what there is of it; null when absent.</summary>
    public ValueTask<ReadOnlyMemory<byte>?> GetHeaderAsync(string key, CancellationToken ct) => TryAsync(() => store.GetRangeAsync(key, 0, BlockHeader.Bytes, ct), ct);

    public ValueTask<ReadOnlyMemory<byte>?> GetRangeAsync(string key, long offset, int bytes, CancellationToken ct) => TryAsync(() => store.GetRangeAsync(key, offset, bytes, ct), ct);

    private async ValueTask<ReadOnlyMemory<byte>?> TryAsync(Func<ValueTask<ReadOnlyMemory<byte>>> get, CancellationToken ct)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await get();
            }
            catch (MiniMilvusException e) when (e.Kind == ErrorKind.NotFound)
            {
                return null;
            }
            catch (MiniMilvusException e) when (e.Kind == ErrorKind.Unavailable && attempt < options.ObjectAttemptsMax)
            {
                await Task.Delay(options.ObjectRetryDelay, time, ct);
            }
        }
    }

    /// <summary>An object that is thought to be smaller, by one request.</summary>
    public async ValueTask<AheadAnswer> GetAheadAsync(string key, int bytesMax, CancellationToken ct)
    {
        var found = await GetRangeAheadAsync(key, 0, bytesMax, ct);
        return found.Bytes?.Length < bytesMax ? found : found with { Bytes = null };
    }

    /// <summary>A range of an object, by one request.</summary>
    public async ValueTask<AheadAnswer> GetRangeAheadAsync(string key, long offset, int bytes, CancellationToken ct)
    {
        try
        {
            return new(true, await store.GetRangeAsync(key, offset, bytes, ct));
        }
        catch (MiniMilvusException e) when (e.Kind == ErrorKind.NotFound)
        {
            return default;
        }
    }

    public async ValueTask<bool> ExistsAsync(string key, CancellationToken ct) => await store.HeadAsync(key, ct) is not null;

    /// <summary>The numbers of a segment's blocks that are there.</summary>
    public async ValueTask<IReadOnlyList<long>> ListNumbersAsync(string log, long segment, CancellationToken ct)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                var numbers = new List<long>();
                await foreach (var info in store.ListAsync(ObjectPaths.Segment(log, segment), ct))
                {
                    if (ObjectPaths.ParseBlock(info.Key) is { } block)
                    {
                        numbers.Add(block.Number);
                    }
                }

                return numbers;
            }
            catch (MiniMilvusException e) when (e.Kind == ErrorKind.Unavailable && attempt < options.ObjectAttemptsMax)
            {
                await Task.Delay(options.ObjectRetryDelay, time, ct);
            }
        }
    }

    public async ValueTask DeleteAllAsync(string prefix, CancellationToken ct)
    {
        var keys = new List<string>();
        await foreach (var info in store.ListAsync(prefix, ct))
        {
            keys.Add(info.Key);
        }

        foreach (var key in keys)
        {
            await store.DeleteAsync(key, ct);
        }
    }

    public static ReadOnlySequence<byte> Encode(EncodedBlock block, string log, long number)
    {
        var bytes = new byte[block.Bytes];
        block.Header.WriteTo(bytes, log, number);
        var at = BlockHeader.Bytes;
        foreach (var part in block.Payload)
        {
            part.Span.CopyTo(bytes.AsSpan(at));
            at += part.Length;
        }

        return new ReadOnlySequence<byte>(bytes);
    }

    public static ReadOnlySequence<byte> Encode(BlockHeader footer, string log, long number)
    {
        var bytes = new byte[BlockHeader.Bytes];
        footer.WriteTo(bytes, log, number);
        return new ReadOnlySequence<byte>(bytes);
    }
}
