using MiniMilvus.Conformance.Support;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Storage.Objects;

namespace MiniMilvus.Conformance.Objects;

public sealed class MemoryObjectStoreTests : ObjectStoreConformance
{
    protected override ValueTask<IObjectStore> OpenAsync() => new(new MemoryObjectStore());

    protected override ValueTask CloseAsync() => default;
}

public sealed class LocalObjectStoreTests : ObjectStoreConformance
{
    private readonly TemporaryFolder _folder = new();

    protected override async ValueTask<IObjectStore> OpenAsync() => await LocalObjectStore.OpenAsync(new RealDisk(_folder.Path), "objects", CancellationToken.None);

    protected override ValueTask CloseAsync()
    {
        _folder.Delete();
        return default;
    }
}

public sealed class LocalObjectStoreOnSimulatedDiskTests : ObjectStoreConformance
{
    protected override async ValueTask<IObjectStore> OpenAsync() =>
        await LocalObjectStore.OpenAsync(new SimulatedDisk(TimeProvider.System, 1).Mount(), "", CancellationToken.None);

    protected override ValueTask CloseAsync() => default;
}
