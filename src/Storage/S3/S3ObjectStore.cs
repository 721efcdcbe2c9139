using System.Buffers;
using System.Net;
using System.Runtime.CompilerServices;
using System.Text;
using Amazon.S3;
using Amazon.S3.Model;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Objects;

namespace MiniMilvus.Storage.S3;

/// <summary>
/// Objects in a bucket, through AWSSDK.S3; one call is one request (a list: one a page), never retried here. Every request ends within
/// its time limit. A whole object is one put: multipart uploads are not used, for their commit is not conditional everywhere.
/// Besides the contract's errors: Invalid for keys that are refused, a bucket that does not exist, and (reason NotSupported) a condition
/// that the server does not know. An empty 404 of a HEAD is taken as "absent": <see cref="OpenAsync"/> has seen the bucket.
/// </summary>
public sealed class S3ObjectStore : IObjectStore, IDisposable
{
    private const long UnseenBytesMax = 64 * 1024 * 1024;
    private readonly AmazonS3Client _client;
    private readonly IDisposable? _sockets;
    private readonly TimeProvider _time;

    private S3ObjectStore(S3Options options, TimeProvider time)
    {
        Options = options.Validate();
        _time = time;
        (_client, _sockets) = S3Client.Create(options, time);
    }

    public S3Options Options { get; }

    /// <summary>Opens the bucket, which must answer, and exist unless the options say that it is to be created.</summary>
    public static async ValueTask<S3ObjectStore> OpenAsync(S3Options options, TimeProvider time, CancellationToken ct)
    {
        var store = new S3ObjectStore(options, time);
        try
        {
            try
            {
                await store.ListPageAsync(options.Prefix, 1, null, ct);
            }
            catch (MiniMilvusException e) when (options.CreatesBucket && e.InnerException is AmazonS3Exception { ErrorCode: "NoSuchBucket" })
            {
                await store.CreateBucketAsync(ct);
            }

            return store;
        }
        catch
        {
            store.Dispose();
            throw;
        }
    }

    public async ValueTask<ObjectInfo> PutAsync(string key, ReadOnlySequence<byte> content, PutCondition condition, CancellationToken ct)
    {
        // A put that was given up may still be sending for a moment: the stream ends with the call, and the signed hash refuses changed bytes.
        using var stream = new SequenceStream(content);
        var request = new PutObjectRequest
        {
            BucketName = Options.Bucket,
            Key = KeyOf(key),
            InputStream = stream,
            AutoCloseStream = false,
            UseChunkEncoding = false,
            ContentType = "application/octet-stream",
        };
        S3Conditions.Add(request, condition, Options);
        var response = await RunAsync("put", key, content.Length, condition, token => _client.PutObjectAsync(request, token), ct);
        return new ObjectInfo(key, content.Length, ETag(response.ETag));
    }

    /// <summary>
    /// Without a stored checksum the whole is asked for as a range, or else the client takes the ETag for an MD5: half the speed, and a
    /// failure where the ETag is something else.
    /// </summary>
    public ValueTask<ReadOnlyMemory<byte>> GetAsync(string key, CancellationToken ct) =>
        GetAsync(key, Options.Profile.StoresChecksums ? null : new ByteRange(0, long.MaxValue), ct);

    public async ValueTask<ReadOnlyMemory<byte>> GetRangeAsync(string key, long offset, long bytes, CancellationToken ct)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        if (bytes > 0)
        {
            return await GetAsync(key, new ByteRange(offset, offset > long.MaxValue - bytes ? long.MaxValue : offset + bytes - 1), ct);
        }

