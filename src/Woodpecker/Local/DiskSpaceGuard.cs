using MiniMilvus.Storage.Disk;
using MiniMilvus.Woodpecker.Backends;

namespace MiniMilvus.Woodpecker.Local;

/// <summary>Slows appends before the disk is nearly full and refuses them then, without failing the writer; looks at the disk once a second at most.</summary>
internal sealed class DiskSpaceGuard(IDisk disk, WoodpeckerOptions options, TimeProvider time)
{
    private readonly Lock _lock = new();
    private long _lookedAt;
    private DiskRoom _found;
    private bool _looked;

    public DiskRoom Room
    {
        get
        {
            lock (_lock)
            {
                if (!_looked || time.GetElapsedTime(_lookedAt) >= options.DiskSpaceLookInterval)
                {
                    (_looked, _lookedAt) = (true, time.GetTimestamp());
                    _found = Look();
                }

                return _found;
            }
        }
    }

    private DiskRoom Look()
    {
        try
        {
            var (free, total) = disk.Space();
            return new DiskRoom(options.DiskPressure(free, total), options.RefusesWith(free, total)
                ? $"the log's disk is nearly full: expected at least {options.DiskFreeBytesMin} bytes free and at most {options.DiskUsedFractionMax:P0} used, found {free} of {total} free; append again when there is room"
                : null);
        }
        catch (IOException e)
        {
            return new DiskRoom(1, $"the log's disk does not tell how much is free; append again when it does: {e.Message}");
        }
    }
}
