using MiniMilvus.Core.Time;

namespace MiniMilvus.Simulation.Scheduling;

/// <summary>Compute work as a step of the scheduler, some time after it was asked for.</summary>
internal sealed class SimComputePool(SimProcess process, Random random) : IComputePool
{
    public async Task<T> RunAsync<T>(Func<T> work, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        await Task.Delay(TimeSpan.FromMicroseconds(random.Next(1, 2000)), process.Time, CancellationToken.None);
        ct.ThrowIfCancellationRequested();
        return work();
    }
}
