using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Disk;

namespace MiniMilvus.Woodpecker.Local;

/// <summary>Refuses appends before the disk is full, retriably and without failing the writer; looks at the disk once a second at most.</summary>
internal sealed class DiskSpaceGuard(IDisk disk, WoodpeckerOptions options, TimeProvider time)
{
    private readonly Lock _lock = new();
    private long _lookedAt;
    private string? _refusal;
    private bool _looked;

    public void RequireRoom()
    {
        if (Look() is { } refusal)
        {
            throw MiniMilvusException.Unavailable(ErrorReason.DiskFull, refusal);
        }
    }

    private string? Look()
    {
        lock (_lock)
        {
            if (_looked && time.GetElapsedTime(_lookedAt) < options.DiskSpaceLookInterval)
            {
                return _refusal;
            }

            (_looked, _lookedAt) = (true, time.GetTimestamp());
            var (free, total) = disk.Space();
            return _refusal = options.RefusesWith(free, total)
                ? $"the log's disk is nearly full: expected at least {options.DiskFreeBytesMin} bytes free and at most {options.DiskUsedFractionMax:P0} used, found {free} of {total} free; append again when there is room"
                : null;
        }
    }
}
