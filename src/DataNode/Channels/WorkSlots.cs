using System.Threading.Channels;

namespace MiniMilvus.DataNode.Channels;

/// <summary>So many at a time, first come first served, on the simulated scheduler too.</summary>
internal sealed class WorkSlots
{
    private readonly Channel<byte> _free;

    public WorkSlots(int count)
    {
        _free = Channel.CreateBounded<byte>(count);
        for (var i = 0; i < count; i++)
        {
            _free.Writer.TryWrite(0);
        }
    }

    /// <summary>Waits for a slot; dispose the result to give it back.</summary>
    public async ValueTask<Slot> TakeAsync(CancellationToken ct)
    {
        await _free.Reader.ReadAsync(ct);
        return new Slot(this);
    }

    /// <summary>A slot in use.</summary>
    public readonly struct Slot(WorkSlots slots) : IDisposable
    {
        public void Dispose() => slots._free.Writer.TryWrite(0);
    }
}
