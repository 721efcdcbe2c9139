using MiniMilvus.Storage.Etcd;

namespace MiniMilvus.Host;

/// <summary>Where the log and the segments lie.</summary>
public enum StorageType
{
    /// <summary>In the data folder.</summary>
    Local,

    /// <summary>In a bucket of an S3-compatible store: no role needs a disk.</summary>
    Remote,
}

/// <summary>Where the metadata lies.</summary>
public enum MetaType
{
    /// <summary>In the data folder of the coordinator.</summary>
    Embedded,
    Etcd,
}

/// <summary>The bucket, for <see cref="StorageType.Remote"/>; named as Milvus names it, whatever the store.</summary>
public sealed record MinioOptions
{
    /// <summary>http://host:port or https://host:port; empty takes the provider's own.</summary>
    public string Address { get; init; } = "";

    public string BucketName { get; init; } = "minimilvus";

    /// <summary>Where in the bucket the keys begin.</summary>
    public string RootPath { get; init; } = "";

    /// <summary>Empty asks where AWS programs look: environment, profile file, the instance's role.</summary>
    public string AccessKeyId { get; init; } = "";

    public string SecretAccessKey { get; init; } = "";

    /// <summary>s3, minio, gcs, oss or generic (docs/backends.md).</summary>
    public string CloudProvider { get; init; } = "generic";

    public string Region { get; init; } = "";

    /// <summary>Creates the bucket when it does not exist.</summary>
    public bool CreateBucket { get; init; } = true;
}

/// <summary>The etcd, for <see cref="MetaType.Etcd"/>. Only the coordinator talks to it; the other roles ask the coordinator.</summary>
public sealed record EtcdSettings : EtcdOptions
{
    /// <summary>How long the coordinator's ownership outlives it. A restart on the same machine does not wait for it.</summary>
    public TimeSpan SessionTimeToLive { get; init; } = TimeSpan.FromSeconds(10);
}
