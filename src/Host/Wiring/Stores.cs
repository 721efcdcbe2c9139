using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Events;
using MiniMilvus.Host.Remote;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Storage.Etcd;
using MiniMilvus.Storage.Meta;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Storage.S3;
using MiniMilvus.Woodpecker;

namespace MiniMilvus.Host.Wiring;

/// <summary>Opens what the process keeps its state in, by configuration: a folder, a bucket, an etcd, or the coordinator of another process.</summary>
internal sealed class Stores(HostOptions options, TimeProvider time, IStationSink stations, Belongings belongings, Action<Exception> failed)
{
    private static readonly string Self = $"{Environment.MachineName}/{Environment.ProcessId}";
    private StoreCapabilities? _probed;
    private readonly RealDisk? _disk = options.StorageType == StorageType.Local || (options.MetaType == MetaType.Embedded && options.Has(Roles.Coordinator))
        ? new RealDisk(Path.GetFullPath(options.DataFolder))
        : null;

    /// <summary>The coordinator's own store, whose ownership this process takes; the other roles reach it through <paramref name="remote"/>.</summary>
    public async Task<IMetaStore> OpenMetaAsync(Func<RemoteMetaStore> remote, CancellationToken ct)
    {
        if (!options.Has(Roles.Coordinator))
        {
            return remote();
        }

        if (options.MetaType == MetaType.Embedded)
        {
            belongings.Add(FolderLock.Acquire(Path.Combine(Path.GetFullPath(options.DataFolder), "meta")));
            var embedded = await EmbeddedMetaStore.OpenAsync(_disk!, "meta", time, new EmbeddedMetaStoreOptions(), ct);
            belongings.Add(embedded);
            _ = ForwardFailureAsync(embedded);
            return embedded;
        }

        var etcd = await EtcdMetaStore.OpenAsync(options.Etcd, time, ct);
        belongings.Add(etcd);
        belongings.Add(await OwnerLease.AcquireAsync(etcd, OwnerLease.CoordinatorKey, options.Etcd.SessionTimeToLive, time, failed, ct));
        return etcd;
    }

    public async Task<IObjectStore> OpenObjectsAsync(CancellationToken ct)
    {
        if (options.StorageType == StorageType.Local)
        {
            return await LocalObjectStore.OpenAsync(_disk!, "objects", ct);
        }

        var s3 = await S3ObjectStore.OpenAsync(S3Of(options.Minio), time, ct);
        belongings.Add(s3);
        if (options.Has(Roles.StreamingNode))
        {
            _probed = (await new ConditionalPutProbe(s3, new Random(HashCode.Combine(Environment.MachineName, Environment.ProcessId, time.GetTimestamp()))).RunAsync(ct)).RequireSafe();
        }

        var counting = new CountingObjectStore(s3, tariff: options.Tariff);
        belongings.Add(counting);
        return counting;
    }

    public async Task<IWoodpecker> OpenLogAsync(IMetaStore meta, IObjectStore objects, ILogger logger, CancellationToken ct)
    {
        IWoodpecker log;
        if (options.StorageType == StorageType.Remote)
        {
            var fence = _probed is null ? await ObjectFences.FindFenceAsync(meta, ct) : await ObjectFences.DecideAsync(meta, _probed, ct);
            log = new ObjectWoodpecker(objects, meta, options.Woodpecker, time, stations, Self, fence ?? ObjectFence.ConditionalPut, logger);
        }
        else
        {
            if (options.Has(Roles.StreamingNode))
            {
                belongings.Add(FolderLock.Acquire(Path.Combine(Path.GetFullPath(options.DataFolder), "logs")));
            }

            log = new LocalWoodpecker(_disk!, meta, options.Woodpecker, time, stations, Self, logger);
        }

        belongings.Add(log);
        return log;
    }

    private async Task ForwardFailureAsync(EmbeddedMetaStore store)
    {
        await store.Stopped;
        if (store.Failure is { } failure)
        {
            failed(failure);
        }
    }

    public static S3Options S3Of(MinioOptions o) => new()
    {
        Profile = S3Profile.Parse(o.CloudProvider),
        Endpoint = o.Address.Length == 0 ? null : Uri.TryCreate(o.Address, UriKind.Absolute, out var address)
            ? address
            : throw MiniMilvusException.Invalid($"setting Minio:Address: expected http://host:port or https://host:port, found '{o.Address}'"),
        Region = o.Region.Length == 0 ? null : o.Region,
        Bucket = o.BucketName,
        RootPath = o.RootPath,
        CreatesBucket = o.CreateBucket,
        Credentials = o.AccessKeyId.Length == 0 && o.SecretAccessKey.Length == 0 ? null : new S3Credentials(o.AccessKeyId, o.SecretAccessKey),
    };
}
