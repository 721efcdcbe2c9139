using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace MiniMilvus.Conformance.S3;

/// <summary>Verifies signatures in the Authorization header, of AWS (AWS4-HMAC-SHA256) and of Google (GOOG4-HMAC-SHA256), which differ in their names only.</summary>
internal static class FakeSignature
{
    public static string SignedHeaders(HttpRequest request) => Field(request, "SignedHeaders");

    /// <summary>The code of the refusal; null when all is well.</summary>
    public static string? Verify(HttpRequest request, string target, byte[] body)
    {
        var algorithm = request.Headers.Authorization.ToString().Split(' ')[0];
        if (algorithm is not ("AWS4-HMAC-SHA256" or "GOOG4-HMAC-SHA256"))
        {
            return "AccessDenied";
        }

        var (prefix, scheme) = algorithm[0] == 'A' ? ("x-amz-", "AWS4") : ("x-goog-", "GOOG4");
        var foreign = scheme == "AWS4" ? "x-goog-" : "x-amz-";
        if (request.Headers.Keys.Any(name => name.StartsWith(foreign, StringComparison.OrdinalIgnoreCase)))
        {
            return "MalformedSecurityHeader"; // as Google says to a mixture
        }

        var scope = Field(request, "Credential").Split('/');
        if (scope[0] != FakeS3.AccessKey)
        {
            return "InvalidAccessKeyId";
        }

        var signed = SignedHeaders(request).Split(';');
        var mustSign = request.Headers.Keys.Select(k => k.ToLowerInvariant()).Where(k => k.StartsWith("x-", StringComparison.Ordinal) || k.StartsWith("if-", StringComparison.Ordinal));
        if (mustSign.Except(signed).Any() || Hash(body) != request.Headers[prefix + "content-sha256"])
        {
            return "XAmzContentSHA256Mismatch";
        }

        var canonical = string.Join('\n', [
            request.Method,
            target.Split('?')[0],
            string.Join('&', (target.Split('?', 2) is [_, var query] ? query.Split('&') : []).Select(p => p.Contains('=', StringComparison.Ordinal) ? p : p + "=").Order(StringComparer.Ordinal)),
            .. signed.Select(name => $"{name}:{request.Headers[name].ToString().Trim()}"),
            "",
            string.Join(';', signed),
            request.Headers[prefix + "content-sha256"].ToString(),
        ]);
        var toSign = string.Join('\n', algorithm, request.Headers[prefix + "date"].ToString(), string.Join('/', scope[1..]), Hash(Encoding.UTF8.GetBytes(canonical)));
        var key = scope[1..].Aggregate(Encoding.UTF8.GetBytes(scheme + FakeS3.SecretKey), (k, part) => HMACSHA256.HashData(k, Encoding.UTF8.GetBytes(part)));
        return Convert.ToHexStringLower(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(toSign))) == Field(request, "Signature") ? null : "SignatureDoesNotMatch";
    }

    private static string Hash(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    private static string Field(HttpRequest request, string name)
    {
        var authorization = request.Headers.Authorization.ToString();
        var at = authorization.IndexOf(name + "=", StringComparison.Ordinal);
        return at < 0 ? "" : authorization[(at + name.Length + 1)..].Split(',')[0].Trim();
    }
}
