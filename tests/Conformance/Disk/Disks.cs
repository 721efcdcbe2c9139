using MiniMilvus.Conformance.Support;
using MiniMilvus.Storage.Disk;

namespace MiniMilvus.Conformance.Disk;

public sealed class RealDiskTests : DiskConformance
{
    private readonly TemporaryFolder _folder = new();

    protected override IDisk Create() => new RealDisk(_folder.Path);

    protected override void CleanUp() => _folder.Delete();
}

public sealed class SimulatedDiskConformanceTests : DiskConformance
{
    protected override IDisk Create() => new SimulatedDisk(TimeProvider.System, 1).Mount();
}
