namespace MiniMilvus.Storage.Disk;

/// <summary>
/// A disk in memory that can lose power: written but unsynced bytes and names live in a volatile layer, and a cut keeps a random choice of
/// them. A hook sees every step and may answer with a fault. The same calls with the same seeds give the same bytes. Lies below the
/// production backends, so their code is what is tested. Left out: file modes, links, bytes above 2 GiB a file.
/// </summary>
public sealed class SimulatedDisk(TimeProvider time, int seed, long capacityBytes = 1L << 40)
{
    private readonly Lock _lock = new();
    private readonly SimulatedTree _tree = new();
    private readonly SortedDictionary<(DiskStepKind Kind, string Fault), int> _faults = [];
    private long _steps;
    private int _generation;

    /// <summary>Called at every step, under the disk's lock; null means that nothing happens.</summary>
    public Func<DiskStep, DiskFault?>? OnStep { get; set; }

    /// <summary>Steps so far.</summary>
    public long Steps
    {
        get
        {
            lock (_lock)
            {
                return _steps;
            }
        }
    }

    /// <summary>How often each fault struck each kind of step.</summary>
    public IReadOnlyDictionary<(DiskStepKind Kind, string Fault), int> Faults
    {
        get
        {
            lock (_lock)
            {
                return new SortedDictionary<(DiskStepKind, string), int>(_faults);
            }
        }
    }

    /// <summary>The disk as a process sees it from now on. Earlier mounts go on working until <see cref="PowerCut"/> or <see cref="Kill"/>.</summary>
    public IDisk Mount()
    {
        lock (_lock)
        {
            return new SimulatedMount(this, _generation);
        }
    }

    /// <summary>The power fails: unsynced data survives in part, and every mount so far is dead.</summary>
    public void PowerCut(int cutSeed)
    {
        lock (_lock)
        {
            var random = new Random(HashCode(cutSeed));

            // All, nothing and in between: real disks do each, and the extremes are where recovery code is wrong most often.
            var survival = random.Next(4) switch { 0 => 0.0, 1 => 1.0, _ => random.NextDouble() };
            _tree.LosePower(random, survival);
            _generation++;
        }
    }

    /// <summary>The same, where each unsynced sector and name survives with this probability: 0 keeps none, 1 all.</summary>
    public void PowerCut(int cutSeed, double survival)
    {
        lock (_lock)
        {
            _tree.LosePower(new Random(HashCode(cutSeed)), survival);
            _generation++;
        }
    }

    /// <summary>The process is killed, the machine goes on: nothing is lost, and every mount so far is dead.</summary>
    public void Kill()
    {
        lock (_lock)
        {
            _generation++;
        }
    }

    /// <summary>Flips bits of a file on the medium.</summary>
    public void Damage(string path, long offset, byte mask)
    {
        lock (_lock)
        {
            (_tree.Find(path) ?? throw new FileNotFoundException($"'{path}' does not exist", path)).Damage(offset, mask);
        }
    }

    internal (long FreeBytes, long TotalBytes) Space()
    {
        lock (_lock)
        {
            return (capacityBytes - _tree.UsedBytes, capacityBytes);
        }
    }

    /// <summary>One call of a mount: numbered, struck by a fault or not, applied.</summary>
    internal async ValueTask<T> StepAsync<T>(
        int generation, DiskStepKind kind, string path, long offset, long bytes, Func<SimulatedTree, T> apply, Action<SimulatedTree, long>? applyPart, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        DiskStep step;
        DiskFault? fault;
        lock (_lock)
        {
            RequirePower(generation);
            step = new DiskStep(++_steps, kind, path, offset, bytes);
            fault = OnStep?.Invoke(step);
            if (fault is not null)
            {
                var key = (kind, fault.GetType().Name);
                _faults[key] = _faults.GetValueOrDefault(key) + 1;
            }
        }

        if (fault is DiskFault.Slow slow)
        {
            await Task.Delay(slow.Delay, time, ct);
        }
        else if (fault is DiskFault.Held held)
        {
            await held.Until.WaitAsync(ct);
        }

        lock (_lock)
        {
            RequirePower(generation);
            return Strike(step, fault, apply, applyPart);
        }
    }

    /// <summary>Throws when writing <paramref name="growth"/> more bytes would not fit.</summary>
    internal void RequireSpace(SimulatedTree tree, long growth)
    {
        if (growth > 0 && capacityBytes < 1L << 40 && tree.UsedBytes + growth > capacityBytes)
        {
            throw DiskErrors.NoSpace($"{growth} more bytes on a disk of {capacityBytes}");
        }
    }

    internal T Read<T>(int generation, Func<SimulatedTree, T> read)
    {
        lock (_lock)
        {
            RequirePower(generation);
            return read(_tree);
        }
    }

    private T Strike<T>(DiskStep step, DiskFault? fault, Func<SimulatedTree, T> apply, Action<SimulatedTree, long>? applyPart)
    {
        switch (fault)
        {
            case null or DiskFault.Slow or DiskFault.Held:
                return apply(_tree);
            case DiskFault.FailBefore:
                applyPart?.Invoke(_tree, 0);
                throw new IOException($"injected: {step.Kind} of '{step.Path}' failed");
            case DiskFault.FailAfter:
                apply(_tree);
                throw new IOException($"injected: the reply to {step.Kind} of '{step.Path}' was lost");
            case DiskFault.NoSpace:
                applyPart?.Invoke(_tree, 0);
                throw DiskErrors.NoSpace($"injected at {step.Kind} of '{step.Path}'");
            case DiskFault.Torn torn:
                applyPart?.Invoke(_tree, torn.Bytes);
                if (!torn.ThenCut)
                {
                    throw new IOException($"injected: {step.Kind} of '{step.Path}' stopped after {torn.Bytes} bytes");
                }

                break;
            case DiskFault.CutAfter:
                apply(_tree);
                break;
            case DiskFault.Cut:
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(fault), fault, null);
        }

        PowerCut((int)step.Number);
        throw new PowerCutException();
    }

    private void RequirePower(int generation)
    {
        if (generation != _generation)
        {
            throw new PowerCutException();
        }
    }

    private int HashCode(int cutSeed) => unchecked((seed * 486187739) ^ (cutSeed * 16777619) ^ (cutSeed >> 7));
}
