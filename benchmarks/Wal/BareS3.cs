using System.Collections.Concurrent;
using System.Diagnostics;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;
using MiniMilvus.Benchmarks.Measuring;
using MiniMilvus.Storage.S3;

namespace MiniMilvus.Benchmarks.Wal;

/// <summary>AWSSDK.S3 alone, set as the log's own store sets it, putting and getting objects that lie in memory already.</summary>
internal sealed class BareS3 : IDisposable
{
    private readonly AmazonS3Client _client;
    private readonly string _bucket;
    private int _keys;

    public BareS3(S3Options options)
    {
        _bucket = options.Bucket;
        _client = new AmazonS3Client(new BasicAWSCredentials(options.Credentials!.AccessKeyId, options.Credentials.SecretKey), new AmazonS3Config
        {
            ServiceURL = options.Endpoint!.GetLeftPart(UriPartial.Authority), AuthenticationRegion = "us-east-1", ForcePathStyle = true, DisableLogging = true, MaxErrorRetry = 0,
            RequestChecksumCalculation = RequestChecksumCalculation.WHEN_REQUIRED, ResponseChecksumValidation = ResponseChecksumValidation.WHEN_REQUIRED,
            MaxConnectionsPerServer = options.ConnectionsMax, IgnoreConfiguredEndpointUrls = true,
        });
    }

    /// <returns>Megabytes a second with so many puts on their way; the objects are removed again.</returns>
    public async Task<double> PutAsync(IReadOnlyList<int> sizes, int parallel)
    {
        var bytes = new byte[sizes.Max()];
        new Random(7).NextBytes(bytes);
        var keys = new ConcurrentBag<string>();
        var began = Stopwatch.GetTimestamp();
        await ForEachAsync(sizes, parallel, async size =>
        {
            var key = NextKey();
            await PutAsync(key, bytes, size);
            keys.Add(key);
        });
        var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        await DeleteAsync(keys);
        return sizes.Sum(s => (long)s) / 1e6 / seconds;
    }

    /// <returns>Microseconds of each of so many puts, one after the other.</returns>
    public async Task<List<double>> LoneAsync(int size, int count)
    {
        var (bytes, times, keys) = (new byte[size], new List<double>(count), new List<string>());
        for (var i = 0; i < count; i++)
        {
            keys.Add(NextKey());
            var began = Stopwatch.GetTimestamp();
            await PutAsync(keys[i], bytes, size);
            times.Add(Stopwatch.GetElapsedTime(began).TotalMicroseconds);
        }

        await DeleteAsync(keys);
        return times;
    }

    /// <returns>Megabytes a second with so many whole objects on their way at a time.</returns>
    public async Task<double> GetAsync(IReadOnlyList<(string Key, long Bytes)> objects, int parallel)
    {
        var began = Stopwatch.GetTimestamp();
        await ForEachAsync(objects, parallel, async item =>
        {
            using var response = await _client.GetObjectAsync(new GetObjectRequest { BucketName = _bucket, Key = item.Key, ByteRange = new ByteRange(0, long.MaxValue) });
            await response.ResponseStream.ReadExactlyAsync(GC.AllocateUninitializedArray<byte>((int)item.Bytes));
        });
        return objects.Sum(o => o.Bytes) / 1e6 / Stopwatch.GetElapsedTime(began).TotalSeconds;
    }

    public Task DeleteAsync(IEnumerable<string> keys) => ForEachAsync([.. keys], 32, key => _client.DeleteObjectAsync(_bucket, key));

    public void Dispose() => _client.Dispose();

    private string NextKey() => $"bare/{Interlocked.Increment(ref _keys):D8}";

    private async Task PutAsync(string key, byte[] bytes, int size)
    {
        using var stream = new MemoryStream(bytes, 0, size, writable: false);
        await _client.PutObjectAsync(new PutObjectRequest { BucketName = _bucket, Key = key, InputStream = stream, UseChunkEncoding = false, ContentType = "application/octet-stream" });
    }

    private static async Task ForEachAsync<T>(IReadOnlyList<T> items, int parallel, Func<T, Task> body)
    {
        var next = -1;
        await Task.WhenAll(Enumerable.Range(0, parallel).Select(async _ =>
        {
            await Task.Yield();
            while (Interlocked.Increment(ref next) is var i && i < items.Count)
            {
                await body(items[i]);
            }
        }));
    }
}
