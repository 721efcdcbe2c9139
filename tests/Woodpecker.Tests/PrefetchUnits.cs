using MiniMilvus.Core.Errors;
using MiniMilvus.Woodpecker.Objects;

namespace MiniMilvus.Woodpecker.Tests;

/// <summary>Units whose number grows, whose answers come when the test says so (or at once), and which counts what is asked of it.</summary>
internal sealed class PrefetchUnits(int units, Func<long, int> bytes) : IPrefetchSource
{
    private readonly List<(long Unit, TaskCompletionSource Turn)> _held = [];

    public int Units { get; set; } = units;

    public bool Holds { get; set; }

    /// <summary>The next reads ahead that fail.</summary>
    public int Failures { get; set; }

    public int Reserve { get; set; } = 100;

    public int Asked { get; private set; }

    public int AskedForNothing { get; private set; }

    public int InFlight { get; private set; }

    public int InFlightMost { get; private set; }

    public int Held => _held.Count;

    public byte[] Content(long unit) => [.. Enumerable.Repeat((byte)unit, bytes(unit))];

    public int ReserveFor(long unit) => Reserve;

    public void Release(int index)
    {
        var turn = _held[index].Turn;
        _held.RemoveAt(index);
        turn.TrySetResult();
    }

    public async ValueTask<AheadAnswer> GetAheadAsync(long unit, int bytesMax, CancellationToken ct)
    {
        var exists = await LookAsync(unit, ct);
        if (Failures > 0)
        {
            Failures--;
            throw MiniMilvusException.Unavailable("injected");
        }

        return exists ? new(true, bytes(unit) < bytesMax ? Content(unit) : (ReadOnlyMemory<byte>?)null) : default;
    }

    public async ValueTask<ReadOnlyMemory<byte>?> GetAsync(long unit, CancellationToken ct) => await LookAsync(unit, ct) ? Content(unit) : (ReadOnlyMemory<byte>?)null;

    private async Task<bool> LookAsync(long unit, CancellationToken ct)
    {
        var exists = unit < Units; // a store answers with what there was when it was asked
        Asked++;
        AskedForNothing += exists ? 0 : 1;
        InFlightMost = Math.Max(InFlightMost, ++InFlight);
        try
        {
            if (Holds)
            {
                var turn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                _held.Add((unit, turn));
                await using var cancelled = ct.UnsafeRegister((_, token) => turn.TrySetCanceled(token), null);
                await turn.Task;
            }

            return exists;
        }
        finally
        {
            InFlight--;
        }
    }
}
