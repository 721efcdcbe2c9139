using MiniMilvus.Core.Errors;

namespace MiniMilvus.Woodpecker.Tests.Compaction;

internal enum CompactionFault
{
    FailBefore,
    LostReply,
    CrashBefore,
    CrashAfter,
    /// <summary>It happens, and once more when the test says so.</summary>
    Twice,
    /// <summary>It happens when the test says so.</summary>
    Hold,
}

/// <summary>What befalls one step of one process's compaction. Steps wait until the test opens the gate.</summary>
/// <param name="kind">What happens.</param>
/// <param name="at">To which step, from 1.</param>
/// <param name="step">Counted among those of this name: some go at once, so that only each name's own count is the same in every run.</param>
internal sealed class CompactionFaults(CompactionFault kind, int at, string? step = null)
{
    private readonly TaskCompletionSource _gate = New();
    private readonly TaskCompletionSource _fired = New();
    private readonly TaskCompletionSource _release = New();
    private readonly Dictionary<int, TaskCompletionSource> _failed = [];
    private int _steps;
    private int _failures;
    private volatile bool _isDead;

    public Task Fired => _fired.Task;

    /// <summary>The step that was struck, known before anything of it is seen.</summary>
    public string? Hit { get; private set; }

    public bool IsDead => _isDead;

    /// <summary>Of <see cref="CompactionFault.Twice"/>: the second time.</summary>
    public Func<Task>? Again { get; private set; }

    /// <summary>Every step fails before it happens.</summary>
    public bool FailsAll { get; set; }

    /// <summary>Completes when so many steps have failed.</summary>
    public Task FailedAsync(int times)
    {
        lock (_failed)
        {
            if (!_failed.TryGetValue(times, out var seen))
            {
                _failed[times] = seen = New();
            }

            if (_failures >= times)
            {
                seen.TrySetResult();
            }

            return seen.Task;
        }
    }

    public void Open() => _gate.TrySetResult();

    public void Release() => _release.TrySetResult();

    public async Task<T> StepAsync<T>(string name, Func<Task<T>> apply)
    {
        await _gate.Task;
        RequireAlive();
        if (FailsAll)
        {
            lock (_failed)
            {
                if (_failed.TryGetValue(++_failures, out var seen))
                {
                    seen.TrySetResult();
                }
            }

            _fired.TrySetResult();
            throw MiniMilvusException.Unavailable($"injected: {name} did not happen");
        }

        if ((step is not null && name != step) || Interlocked.Increment(ref _steps) != at)
        {
            return await apply();
        }

        Hit = name;
        switch (kind)
        {
            case CompactionFault.FailBefore:
                _fired.TrySetResult();
                throw MiniMilvusException.Unavailable($"injected: {name} did not happen");
            case CompactionFault.LostReply:
                await OutcomeAsync(apply);
                _fired.TrySetResult();
                throw MiniMilvusException.Unavailable($"injected: the reply to {name} was lost");
            case CompactionFault.CrashBefore:
                _isDead = true;
                _fired.TrySetResult();
                RequireAlive();
                throw new InvalidOperationException();
            case CompactionFault.CrashAfter:
                await OutcomeAsync(apply);
                _isDead = true;
                _fired.TrySetResult();
                RequireAlive();
                throw new InvalidOperationException();
            case CompactionFault.Twice:
                Again = () => OutcomeAsync(apply);
                _fired.TrySetResult();
                return await apply();
            default:
                _fired.TrySetResult();
                await _release.Task;
                return await apply();
        }
    }

    public void RequireAlive()
    {
        if (_isDead)
        {
            throw MiniMilvusException.Unavailable("injected: this process is dead");
        }
    }

    /// <summary>An answer is an answer, "absent" too.</summary>
    private static async Task OutcomeAsync<T>(Func<Task<T>> apply)
    {
        try
        {
            await apply();
        }
        catch (Exception e) when (e is OperationCanceledException or MiniMilvusException { Kind: ErrorKind.NotFound })
        {
            return;
        }
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