        // HTTP has no empty range.
        return await HeadAsync(key, ct) is null ? throw ObjectKeys.NotFound(key) : ReadOnlyMemory<byte>.Empty;
    }

    public async ValueTask<ObjectInfo?> HeadAsync(string key, CancellationToken ct)
    {
        try
        {
            var request = new GetObjectMetadataRequest { BucketName = Options.Bucket, Key = KeyOf(key) };
            var found = await RunAsync("head", key, 0, null, token => _client.GetObjectMetadataAsync(request, token), ct);
            return found.ContentLength >= 0
                ? new ObjectInfo(key, found.ContentLength, ETag(found.ETag))
                : throw MiniMilvusException.Unavailable($"head of '{key}' in {Options.Name}: expected a length, found {found.ContentLength}");
        }
        catch (MiniMilvusException e) when (e.Kind == ErrorKind.NotFound)
        {
            return null;
        }
    }

    public async IAsyncEnumerable<ObjectInfo> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken ct)
    {
        ObjectKeys.CheckPrefix(prefix);
        var order = new OrdinalRuns();
        var pages = new S3Pages(Options, prefix);
        string? token = null;
        do
        {
            var page = await ListPageAsync(Options.Prefix + prefix, Options.ListPageKeys, token, ct);
            pages.Check(page, token);
            foreach (var found in page.S3Objects ?? [])
            {
                // "folder/" is what consoles leave to show a folder; no key of ours ends so.
                if (!found.Key.EndsWith('/'))
                {
                    foreach (var next in order.Add(new ObjectInfo(found.Key[Options.Prefix.Length..], found.Size!.Value, ETag(found.ETag))))
                    {
                        yield return next;
                    }
                }
            }

            token = page.IsTruncated == true ? page.NextContinuationToken : null;
        }
        while (token is not null);

        foreach (var rest in order.Flush())
        {
            yield return rest;
        }
    }

    public async ValueTask DeleteAsync(string key, CancellationToken ct)
    {
        try
        {
            var request = new DeleteObjectRequest { BucketName = Options.Bucket, Key = KeyOf(key) };
            await RunAsync("delete", key, 0, null, token => _client.DeleteObjectAsync(request, token), ct);
        }
        catch (MiniMilvusException e) when (e.Kind == ErrorKind.NotFound)
        {
            // Some servers say so; absent is fine.
        }
    }

    public void Dispose()
    {
        _client.Dispose();
        _sockets?.Dispose();
    }

    private async ValueTask CreateBucketAsync(CancellationToken ct)
    {
        try
        {
            await RunAsync("create", Options.Bucket, 0, null, token => _client.PutBucketAsync(new PutBucketRequest { BucketName = Options.Bucket }, token), ct);
        }
        catch (MiniMilvusException e) when (e.InnerException is AmazonS3Exception { ErrorCode: "BucketAlreadyOwnedByYou" })
        {
            // Another process of ours was quicker.
        }
    }

    private static string ETag(string? etag) => etag?.Trim('"') ?? "";

    private string KeyOf(string key)
    {
        ObjectKeys.Check(key);
        var full = Options.Prefix + key;
        return Encoding.UTF8.GetByteCount(full) <= ObjectKeys.BytesMax
            ? full
            : throw MiniMilvusException.Invalid($"object key '{key}': with the root path '{Options.RootPath}' it has more than {ObjectKeys.BytesMax} bytes");
    }

    private async ValueTask<ReadOnlyMemory<byte>> GetAsync(string key, ByteRange? range, CancellationToken ct)
    {
        var request = new GetObjectRequest { BucketName = Options.Bucket, Key = KeyOf(key), ByteRange = range };
        try
        {
            using var response = await RunAsync("get", key, 0, null, token => _client.GetObjectAsync(request, token), ct);
            S3Ranges.Check(response, range, key, Options);
            return await RunAsync("get", key, response.ContentLength, null, token => ReadAsync(key, response, token), ct);
        }
        catch (MiniMilvusException e) when (e.InnerException is AmazonS3Exception { StatusCode: HttpStatusCode.RequestedRangeNotSatisfiable })
        {
            return ReadOnlyMemory<byte>.Empty; // it exists and is no longer than the offset
        }
    }

    private async Task<ReadOnlyMemory<byte>> ReadAsync(string key, GetObjectResponse response, CancellationToken ct)
    {
        if (response.ContentLength > Array.MaxLength)
        {
            throw MiniMilvusException.Invalid($"object '{key}' has {response.ContentLength} bytes: read it in ranges");
        }

        // What the server says is believed as it comes true: it costs no memory before.
        var buffer = GC.AllocateUninitializedArray<byte>((int)Math.Min(response.ContentLength, UnseenBytesMax));
        var read = 0;
        while (true)
        {
            read += await response.ResponseStream.ReadAtLeastAsync(buffer.AsMemory(read), buffer.Length - read, throwOnEndOfStream: false, ct);
            if (read < buffer.Length || read == response.ContentLength)
            {
                break;
            }

            Array.Resize(ref buffer, (int)Math.Min(response.ContentLength, 4L * buffer.Length));
        }

        var more = read == buffer.Length ? await response.ResponseStream.ReadAsync(new byte[1], ct) : 0; // also where the checksum is verified
        return read == buffer.Length && more == 0
            ? buffer
            : throw MiniMilvusException.Unavailable($"get of '{key}' in {Options.Name}: expected {response.ContentLength} bytes, found {(more > 0 ? "more" : read)}");
    }

    private ValueTask<ListObjectsV2Response> ListPageAsync(string prefix, int keys, string? token, CancellationToken ct)
    {
        var request = new ListObjectsV2Request { BucketName = Options.Bucket, Prefix = prefix, MaxKeys = keys, ContinuationToken = token };
        return RunAsync("list", prefix, 0, null, t => _client.ListObjectsV2Async(request, t), ct);
    }

    private async ValueTask<T> RunAsync<T>(string operation, string key, long bytes, PutCondition? condition, Func<CancellationToken, Task<T>> call, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        using var deadline = new CancellationTokenSource(Options.TimeoutOf(bytes), _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, deadline.Token);
        try
        {
            return await call(either.Token);
        }
        catch (Exception e)
        {
            if (S3Errors.Translate(e, Options, operation, key, condition, ct) is { } translated)
            {
                throw translated;
            }

            throw;
        }
    }
}
