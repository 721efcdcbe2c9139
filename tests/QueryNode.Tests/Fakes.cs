using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Streaming;
using MiniMilvus.Core.Time;

namespace MiniMilvus.QueryNode.Tests;

/// <summary>A clock that moves when told to.</summary>
internal sealed class ManualTime : TimeProvider
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);
    private readonly Lock _gate = new();
    private readonly List<ManualTimer> _timers = [];
    private long _ticks = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero).UtcTicks;
    private TaskCompletionSource _armed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow() => new(Interlocked.Read(ref _ticks), TimeSpan.Zero);

    public override long GetTimestamp() => Interlocked.Read(ref _ticks);

    /// <summary>Completes when a timer with exactly this delay is armed (now or later); fails when none is in half a minute of real time.</summary>
    public async Task ArmedAsync(TimeSpan delay)
    {
        using var patience = new CancellationTokenSource(s_patience);
        while (true)
        {
            Task changed;
            string set;
            lock (_gate)
            {
                if (_timers.Exists(t => t.Delay == delay))
                {
                    return;
                }

                (changed, set) = (_armed.Task, string.Join(", ", _timers.Select(t => t.Delay).Order()));
            }

            try
            {
                await changed.WaitAsync(patience.Token);
            }
            catch (OperationCanceledException)
            {
                throw new TimeoutException($"expected a timer with a delay of {delay}, found none in {s_patience}; set are: {(set.Length > 0 ? set : "none")}");
            }
        }
    }

    public void Advance(TimeSpan span)
    {
        List<ManualTimer> due;
        lock (_gate)
        {
            _ticks += span.Ticks;
            due = _timers.Where(t => t.Due <= _ticks).ToList();
            _timers.RemoveAll(due.Contains);
        }

        due.ForEach(t => t.Fire());
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new ManualTimer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    private sealed class ManualTimer(ManualTime owner, TimerCallback callback, object? state) : ITimer
    {
        public long Due { get; private set; }
        public TimeSpan Delay { get; private set; }

        public void Fire() => callback(state);

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            TaskCompletionSource armed;
            lock (owner._gate)
            {
                owner._timers.Remove(this);
                if (dueTime != Timeout.InfiniteTimeSpan)
                {
                    Due = owner._ticks + dueTime.Ticks;
                    Delay = dueTime;
                    owner._timers.Add(this);
                }

                armed = owner._armed;
                owner._armed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            }

            armed.TrySetResult();
            return true;
        }

        public void Dispose()
        {
            lock (owner._gate)
            {
                owner._timers.Remove(this);
            }
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}

/// <summary>A log in memory: messages are kept, ticks are only for those who listen, a new reader gets the newest one at the tail.</summary>
internal sealed class FakeLog : ILogReader
{
    private readonly Lock _gate = new();
    private readonly Dictionary<PChannel, List<LogEvent>> _channels = [];
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _entries;

    public LogPosition TruncatedUntil { get; set; }

    public int Readers;

    public LogMessage Append(VChannel channel, ulong tick, MessageBody body, ulong commit = 0, LogPosition? resume = null)
    {
        lock (_gate)
        {
            var position = new LogPosition(1, _entries++);
            var message = new LogMessage
            {
                Term = new Term(1), TimeTick = new Timestamp(tick), Channel = channel, Body = body, Position = position, ResumePosition = resume ?? position,
                CommitTick = new Timestamp(commit == 0 ? tick : commit), Transaction = new Timestamp(commit == 0 ? 0 : tick),
            };
            Add(channel.PChannel, LogEvent.Of(message));
            return message;
        }
    }

    public void Tick(PChannel channel, ulong tick)
    {
        lock (_gate)
        {
            Add(channel, LogEvent.Of(new TimeTick(new Term(1), new Timestamp(tick), new LogPosition(1, _entries))));
        }
    }

    public LogPosition End
    {
        get
        {
            lock (_gate)
            {
                return new LogPosition(1, _entries);
            }
        }
    }

    public async IAsyncEnumerable<LogEvent> ReadAsync(PChannel channel, LogPosition from, [EnumeratorCancellation] CancellationToken ct)
    {
        if (from < TruncatedUntil)
        {
            throw MiniMilvusException.NotFound(ErrorReason.Unspecified, $"{channel}: {from} is truncated");
        }

        Interlocked.Increment(ref Readers);
        int next = 0, begin;
        lock (_gate)
        {
            begin = Of(channel).Count - 1;
        }

        while (true)
        {
            Task changed;
            LogEvent? found = null;
            lock (_gate)
            {
                var events = Of(channel);
                while (next < events.Count && found is null)
                {
                    var candidate = events[next];
                    var isOldTick = candidate.Message is null && next < begin;
                    if (!isOldTick && (candidate.Message is not { } message || message.Position >= from))
                    {
                        found = candidate;
                    }

                    next++;
                }

                changed = _changed.Task;
            }

            if (found is { } value)
            {
                yield return value;
            }
            else
            {
                await changed.WaitAsync(ct);
            }
        }
    }

    private List<LogEvent> Of(PChannel channel) => _channels.TryGetValue(channel, out var events) ? events : _channels[channel] = [];

    private void Add(PChannel channel, LogEvent value)
    {
        Of(channel).Add(value);
        var changed = _changed;
        _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        changed.TrySetResult();
    }
}

/// <summary>Runs work on the thread pool; can be held back.</summary>
internal sealed class TestPool : IComputePool
{
    private readonly TaskCompletionSource _arrived = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>While set, jobs wait for it before they begin.</summary>
    public TaskCompletionSource? Gate { get; set; }

    /// <summary>Completes when a job waits at the gate.</summary>
    public Task Arrived => _arrived.Task;

    public async Task<T> RunAsync<T>(Func<T> work, CancellationToken ct)
    {
        if (Gate is { } gate)
        {
            _arrived.TrySetResult();
            await gate.Task;
        }

        return await Task.Run(work, ct);
    }
}

internal sealed class FakeCoordinator : ICoordinator
{
    public List<(PChannel Channel, LogPosition Position)> Reports { get; } = [];

    public ValueTask<long> ExecuteAsync(DdlCommand command, CancellationToken ct) => throw new NotSupportedException();

    /// <summary>What nodes asked to be committed. Nothing is.</summary>
    public ConcurrentQueue<SegmentCommit> Commits { get; } = [];

    public ValueTask CommitAsync(SegmentCommit commit, CancellationToken ct)
    {
        Commits.Enqueue(commit);
        return ValueTask.CompletedTask;
    }

    public ValueTask<long> RegisterAsync(string role, string address, CancellationToken ct) => ValueTask.FromResult(7L);

    public ValueTask<Term> AcquireDataChannelAsync(long nodeId, PChannel channel, CancellationToken ct) => throw new NotSupportedException();

    public ValueTask ReportReaderPositionAsync(long nodeId, PChannel channel, LogPosition position, CancellationToken ct)
    {
        lock (Reports)
        {
            Reports.Add((channel, position));
        }

        return ValueTask.CompletedTask;
    }

    public ValueTask<TimestampRange> AllocateTimestampsAsync(int count, CancellationToken ct) => throw new NotSupportedException();

    public ValueTask<TimestampRange> AllocateTicksAsync(PChannel channel, Term term, int count, CancellationToken ct) => throw new NotSupportedException();

    public ValueTask<long> AllocateIdsAsync(int count, CancellationToken ct) => throw new NotSupportedException();
}

/// <summary>Counts log messages by number, so that a test can wait for what they tell of.</summary>
internal sealed class Journal : ILoggerFactory, ILogger
{
    private readonly Lock _gate = new();
    private readonly List<(int Id, string Text)> _lines = [];
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public async Task WaitAsync(int id, int count = 1)
    {
        while (true)
        {
            Task changed;
            lock (_gate)
            {
                if (_lines.Count(l => l.Id == id) >= count)
                {
                    return;
                }

                changed = _changed.Task;
            }

            await changed.WaitAsync(TimeSpan.FromSeconds(30));
        }
    }

    public int Count(int id)
    {
        lock (_gate)
        {
            return _lines.Count(l => l.Id == id);
        }
    }

    public ImmutableArray<string> Lines
    {
        get
        {
            lock (_gate)
            {
                return [.. _lines.Select(l => l.Text)];
            }
        }
    }

    public ILogger CreateLogger(string categoryName) => this;

    public void AddProvider(ILoggerProvider provider)
    {
    }

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        TaskCompletionSource changed;
        lock (_gate)
        {
            _lines.Add((eventId.Id, formatter(state, exception) + exception));
            changed = _changed;
            _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        changed.TrySetResult();
    }

    public void Dispose()
    {
    }
}
