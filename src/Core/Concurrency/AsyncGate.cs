using System.Threading.Channels;

namespace MiniMilvus.Core.Concurrency;

/// <summary>One at a time, first come first served; on the simulated scheduler too (SemaphoreSlim's cancellable wait is not).</summary>
public sealed class AsyncGate
{
    private readonly Channel<byte> _token = Channel.CreateBounded<byte>(1);

    public AsyncGate() => _token.Writer.TryWrite(0);

    /// <summary>Waits for the turn; dispose the result to end it.</summary>
    public async ValueTask<Turn> EnterAsync(CancellationToken ct)
    {
        await _token.Reader.ReadAsync(ct);
        return new Turn(this);
    }

    /// <summary>A turn at the gate; ends when disposed.</summary>
    public readonly struct Turn(AsyncGate gate) : IDisposable
    {
        public void Dispose() => gate._token.Writer.TryWrite(0);
    }
}
