using System.Text;

namespace MiniMilvus.Simulation.Scheduling;

/// <summary>Nothing can run any more and something is unfinished, or it never ends (W13).</summary>
internal sealed class SimulationHangException(string message) : Exception(message);

/// <summary>Project code ran where the scheduler does not see it: the run cannot be repeated.</summary>
internal sealed class EscapedException(string message) : Exception(message);

/// <summary>
/// One thread runs the whole world. What is ready is taken in seeded order (or, <paramref name="inOrder"/>, as it became ready); time moves
/// only when nothing is ready. One seed, one run.
/// </summary>
internal sealed class SimScheduler(int seed, bool inOrder = false)
{
    private static readonly DateTimeOffset Epoch = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly Random _random = new(seed);
    private readonly Lock _lock = new();
    private readonly List<Work> _ready = [];
    private readonly PriorityQueue<SimTimer, (long Due, long Order)> _timers = new();
    private readonly int _thread = Environment.CurrentManagedThreadId;
    private long _order;
    private string? _escape;

    /// <summary>Time since the world began, in ticks of 100 ns.</summary>
    public long Now { get; private set; }

    public long Steps { get; private set; }

    /// <summary>What happened, folded into one number: equal for two runs of one seed.</summary>
    public ulong Trace { get; private set; } = 14695981039346656037UL;

    public ThreadPoolGate Gate { get; private set; } = null!;

    public DateTimeOffset UtcNow => Epoch.AddTicks(Now);

    public Func<string> Dump { get; set; } = () => "";

    /// <summary>Hears every step of the trace, to find where two runs of one seed part.</summary>
    public Action<string>? Recorder { get; set; }

    public void Note(ulong value)
    {
        Trace = (Trace ^ value) * 1099511628211UL;
        Recorder?.Invoke($"{Steps} {Now} {value}");
    }

    public void Note(string text)
    {
        Recorder?.Invoke(text);
        foreach (var c in text)
        {
            Note(c);
        }
    }

    /// <summary>Says that project code is at work; remembered as an escape when it is not on this scheduler's thread and contexts.</summary>
    public void AssertHere(string what)
    {
        if (Environment.CurrentManagedThreadId != _thread || SynchronizationContext.Current is not SimProcess)
        {
            _escape ??= $"{what}: ran on thread {Environment.CurrentManagedThreadId} (the scheduler's is {_thread}) with context {SynchronizationContext.Current?.GetType().Name ?? "none"}\n{Environment.StackTrace}";
        }
    }

    /// <summary>Runs until <paramref name="main"/> ends. Throws its failure, or what went wrong with the world.</summary>
    public void Run(SimProcess root, Func<Task> main, long stepsMax, TimeSpan timeMax)
    {
        using var gate = new ThreadPoolGate();
        Run(gate, root, main, stepsMax, timeMax);
    }

    /// <summary>The same under a gate that serves many worlds, one after the other.</summary>
    public void Run(ThreadPoolGate gate, SimProcess root, Func<Task> main, long stepsMax, TimeSpan timeMax)
    {
        var previous = SynchronizationContext.Current;
        Gate = gate;
        try
        {
            Task? running = null;
            root.Post(_ => running = main(), null);
            while (running is not { IsCompleted: true })
            {
                gate.Drain();
                if (_escape is not null)
                {
                    throw new EscapedException(_escape);
                }

                if (Steps > stepsMax || Now > timeMax.Ticks)
                {
                    throw new SimulationHangException($"not finished after {Steps} steps and {TimeSpan.FromTicks(Now)} of simulated time (W13)\n{Dump()}");
                }

                if (!TryRunOne() && !TryAdvance())
                {
                    throw new SimulationHangException($"nothing can run any more at {TimeSpan.FromTicks(Now)}, and the workload is unfinished (W13)\n{Dump()}");
                }
            }

            gate.Drain();
            running.GetAwaiter().GetResult();
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(previous);
        }
    }

    internal void Post(SimProcess process, SendOrPostCallback callback, object? state)
    {
        lock (_lock)
        {
            _ready.Add(new Work(process, callback, state));
        }
    }

    internal void Arm(SimTimer timer, long due)
    {
        lock (_lock)
        {
            _timers.Enqueue(timer, (due, ++_order));
        }
    }

    private bool TryRunOne()
    {
        Work work;
        lock (_lock)
        {
            if (_ready.Count == 0)
            {
                return false;
            }

            var at = inOrder ? 0 : _random.Next(_ready.Count);
            work = _ready[at];
            if (inOrder)
            {
                _ready.RemoveAt(0);
            }
            else
            {
                _ready[at] = _ready[^1];
                _ready.RemoveAt(_ready.Count - 1);
            }

            Note((ulong)_ready.Count);
        }

        if (work.Process.IsDead)
        {
            return true;
        }

        Steps++;
        Recorder?.Invoke(Describe(work));
        SynchronizationContext.SetSynchronizationContext(work.Process);
        work.Callback(work.State);
        return true;
    }

    private bool TryAdvance()
    {
        lock (_lock)
        {
            while (_timers.TryDequeue(out var timer, out var priority))
            {
                if (!timer.Fires(priority.Due))
                {
                    continue;
                }

                Now = Math.Max(Now, priority.Due);
                Note((ulong)Now);
                timer.Fire(Now);
                return true;
            }
        }

        return false;
    }

    private static string Describe(Work work)
    {
        var field = work.State?.GetType().GetField("m_action", System.Reflection.BindingFlags.Instance | System.Reflection.BindingFlags.NonPublic);
        var target = (field?.GetValue(work.State) as Delegate)?.Target ?? (work.State as Delegate)?.Target ?? work.State;
        return $"{work.Process.Name} {work.Callback.Method.Name} {target?.GetType().FullName}";
    }

    private readonly record struct Work(SimProcess Process, SendOrPostCallback Callback, object? State);

    public override string ToString() => new StringBuilder().Append(TimeSpan.FromTicks(Now)).Append(", step ").Append(Steps).ToString();
}
