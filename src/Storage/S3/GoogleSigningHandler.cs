using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Amazon.Runtime;

namespace MiniMilvus.Storage.S3;

/// <summary>
/// Signs again what AWSSDK has signed, as Google Cloud Storage wants it (GOOG4-HMAC-SHA256, x-goog- names): it refuses its own headers, the
/// condition among them, in a request signed for AWS.
/// </summary>
internal sealed class GoogleSigningHandler(S3Credentials credentials, string region, TimeProvider time, HttpMessageHandler inner) : DelegatingHandler(inner)
{
    private const string Algorithm = "GOOG4-HMAC-SHA256";

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        Sign(request, time.GetUtcNow());
        return base.SendAsync(request, cancellationToken);
    }

    private void Sign(HttpRequestMessage request, DateTimeOffset now)
    {
        var uri = request.RequestUri!;
        var hash = request.Headers.GetValues("X-Amz-Content-SHA256").Single();
        foreach (var name in request.Headers.Select(h => h.Key).Where(n => n.StartsWith("x-amz-", StringComparison.OrdinalIgnoreCase)).ToList())
        {
            request.Headers.Remove(name);
        }

        var date = now.UtcDateTime.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);
        request.Headers.Host = uri.Authority;
        request.Headers.Add("x-goog-date", date);
        request.Headers.Add("x-goog-content-sha256", hash);
        var headers = request.Headers.Where(h => h.Key.StartsWith("x-goog-", StringComparison.OrdinalIgnoreCase) || h.Key == "Host")
            .Select(h => (Name: h.Key.ToLowerInvariant(), Value: string.Join(',', h.Value)))
            .OrderBy(h => h.Name, StringComparer.Ordinal).ToList();
        var names = string.Join(';', headers.Select(h => h.Name));
        var query = uri.Query.TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries).Select(p => p.Contains('=', StringComparison.Ordinal) ? p : p + "=");
        var canonical = string.Join('\n', [
            request.Method.Method, uri.AbsolutePath, string.Join('&', query.Order(StringComparer.Ordinal)), .. headers.Select(h => $"{h.Name}:{h.Value}"), "", names, hash,
        ]);
        string[] scope = [date[..8], region, "storage", "goog4_request"];
        var text = string.Join('\n', Algorithm, date, string.Join('/', scope), Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(canonical))));
        var key = scope.Aggregate(Encoding.UTF8.GetBytes("GOOG4" + credentials.SecretKey), (k, part) => HMACSHA256.HashData(k, Encoding.UTF8.GetBytes(part)));
        var signature = Convert.ToHexStringLower(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(text)));
        request.Headers.Remove("Authorization");
        request.Headers.TryAddWithoutValidation("Authorization", $"{Algorithm} Credential={credentials.AccessKeyId}/{string.Join('/', scope)}, SignedHeaders={names}, Signature={signature}");
    }
}

/// <summary>Hands AWSSDK one client for all requests, over a handler of ours.</summary>
internal sealed class OneHttpClient(HttpMessageHandler handler) : HttpClientFactory, IDisposable
{
    private readonly HttpClient _client = new(handler) { Timeout = Timeout.InfiniteTimeSpan };

    public override HttpClient CreateHttpClient(IClientConfig clientConfig) => _client;

    public override bool UseSDKHttpClientCaching(IClientConfig clientConfig) => false;

    public override bool DisposeHttpClientsAfterUse(IClientConfig clientConfig) => false;

    public override string? GetConfigUniqueString(IClientConfig clientConfig) => null;

    public void Dispose() => _client.Dispose();
}
