using System.ComponentModel.DataAnnotations;
using MiniMilvus.Coordinator;
using MiniMilvus.DataNode;
using MiniMilvus.Host.Verifying;
using MiniMilvus.Proxy;
using MiniMilvus.QueryNode;
using MiniMilvus.Storage.Compaction;
using MiniMilvus.Storage.Objects;
using MiniMilvus.StreamingNode;
using MiniMilvus.Woodpecker;

namespace MiniMilvus.Host;

/// <summary>The roles that a process can run.</summary>
[Flags]
public enum Roles
{
    None = 0,
    Coordinator = 1,
    StreamingNode = 2,
    QueryNode = 4,
    DataNode = 8,
    Proxy = 16,
    All = Coordinator | StreamingNode | QueryNode | DataNode | Proxy,
}

/// <summary>What one process runs, where, and each role's own settings.</summary>
public sealed record HostOptions : IValidatableObject
{
    /// <summary>The folder that holds the log, the metadata and the segments.</summary>
    public string DataFolder { get; init; } = "minimilvus-data";

    /// <summary>The address to listen on. Loopback unless told otherwise: there is no authentication yet.</summary>
    public string Listen { get; init; } = "127.0.0.1";

    /// <summary>The Milvus gRPC API and the roles' own services; 0 = any free port.</summary>
    public int GrpcPort { get; init; } = 19530;

    /// <summary>Health and metrics; 0 = any free port.</summary>
    public int HttpPort { get; init; } = 9091;

    public Roles Roles { get; init; } = Roles.All;

    /// <summary>HOST:PORT of the coordinator's gRPC port, when it runs in another process.</summary>
    public string CoordinatorAddress { get; init; } = "";

    /// <summary>The least level that is logged.</summary>
    public LogLevel LogLevel { get; init; } = LogLevel.Information;

    /// <summary>Log to standard error; off where the server lives inside another program's terminal.</summary>
    public bool LogToConsole { get; init; } = true;

    /// <summary>Where the log and the segments lie: the same for all roles.</summary>
    public StorageType StorageType { get; init; } = StorageType.Local;

    /// <summary>Where the coordinator keeps the metadata.</summary>
    public MetaType MetaType { get; init; } = MetaType.Embedded;

    public MinioOptions Minio { get; init; } = new();
    public EtcdSettings Etcd { get; init; } = new();

    /// <summary>What the object store charges, for the metrics; its currency is yours.</summary>
    public ObjectStoreTariff Tariff { get; init; } = new();
    public ScrubOptions Scrub { get; init; } = new();
    public CoordinatorOptions Coordinator { get; init; } = new();
    public ProxyOptions Proxy { get; init; } = new();
    public StreamingNodeOptions StreamingNode { get; init; } = new();
    public QueryNodeOptions QueryNode { get; init; } = new();
    public DataNodeOptions DataNode { get; init; } = new();
    /// <summary>When sealed segments are compacted.</summary>
    public CompactionOptions DataCoord { get; init; } = new();
    public RetentionOptions Common { get; init; } = new();
    public WoodpeckerOptions Woodpecker { get; init; } = new();

    /// <summary>Where log and segments lie, for messages.</summary>
    public string DataPlace => StorageType == StorageType.Remote ? $"bucket '{Minio.BucketName}'" : Path.GetFullPath(DataFolder);

    /// <summary>The settings of different roles that contradict each other; a member name is a key.</summary>
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (Proxy.MessageBytesMax > Woodpecker.EntryBytesMax)
        {
            yield return new($"at most the {Woodpecker.EntryBytesMax} of Woodpecker:EntryBytesMax", ["Proxy:MessageBytesMax"]);
        }
    }

    public bool Has(Roles role) => (Roles & role) != 0;
}
