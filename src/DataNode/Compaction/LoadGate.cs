using MiniMilvus.DataNode.Flush;

namespace MiniMilvus.DataNode.Compaction;

/// <summary>Holds background work back while the node's buffers are under pressure: what is fresh goes first.</summary>
internal sealed class LoadGate(BufferBudget budget, DataNodeOptions options, TimeProvider time)
{
    /// <summary>Returns when the buffers are below the mark at which segments are asked to be sealed.</summary>
    public async ValueTask WaitAsync(CancellationToken ct)
    {
        while (budget.Used >= options.SealPressureBytes)
        {
            await Task.Delay(options.PressurePause, time, ct);
        }
    }
}
