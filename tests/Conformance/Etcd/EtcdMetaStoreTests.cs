using MiniMilvus.Conformance.Meta;
using MiniMilvus.Conformance.Tools;
using MiniMilvus.Storage.Etcd;
using MiniMilvus.Storage.Etcd.Wire;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Conformance.Etcd;

/// <summary>A real etcd, shared by the tests: leases of one may run out during another.</summary>
[NeedsTool("etcd")]
public sealed class EtcdMetaStoreTests(EtcdFixture etcd) : MetaStoreConformance, IClassFixture<EtcdFixture>
{
    private EtcdOptions? _options;

    protected override bool IsAlone => false;

    protected override async ValueTask<IMetaStore> OpenAsync()
    {
        _options = (await etcd.ServerAsync()).Options;
        // The longest: what fits the bounds of the contract fits etcd's with it.
        _options = _options with { RootPath = _options.RootPath.PadRight(128, '-') };
        return await EtcdMetaStore.OpenAsync(_options, TimeProvider.System, Soon);
    }

    protected override ValueTask CloseAsync()
    {
        ((EtcdMetaStore)Store).Dispose();
        return default;
    }

    protected override async ValueTask PassAsync(TimeSpan time) => await Task.Delay(time, TimeProvider.System, Soon);

    protected override async ValueTask CompactAsync(long revision)
    {
        using var raw = new RawEtcd(_options!);
        await raw.Kv.CompactAsync(new CompactionRequest { Revision = revision }, cancellationToken: Soon);
    }
}
