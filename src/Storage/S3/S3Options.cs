using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Objects;

namespace MiniMilvus.Storage.S3;

/// <summary>A fixed key pair. <see cref="ToString"/> never shows the secret.</summary>
public sealed record S3Credentials(string AccessKeyId, string SecretKey, string? SessionToken = null)
{
    public override string ToString() => $"access key {AccessKeyId}";
}

/// <summary>Which bucket of which server, and how patient to be with it.</summary>
public sealed record S3Options
{
    public required S3Profile Profile { get; init; }

    public required string Bucket { get; init; }

    /// <summary>http or https, a host, no path; null takes the profile's own.</summary>
    public Uri? Endpoint { get; init; }

    /// <summary>Null takes the profile's own.</summary>
    public string? Region { get; init; }

    /// <summary>Where in the bucket the keys begin ("" = at its top); another deployment may use another.</summary>
    public string RootPath { get; init; } = "";

    /// <summary>Whether opening creates a bucket that does not exist.</summary>
    public bool CreatesBucket { get; init; }

    /// <summary>Null asks where AWS programs look: environment, profile file, the instance's role.</summary>
    public S3Credentials? Credentials { get; init; }

    /// <summary>Null takes the profile's choice.</summary>
    public bool? PathStyle { get; init; }

    /// <summary>Bounds a request; a longer body gets more, by <see cref="BytesPerSecondMin"/>.</summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(10);

    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>The slowest transfer that is not given up.</summary>
    public long BytesPerSecondMin { get; init; } = 1024 * 1024;

    public int ConnectionsMax { get; init; } = 64;

    /// <summary>Keys per LIST request; no server gives more than 1000.</summary>
    public int ListPageKeys { get; init; } = 1000;

    internal Uri? EffectiveEndpoint => Endpoint ?? Profile.DefaultEndpoint;

    internal string EffectiveRegion => Region ?? Profile.DefaultRegion ?? "";

    internal bool EffectivePathStyle => PathStyle ?? Profile.PathStyle;

    internal string Prefix => RootPath.Length == 0 ? "" : RootPath + "/";

    /// <summary>The bucket as messages name it.</summary>
    public string Name => $"{Profile} bucket '{Bucket}' at {EffectiveEndpoint?.GetLeftPart(UriPartial.Authority) ?? $"AWS region {EffectiveRegion}"}";

    /// <summary>Bounds a request that carries so many bytes either way.</summary>
    internal TimeSpan TimeoutOf(long bytes) => RequestTimeout + TimeSpan.FromSeconds((double)bytes / BytesPerSecondMin);

    /// <exception cref="MiniMilvusException">Invalid: which setting, what was expected, what was found.</exception>
    public S3Options Validate()
    {
        Require(Bucket.Length is >= 3 and <= 63 && Bucket.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '-' or '.'),
            "Bucket", "3 to 63 of a-z, 0-9, '-' and '.'", Bucket);
        Require(EffectiveEndpoint is not null || !Profile.NeedsEndpoint, "Endpoint", "the address of the server, such as http://127.0.0.1:9000", "none");
        if (EffectiveEndpoint is { } endpoint)
        {
            Require(endpoint.IsAbsoluteUri && endpoint.Scheme is "http" or "https" && endpoint.PathAndQuery == "/" && endpoint.UserInfo.Length == 0,
                "Endpoint", "http://host:port or https://host:port without a path or a user", endpoint.IsAbsoluteUri ? endpoint.GetLeftPart(UriPartial.Scheme) + endpoint.Host + endpoint.PathAndQuery : endpoint.ToString());
        }

        Require(EffectiveRegion.Length > 0 || (EffectiveEndpoint is not null && Profile != S3Profile.S3), "Region", "the region of the bucket, such as us-east-1", "none");
        Require(Credentials is null || (Credentials.AccessKeyId.Length > 0 && Credentials.SecretKey.Length > 0), "Credentials", "an access key id and a secret key, or neither", "only one");
        Require(Credentials is not null || !Profile.SignsForGoogle, "Credentials", "an HMAC key", "none");
        Require(RequestTimeout > TimeSpan.Zero, "RequestTimeout", "more than zero", RequestTimeout);
        Require(ConnectTimeout > TimeSpan.Zero, "ConnectTimeout", "more than zero", ConnectTimeout);
        Require(BytesPerSecondMin > 0, "BytesPerSecondMin", "at least 1", BytesPerSecondMin);
        Require(ConnectionsMax is >= 1 and <= 10_000, "ConnectionsMax", "1 to 10000", ConnectionsMax);
        Require(ListPageKeys is >= 1 and <= 1000, "ListPageKeys", "1 to 1000", ListPageKeys);
        CheckRootPath();
        return this;
    }

    private void CheckRootPath()
    {
        if (RootPath.Length == 0)
        {
            return;
        }

        try
        {
            ObjectKeys.Check(RootPath);
        }
        catch (MiniMilvusException e)
        {
            throw MiniMilvusException.Invalid($"object storage ({Profile}): RootPath: expected the beginning of a key, found '{RootPath}' ({e.Message})");
        }
    }

    private void Require(bool holds, string setting, string expected, object found)
    {
        if (!holds)
        {
            throw MiniMilvusException.Invalid($"object storage ({Profile}): {setting}: expected {expected}, found {found}");
        }
    }
}
