using MiniMilvus.Conformance.Support;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Conformance.Meta;

public sealed class MemoryMetaStoreTests : MetaStoreConformance
{
    private readonly ManualTime _time = new();

    protected override ValueTask<IMetaStore> OpenAsync() => new(new MemoryMetaStore(_time, historyRevisions: 1000));

    protected override ValueTask CloseAsync()
    {
        ((MemoryMetaStore)Store).Dispose();
        return default;
    }

    protected override ValueTask PassAsync(TimeSpan time)
    {
        _time.Advance(time);
        return default;
    }

    protected override async ValueTask CompactAsync(long revision)
    {
        for (var i = 0; i < 1000; i++)
        {
            await PutAsync("filler", $"{i}");
        }
    }
}

public sealed class EmbeddedMetaStoreTests : MetaStoreConformance
{
    private readonly ManualTime _time = new();
    private readonly TemporaryFolder _folder = new();

    protected override async ValueTask<IMetaStore> OpenAsync() => await EmbeddedMetaStore.OpenAsync(
        new RealDisk(_folder.Path), "meta", _time, new EmbeddedMetaStoreOptions { JournalBytesMax = 16 * 1024, HistoryRevisions = 200 }, Soon);

    protected override async ValueTask CloseAsync()
    {
        await ((EmbeddedMetaStore)Store).DisposeAsync();
        _folder.Delete();
    }

    protected override ValueTask PassAsync(TimeSpan time)
    {
        _time.Advance(time);
        return default;
    }

    protected override async ValueTask CompactAsync(long revision)
    {
        for (var i = 0; i < 200; i++)
        {
            await PutAsync("filler", $"{i}");
        }
    }
}
