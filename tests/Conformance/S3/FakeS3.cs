using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Xml.Linq;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using MiniMilvus.Storage.S3;

namespace MiniMilvus.Conformance.S3;

/// <summary>What a server does with a condition that it is sent.</summary>
public enum OnCondition
{
    Ignores,
    Honours,
    Rejects,
}

/// <summary>
/// A server on the loopback that speaks as much of S3 as the store needs: PUT, GET with a range, HEAD, LIST v2, DELETE, ETags, both kinds of
/// signature (verified in full). Each conditional header is honoured, rejected (501) or, like any header it does not know, ignored.
/// </summary>
public sealed partial class FakeS3 : IAsyncDisposable
{
    public const string Bucket = "mini-milvus", AccessKey = "fake-access", SecretKey = "fake-secret";
    private readonly WebApplication _app;
    private readonly ConcurrentDictionary<string, bool> _buckets = new() { [Bucket] = true };
    private readonly Lock _lock = new();
    private readonly SortedDictionary<string, (byte[] Content, string? Checksum)> _objects = new(Utf8Order.Instance);

    private FakeS3(WebApplication app) => _app = app;

    public ConcurrentDictionary<string, OnCondition> Conditions { get; } = new(StringComparer.OrdinalIgnoreCase);

    public ConcurrentQueue<S3Fault> Faults { get; } = new();

    /// <summary>Every request as it came: the method, the key, the names of the signed headers.</summary>
    public ConcurrentQueue<(string Method, string Key, string SignedHeaders)> Requests { get; } = new();

    public Uri Endpoint => new(_app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());

