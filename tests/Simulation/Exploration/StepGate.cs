using MiniMilvus.Core.Errors;
using MiniMilvus.Simulation.Scheduling;

namespace MiniMilvus.Simulation.Exploration;

/// <summary>What may become of a call that waits for its turn.</summary>
internal enum Turn
{
    Happens,
    /// <summary>It happens, and its caller hears that it did not answer (W14).</summary>
    ReplyLost,
    /// <summary>It does not happen, and its caller hears the same.</summary>
    Fails,
    /// <summary>It happens, and its caller hears of it when others have gone on: what it learns may be old by then.</summary>
    AnswersLate,
}

/// <summary>A process whose calls of disk, metadata and objects each wait for their turn, while it is held.</summary>
internal sealed class Actor(SimProcess process, StepGate gate)
{
    /// <summary>How the turn of an answer that comes late begins, before the call's own name.</summary>
    public const string Answer = "answer to ";

    public SimProcess Process { get; } = process;

    public bool IsHeld { get; set; }

    /// <summary>What it was answered so far: together with the stores' content all that its next steps depend on.</summary>
    public ulong History { get; private set; } = Fold.Start;

    public void Learn(ulong seen) => History = Fold.Of(History, seen);

    /// <param name="broken">What its caller hears of a call that is made to fail; by default that it is Unavailable.</param>
    public async ValueTask<T> StepAsync<T>(string what, bool canBreak, bool changes, Func<ValueTask<T>> call, Func<T, ulong> seen, Func<string, Exception>? broken = null)
    {
        broken ??= static message => MiniMilvusException.Unavailable(message);
        if (!IsHeld)
        {
            return await call();
        }

        var turn = await gate.WaitAsync(this, what, canBreak, changes, async () => await call());
        Learn(Fold.Of(what));
        if (turn == Turn.Fails)
        {
            Learn((ulong)turn);
            throw broken($"injected: {what} did not happen");
        }

        try
        {
            var result = await call();
            Learn(turn == Turn.ReplyLost ? (ulong)turn : seen(result));
            if (turn == Turn.AnswersLate)
            {
                await gate.WaitAsync(this, $"{Answer}{what}", canBreak: false, changes: false, () => Task.CompletedTask);
            }

            return turn == Turn.ReplyLost ? throw broken($"injected: the reply to {what} was lost") : result;
        }
        catch (Exception e)
        {
            Learn(Fold.Of(e.Message));
            throw;
        }
    }
}

/// <summary>Holds the calls of all actors; one goes on at a time, when it is told to.</summary>
internal sealed class StepGate
{
    private readonly List<Waiting> _waiting = [];

    /// <summary>In the order in which they came, actor by actor.</summary>
    public IReadOnlyList<Waiting> Pending => _waiting;

    public async Task<Turn> WaitAsync(Actor actor, string what, bool canBreak, bool changes, Func<Task> call)
    {
        var waiting = new Waiting(actor, what, canBreak, changes, call);
        var at = _waiting.FindLastIndex(w => string.CompareOrdinal(w.Actor.Process.Name, actor.Process.Name) <= 0);
        _waiting.Insert(at + 1, waiting);
        return await waiting.Turn.Task;
    }

    public void GoOn(Waiting waiting, Turn turn)
    {
        _waiting.Remove(waiting);
        waiting.Turn.SetResult(turn);
    }

    /// <summary>Its process is gone: nothing of it happens any more.</summary>
    public void Forget(Actor actor) => _waiting.RemoveAll(w => w.Actor == actor);

    /// <param name="Call">What happens at its turn: for who makes it happen behind its caller's back.</param>
    internal sealed record Waiting(Actor Actor, string What, bool CanBreak, bool Changes, Func<Task> Call)
    {
        public TaskCompletionSource<Turn> Turn { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}

/// <summary>FNV-1a, over numbers, texts and bytes.</summary>
internal static class Fold
{
    public const ulong Start = 14695981039346656037UL;

    public static ulong Of(ulong hash, ulong value) => (((hash ^ (value & 0xffffffff)) * 1099511628211UL) ^ (value >> 32)) * 1099511628211UL;

    public static ulong Of(string text) => text.Aggregate(Start, (hash, c) => Of(hash, c));

    public static ulong Of(ReadOnlySpan<byte> bytes)
    {
        var hash = Start;
        foreach (var b in bytes)
        {
            hash = (hash ^ b) * 1099511628211UL;
        }

        return hash;
    }
}
