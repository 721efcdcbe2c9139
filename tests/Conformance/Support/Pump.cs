using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;

namespace MiniMilvus.Conformance.Support;

/// <summary>Runs asynchronous code on the calling thread alone, in one order: the same run every time.</summary>
public sealed class Pump : SynchronizationContext
{
    private readonly BlockingCollection<(SendOrPostCallback Call, object? State)> _queue = [];

    public static void Run(Func<Task> test)
    {
        var before = Current;
        using var pump = new PumpOwner();
        SetSynchronizationContext(pump.Pump);
        try
        {
            var task = test();
            task.ContinueWith(static (_, p) => ((Pump)p!)._queue.CompleteAdding(), pump.Pump, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            foreach (var (call, state) in pump.Pump._queue.GetConsumingEnumerable())
            {
                call(state);
            }

            if (task.Exception is { } failure)
            {
                ExceptionDispatchInfo.Throw(failure.InnerException!);
            }
        }
        finally
        {
            SetSynchronizationContext(before);
        }
    }

    public override void Post(SendOrPostCallback d, object? state)
    {
        try
        {
            _queue.Add((d, state));
        }
        catch (Exception e) when (e is InvalidOperationException or ObjectDisposedException)
        {
            // The test is over; what it left behind is not run.
        }
    }

    public override void Send(SendOrPostCallback d, object? state) => throw new NotSupportedException();

    private sealed class PumpOwner : IDisposable
    {
        public Pump Pump { get; } = new();

        public void Dispose() => Pump._queue.Dispose();
    }
}
