using MiniMilvus.Conformance.Tools;
using MiniMilvus.Conformance.Woodpecker;
using MiniMilvus.Core.Events;
using MiniMilvus.Storage.Etcd;
using MiniMilvus.Storage.Meta;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Woodpecker;

namespace MiniMilvus.Conformance.Etcd;

/// <summary>The log on a store without conditional puts, with its metadata and its lock in a real etcd.</summary>
[NeedsTool("etcd")]
public sealed class LockedEtcdWoodpeckerTests(EtcdFixture etcd) : WoodpeckerConformance, IClassFixture<EtcdFixture>
{
    private readonly UnconditionalObjects _objects = new(new MemoryObjectStore());
    private EtcdMetaStore? _meta;

    protected override IMetaStore Meta => _meta!;

    protected override IWoodpecker Create(WoodpeckerOptions options, IStationSink stations, string writerId) =>
        new ObjectWoodpecker(_objects, LogMeta, options, Time, stations, writerId, ObjectFence.Lock);

    public override async Task InitializeAsync() => _meta = await EtcdMetaStore.OpenAsync((await etcd.ServerAsync()).Options, TimeProvider.System, CancellationToken.None);

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        _meta!.Dispose();
    }
}
