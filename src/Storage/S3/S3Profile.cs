using MiniMilvus.Core.Errors;

namespace MiniMilvus.Storage.S3;

/// <summary>What differs between the servers that speak S3: where they are, how they are addressed, which checksums they know, and how they are told "only if absent".</summary>
public sealed record S3Profile
{
    private S3Profile(string name) => Name = name;

    /// <summary>Amazon S3: checksums end to end; conditions in standard headers; an endpoint is found by the region.</summary>
    public static S3Profile S3 { get; } = new("s3") { StoresChecksums = true, NeedsEndpoint = false };

    /// <summary>MinIO.</summary>
    public static S3Profile Minio { get; } = new("minio") { PathStyle = true, DefaultRegion = "us-east-1" };

    /// <summary>Google Cloud Storage with an HMAC key: its own condition, which it takes only in requests signed its own way (GOOG4-HMAC-SHA256).</summary>
    public static S3Profile Gcs { get; } = new("gcs")
    {
        PathStyle = true, NeedsEndpoint = false, DefaultEndpoint = new Uri("https://storage.googleapis.com"), DefaultRegion = "auto",
        IfAbsent = new("x-goog-if-generation-match", "0"), HasIfMatch = false, SignsForGoogle = true,
    };

    /// <summary>Alibaba Cloud OSS: the bucket is part of the host name; the condition holds only while the bucket keeps no versions.</summary>
    public static S3Profile Oss { get; } = new("oss") { IfAbsent = new("x-oss-forbid-overwrite", "true"), HasIfMatch = false };

    /// <summary>Anything else that speaks S3 (Ceph's radosgw for one).</summary>
    public static S3Profile Generic { get; } = new("generic") { PathStyle = true, DefaultRegion = "us-east-1" };

    public static IReadOnlyList<S3Profile> All { get; } = [S3, Minio, Gcs, Oss, Generic];

    public string Name { get; }

    /// <summary>The header of a put that must find nothing under its key.</summary>
    public KeyValuePair<string, string> IfAbsent { get; private init; } = new("If-None-Match", "*");

    /// <summary>Whether a put can be bound to an ETag (If-Match).</summary>
    public bool HasIfMatch { get; private init; } = true;

    /// <summary>endpoint/bucket/key rather than bucket.endpoint/key.</summary>
    public bool PathStyle { get; private init; }

    /// <summary>A checksum goes with every put and is verified on every whole get (CRC32 in x-amz-checksum-*). Servers that do not know it fail.</summary>
    public bool StoresChecksums { get; private init; }

    public bool NeedsEndpoint { get; private init; } = true;

    public Uri? DefaultEndpoint { get; private init; }

    /// <summary>Part of the signature; null where the user must say it.</summary>
    public string? DefaultRegion { get; private init; }

    public bool SignsForGoogle { get; private init; }

    /// <exception cref="MiniMilvusException">Invalid: not the name of a profile.</exception>
    public static S3Profile Parse(string name) =>
        All.FirstOrDefault(p => p.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
        ?? throw MiniMilvusException.Invalid($"S3 profile '{name}': expected one of {string.Join(", ", All.Select(p => p.Name))}");

    public override string ToString() => Name;
}