    public static async Task<FakeS3> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http1);
        });
        var fake = new FakeS3(builder.Build());
        fake._app.Run(fake.HandleAsync);
        await fake._app.StartAsync();
        return fake;
    }

    /// <summary>As a server of this profile does: honours its header, has not heard of the others'.</summary>
    public FakeS3 As(S3Profile profile)
    {
        Conditions[profile.IfAbsent.Key] = OnCondition.Honours;
        if (profile.HasIfMatch)
        {
            Conditions["If-Match"] = OnCondition.Honours;
        }

        return this;
    }

    public S3Options Options(S3Profile profile) => new()
    {
        Profile = profile, Bucket = Bucket, Endpoint = Endpoint, Region = "us-east-1", Credentials = new S3Credentials(AccessKey, SecretKey), RootPath = "root/of it",
    };

    /// <summary>An object that somebody else put there.</summary>
    public void Place(string key, byte[] content)
    {
        lock (_lock)
        {
            _objects[key] = (content, null);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync(new CancellationToken(canceled: true));
        await _app.DisposeAsync();
    }

    private async Task HandleAsync(HttpContext context)
    {
        var target = context.Features.Get<IHttpRequestFeature>()!.RawTarget;
        var path = Uri.UnescapeDataString(target.Split('?')[0]).TrimStart('/');
        var slash = path.IndexOf('/', StringComparison.Ordinal);
        var (bucket, key) = slash < 0 ? (path, "") : (path[..slash], path[(slash + 1)..]);
        var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body);
        Requests.Enqueue((context.Request.Method, key, FakeSignature.SignedHeaders(context.Request)));

        var fault = Faults.TryPeek(out var next) && next.Concerns(context.Request.Method, key) && Faults.TryDequeue(out next) ? next : null;
        var refusal = fault is { Status: { } status } ? new Answer(status, fault.Code)
            : FakeSignature.Verify(context.Request, target, body.ToArray()) is { } wrong ? new Answer(403, wrong)
            : !_buckets.ContainsKey(bucket) && (key.Length > 0 || context.Request.Method != "PUT") ? new Answer(404, "NoSuchBucket")
            : null;
        if (fault?.DropsBefore == true)
        {
            context.Abort();
            return;
        }

        var answer = refusal ?? Answer(context.Request, bucket, key, body.ToArray());
        if (fault?.Hold is { } hold)
        {
            hold.Arrived.TrySetResult();
            await hold.Release.Task;
        }

        if (fault?.DropsAfter == true)
        {
            context.Abort();
            return;
        }

        await answer.WriteAsync(context, fault);
    }

    private Answer Answer(HttpRequest request, string bucket, string key, byte[] body) => request.Method switch
    {
        "PUT" when key.Length == 0 => _buckets.TryAdd(bucket, true) ? new Answer(200) : new Answer(409, "BucketAlreadyOwnedByYou"),
        "PUT" => Put(request, key, body),
        "GET" when key.Length == 0 => List(request.Query),
        "GET" or "HEAD" => Get(request, key),
        "DELETE" => Delete(key),
        _ => new Answer(405, "MethodNotAllowed"),
    };

    private Answer Put(HttpRequest request, string key, byte[] body)
    {
        string? checksum = request.Headers["x-amz-checksum-crc32"];
        if (checksum is not null && checksum != Crc32(body))
        {
            return new Answer(400, "BadDigest");
        }

        lock (_lock)
        {
            var current = _objects.TryGetValue(key, out var found) ? ETag(found.Content) : null;
            foreach (var (header, fails) in new[]
            {
                ("If-None-Match", current is not null), ("x-goog-if-generation-match", current is not null), ("x-oss-forbid-overwrite", current is not null),
                ("If-Match", request.Headers.IfMatch.ToString() != current),
            })
            {
                if (!request.Headers.ContainsKey(header))
                {
                    continue;
                }

                switch (Conditions.GetValueOrDefault(header))
                {
                    case OnCondition.Rejects:
                        return new Answer(501, "NotImplemented");
                    case OnCondition.Honours when fails:
                        return header == "x-oss-forbid-overwrite" ? new Answer(409, "FileAlreadyExists")
                            : header == "If-Match" && current is null ? new Answer(404, "NoSuchKey")
                            : new Answer(412, "PreconditionFailed");
                }
            }

            _objects[key] = (body, checksum);
        }

        return new Answer(200) { Headers = { ["ETag"] = $"\"{ETag(body)}\"" } };
    }

    private Answer Get(HttpRequest request, string key)
    {
        (byte[] Content, string? Checksum) found;
        lock (_lock)
        {
            if (!_objects.TryGetValue(key, out found))
            {
                return new Answer(404, "NoSuchKey");
            }
        }

        var answer = new Answer(200) { Headers = { ["ETag"] = $"\"{ETag(found.Content)}\"" }, Body = found.Content };
        if (request.GetTypedHeaders().Range?.Ranges.Single() is { } range)
        {
            var (from, to) = (range.From!.Value, Math.Min(range.To ?? long.MaxValue, found.Content.Length - 1));
            return from >= found.Content.Length
                ? new Answer(416, "InvalidRange")
                : answer.Part(from, to);
        }

        if (found.Checksum is not null && request.Headers["x-amz-checksum-mode"] == "ENABLED")
        {
            answer.Headers["x-amz-checksum-crc32"] = found.Checksum;
        }

        return answer;
    }

    private Answer List(IQueryCollection query)
    {
        var prefix = query["prefix"].ToString();
        string? after = query["continuation-token"];
        var keys = int.Parse(query["max-keys"].ToString(), CultureInfo.InvariantCulture);
        List<KeyValuePair<string, (byte[] Content, string? Checksum)>> found;
        lock (_lock)
        {
            found = [.. _objects.Where(o => o.Key.StartsWith(prefix, StringComparison.Ordinal) && (after is null || Utf8Order.Instance.Compare(o.Key, after) > 0)).Take(keys + 1)];
        }

        XNamespace s3 = "http://s3.amazonaws.com/doc/2006-03-01/";
        var page = found.Take(keys).ToList();
        var truncated = found.Count > keys;
        var xml = new XElement(
            s3 + "ListBucketResult",
            new XElement(s3 + "Name", Bucket), new XElement(s3 + "Prefix", prefix), new XElement(s3 + "KeyCount", page.Count), new XElement(s3 + "MaxKeys", keys),
            new XElement(s3 + "IsTruncated", truncated), truncated ? new XElement(s3 + "NextContinuationToken", page[^1].Key) : null,
            page.Select(o => new XElement(s3 + "Contents", new XElement(s3 + "Key", o.Key), new XElement(s3 + "ETag", $"\"{ETag(o.Value.Content)}\""), new XElement(s3 + "Size", o.Value.Content.Length))));
        return new Answer(200) { Body = Encoding.UTF8.GetBytes(xml.ToString()), Headers = { ["Content-Type"] = "application/xml" } };
    }

    private Answer Delete(string key)
    {
        lock (_lock)
        {
            _objects.Remove(key);
        }

        return new Answer(204);
    }

    /// <summary>With a dash, as of an upload in parts, which says that it is not the content's MD5.</summary>
    private static string ETag(byte[] content) => Convert.ToHexStringLower(SHA256.HashData(content).AsSpan(0, 16)) + "-1";

    private static string Crc32(byte[] content)
    {
        var crc = uint.MaxValue;
        foreach (var b in content)
        {
            crc ^= b;
            for (var bit = 0; bit < 8; bit++)
            {
                crc = (crc >> 1) ^ (0xEDB88320 & (0 - (crc & 1)));
            }
        }

        return Convert.ToBase64String([(byte)(~crc >> 24), (byte)(~crc >> 16), (byte)(~crc >> 8), (byte)~crc]);
    }

    /// <summary>The order in which S3 lists.</summary>
    private sealed class Utf8Order : IComparer<string>
    {
        public static readonly Utf8Order Instance = new();

        public int Compare(string? x, string? y) => Encoding.UTF8.GetBytes(x!).AsSpan().SequenceCompareTo(Encoding.UTF8.GetBytes(y!));
    }
}
