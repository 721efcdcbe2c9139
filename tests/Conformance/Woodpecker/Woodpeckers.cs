using MiniMilvus.Conformance.Support;
using MiniMilvus.Core.Events;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Woodpecker;

namespace MiniMilvus.Conformance.Woodpecker;

public sealed class MemoryWoodpeckerTests : WoodpeckerConformance
{
    private readonly MemoryObjectStore _objects = new();

    protected override IWoodpecker Create(WoodpeckerOptions options, IStationSink stations, string writerId) =>
        new ObjectWoodpecker(_objects, LogMeta, options, Time, stations, writerId);
}

public sealed class DisorderlyMemoryWoodpeckerTests : WoodpeckerConformance
{
    private readonly DisorderlyObjects _objects = new(new MemoryObjectStore(), seed: 7, lostReplies: 0.1, failures: 0.05);

    protected override IWoodpecker Create(WoodpeckerOptions options, IStationSink stations, string writerId) =>
        new ObjectWoodpecker(_objects, LogMeta, options with { ObjectAttemptsMax = 50 }, Time, stations, writerId);
}

public sealed class LocalWoodpeckerTests : WoodpeckerConformance
{
    private readonly TemporaryFolder _folder = new();

    protected override IWoodpecker Create(WoodpeckerOptions options, IStationSink stations, string writerId) =>
        new LocalWoodpecker(new RealDisk(_folder.Path), LogMeta, options, Time, stations, writerId);

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        _folder.Delete();
    }
}

public sealed class LocalWoodpeckerOnSimulatedDiskTests : WoodpeckerConformance
{
    private readonly SimulatedDisk _disk = new(TimeProvider.System, 1);

    protected override IWoodpecker Create(WoodpeckerOptions options, IStationSink stations, string writerId) =>
        new LocalWoodpecker(_disk.Mount(), LogMeta, options, Time, stations, writerId);
}
