using System.Buffers;
using System.Globalization;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Objects;

namespace MiniMilvus.Storage.S3;

/// <summary>
/// Finds out at start what a store does with conditional puts, by trying: one put against an object that is there, then rounds of racers on
/// scratch keys under <see cref="Scratch"/>, which it removes. What it cannot decide is Unavailable, never a guess.
/// </summary>
/// <param name="storeName">The store as messages name it.</param>
/// <param name="condition">How the store is told, as "header: value".</param>
/// <param name="random">Names the scratch keys, so that two processes that start at once do not meet on them.</param>
public sealed class ConditionalPutProbe(IObjectStore store, string storeName, string condition, Random random)
{
    public const string Scratch = "probe/";
    private const int Racers = 8;
    private const int Rounds = 3;
    private readonly string _prefix = string.Create(CultureInfo.InvariantCulture, $"{Scratch}{random.NextInt64():x16}/");
    private readonly List<string> _keys = [];

    public ConditionalPutProbe(S3ObjectStore store, Random random)
        : this(store, store.Options.Name, $"{store.Options.Profile.IfAbsent.Key}: {store.Options.Profile.IfAbsent.Value}", random)
    {
    }

    /// <summary>Does not judge: <see cref="StoreCapabilities.RequireSafe"/> does.</summary>
    public async ValueTask<StoreCapabilities> RunAsync(CancellationToken ct)
    {
        var (puts, evidence) = await TryConditionsAsync(ct);
        var stale = await FindStaleReadAsync(ct);
        await CleanAsync(ct);
        return new StoreCapabilities(storeName, condition, puts, stale is null, stale ?? evidence);
    }

    private async ValueTask<(ConditionalPuts Puts, string Evidence)> TryConditionsAsync(CancellationToken ct)
    {
        if (await PutAsync("first", 0, PutCondition.Absent, ct) is Outcome.NotSupported)
        {
            return (ConditionalPuts.NotSupported, "it answered 501");
        }

        if (await PutAsync("first", 1, PutCondition.Absent, ct) is Outcome.Won)
        {
            return (ConditionalPuts.Ignored, "a second put of the same key succeeded");
        }

        var decided = 0;
        for (var round = 0; round < Rounds; round++)
        {
            var name = $"race-{round}";
            var outcomes = await Task.WhenAll(Enumerable.Range(0, Racers).Select(i => PutAsync(name, i, PutCondition.Absent, ct).AsTask()));
            var winners = Enumerable.Range(0, Racers).Where(i => outcomes[i] is Outcome.Won).ToList();
            var stored = await ReadAsync(name, ct);
            if (winners.Count > 1)
            {
                return (ConditionalPuts.Ignored, $"{winners.Count} of {Racers} racers for one key won");
            }

            if (winners.Count == 1 && stored != winners[0])
            {
                return (ConditionalPuts.Ignored, "the object of a race's winner was replaced by a loser's");
            }

            decided += winners.Count;
        }

        return decided > 0
            ? (ConditionalPuts.Honoured, $"one of {Racers} racers won, {decided} times")
            : throw MiniMilvusException.Unavailable($"{storeName}: nobody won any of {Rounds} races of conditional puts ('{condition}'), so whether it honours them is not known");
    }

    /// <summary>What a read got wrong; null when each read showed the write before it.</summary>
    private async ValueTask<string?> FindStaleReadAsync(CancellationToken ct)
    {
        const string name = "again";
        for (var value = 0; value < Rounds; value++)
        {
            await PutAsync(name, value, PutCondition.Always, ct);
            if (await ReadAsync(name, ct) != value)
            {
                return "a get after a put showed an older object";
            }

            if (await store.HeadAsync(_prefix + name, ct) is null || !await ListsAsync(name, ct))
            {
                return "an object that had been put was not found";
            }
        }

        await store.DeleteAsync(_prefix + name, ct);
        return await store.HeadAsync(_prefix + name, ct) is not null || await ListsAsync(name, ct) ? "an object that had been deleted was found" : null;
    }

    private async ValueTask<Outcome> PutAsync(string name, int value, PutCondition how, CancellationToken ct)
    {
        lock (_keys)
        {
            if (!_keys.Contains(name))
            {
                _keys.Add(name);
            }
        }

        try
        {
            await store.PutAsync(_prefix + name, new ReadOnlySequence<byte>([(byte)value]), how, ct);
            return Outcome.Won;
        }
        catch (MiniMilvusException e) when (e.Kind == ErrorKind.Conflict)
        {
            return Outcome.Lost;
        }
        catch (MiniMilvusException e) when (e is { Kind: ErrorKind.Invalid, Reason: ErrorReason.NotSupported })
        {
            return Outcome.NotSupported;
        }
        catch (MiniMilvusException e) when (e.Kind == ErrorKind.Unavailable && how is PutCondition.IfAbsent && name != "first")
        {
            return Outcome.Unknown; // a race goes on without it; everything else must be known
        }
    }

    private async ValueTask<int> ReadAsync(string name, CancellationToken ct)
    {
        try
        {
            return (await store.GetAsync(_prefix + name, ct)).Span is [var value] ? value : -1;
        }
        catch (MiniMilvusException e) when (e.Kind == ErrorKind.NotFound)
        {
            return -1;
        }
    }

    private async ValueTask<bool> ListsAsync(string name, CancellationToken ct)
    {
        await foreach (var info in store.ListAsync(_prefix, ct))
        {
            if (info.Key == _prefix + name)
            {
                return true;
            }
        }

        return false;
    }

    private async ValueTask CleanAsync(CancellationToken ct)
    {
        foreach (var name in _keys)
        {
            await store.DeleteAsync(_prefix + name, ct);
        }
    }

    private enum Outcome
    {
        Won,
        Lost,
        NotSupported,
        Unknown,
    }
}
