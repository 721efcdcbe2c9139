using MiniMilvus.Core.Errors;
using MiniMilvus.Woodpecker.Reading;

namespace MiniMilvus.Woodpecker.Objects;

/// <summary>
/// One reader's gets on their way, delivered in order. While the reader keeps up with them more are sent, up to a window; what they may hold
/// comes from the budget of all readers. A unit that was found vouches for those before it, so beyond what is vouched for only a scout is
/// sent, some way ahead, and few others: near the tail hardly a request is spent on what does not exist yet, and at the tail none. What was
/// absent when it was read ahead is asked for again when its turn comes: only that answer is as new as the question (W10).
/// </summary>
internal sealed class BlockPrefetch : IAsyncDisposable
{
    /// <summary>One unvouched get more for so many units that were delivered without a miss.</summary>
    private const int DeliveredPerGuess = 16;
    private readonly IPrefetchSource _source;
    private readonly ReadBudget _budget;
    private readonly int _windowMax;
    private readonly SortedDictionary<long, Ask> _asked = [];
    private readonly CancellationTokenSource _stop = new();
    private long _vouched;
    private long _expected;
    private long _held;
    private int _window;
    private int _leap;
    private int _run;
    private long _missed = long.MaxValue;

    /// <param name="source">What is read.</param>
    /// <param name="budget">Shared by all readers.</param>
    /// <param name="windowMax">Gets on their way, or delivered ahead, at once.</param>
    /// <param name="window">How many at first: more where it is known that much is there.</param>
    /// <param name="units">How many units there are at least.</param>
    public BlockPrefetch(IPrefetchSource source, ReadBudget budget, int windowMax, int window, long units)
    {
        (_source, _budget, _windowMax, _vouched) = (source, budget, windowMax, units);
        _window = Math.Min(window, windowMax);
        _leap = _window > 1 ? _window : 0;
        budget.Join();
    }

    /// <summary>How many units there are by what the caller knows of other things: they are asked for as those that are vouched for, until one is missed.</summary>
    public void Expect(long units) => _expected = units;

    /// <summary>The unit, which is the one after the last that was found, or that one again; null when it is absent now. Errors: those of the source.</summary>
    public async ValueTask<ReadOnlyMemory<byte>?> TakeAsync(long unit, CancellationToken ct)
    {
        Settle(unit);
        if (unit >= _missed)
        {
            (_missed, _expected, _leap, _run) = (long.MaxValue, 0, 0, 0); // perhaps the end: what follows is found out anew
        }

        var isAhead = _asked.TryGetValue(unit, out var ask);
        var waits = !isAhead || !ask!.Answer.IsCompleted;
        var demanded = isAhead ? null : _source.GetAsync(unit, ct).AsTask();
        Send(unit + 1);
        ReadOnlyMemory<byte>? found;
        if (demanded is null)
        {
            await Task.WhenAny(ask!.Answer).WaitAsync(ct);
            Drop(unit, ask);
            found = (await ask.Answer).Bytes ?? await _source.GetAsync(unit, ct);
        }
        else
        {
            found = await demanded;
        }

        if (found is null)
        {
            (_run, _window, _leap) = (0, Math.Min(1, _windowMax), 0);
            DropAnswered();
            return null;
        }

        _vouched = Math.Max(_vouched, unit + 1);
        _run++;
        if (waits && _run > 1)
        {
            _window = Math.Min(_windowMax, Math.Max(1, _window * 2));
        }

        return found;
    }

    /// <summary>Takes back the requests that are on their way, and returns when they have ended.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_stop.IsCancellationRequested)
        {
            return;
        }

        _stop.Cancel();
        foreach (var ask in _asked.Values)
        {
            await Task.WhenAny(ask.Answer);
            _ = ask.Answer.Exception; // nobody wanted what it read
        }

        DropAnswered();
        _budget.Leave();
        _stop.Dispose();
    }

    /// <summary>Looks at what has been answered: what exists vouches, and holds no more than it is large; a miss calls the scouts nearer.</summary>
    private void Settle(long unit)
    {
        foreach (var (number, ask) in _asked.Where(a => a.Value.Answer.IsCompleted && !a.Value.IsSettled).ToList())
        {
            ask.IsSettled = true;
            if (ask.Answer.IsCompletedSuccessfully && ask.Answer.Result is { Exists: true } found)
            {
                if (number >= _vouched)
                {
                    (_vouched, _leap) = (number + 1, Math.Max(1, _leap * 2));
                }

                Keep(ask, Math.Min(ask.Held, found.Bytes?.Length ?? 0));
                continue;
            }

            if (number >= _vouched)
            {
                (_leap, _missed) = (_leap / 2, Math.Min(_missed, number));
            }

            if (number != unit)
            {
                Drop(number, ask);
            }
        }
    }

    private void Send(long from)
    {
        var known = Math.Max(_vouched, Math.Min(_expected, _missed));
        var until = from + _window;
        for (var n = from; n < Math.Min(known, until); n++)
        {
            if (!_asked.ContainsKey(n) && !TryAsk(n))
            {
                return;
            }
        }

        var guesses = _asked.Keys.Count(n => n >= _vouched);
        until = Math.Min(until, _missed); // what was not there is looked for when its turn has come
        _leap = Math.Min(_leap == 0 && _run > 1 ? 1 : _leap, _window);
        if (guesses == 0 && _leap > 0 && Math.Max(_vouched, Math.Min(from + _leap, until) - 1) is var scout && scout < until && TryAsk(scout))
        {
            guesses++;
        }

        for (var n = Math.Max(_vouched, from); guesses > 0 && n < until && guesses < 1 + (_run / DeliveredPerGuess); n++)
        {
            if (!_asked.ContainsKey(n) && TryAsk(n))
            {
                guesses++;
            }
        }
    }

    private bool TryAsk(long unit)
    {
        var bytes = _source.ReserveFor(unit);
        if (!_budget.TryTake(bytes, _held))
        {
            return false;
        }

        _held += bytes;
        _asked.Add(unit, new Ask(AskAsync(unit, bytes)) { Held = bytes });
        return true;
    }

    private async Task<AheadAnswer> AskAsync(long unit, int bytes)
    {
        try
        {
            return await _source.GetAheadAsync(unit, bytes, _stop.Token);
        }
        catch (MiniMilvusException e) when (e.Kind == ErrorKind.Unavailable)
        {
            return default; // asked for again when its turn comes, and then as often as it takes
        }
    }

    private void DropAnswered()
    {
        foreach (var (number, ask) in _asked.Where(a => a.Value.Answer.IsCompleted).ToList())
        {
            Drop(number, ask);
        }
    }

    private void Drop(long unit, Ask ask)
    {
        Keep(ask, 0);
        _asked.Remove(unit);
    }

    private void Keep(Ask ask, int bytes)
    {
        _budget.Give(ask.Held - bytes);
        _held -= ask.Held - bytes;
        ask.Held = bytes;
    }

    private sealed class Ask(Task<AheadAnswer> answer)
    {
        public Task<AheadAnswer> Answer { get; } = answer;

        /// <summary>What it has from the budget.</summary>
        public int Held { get; set; }

        public bool IsSettled { get; set; }
    }
}
