using MiniMilvus.Simulation.World;

namespace MiniMilvus.Simulation.Model;

internal enum Outcome
{
    /// <summary>Sent, no reply yet.</summary>
    Pending,

    /// <summary>Acked at a tick.</summary>
    Done,

    /// <summary>The reply was lost or an error: it happened once or not at all, perhaps later.</summary>
    Unknown,

    /// <summary>Refused as invalid: it did not happen.</summary>
    Refused,

    /// <summary>Unknown once; a read after the process had died found it.</summary>
    Found,

    /// <summary>Unknown once; a read after the process had died did not find it.</summary>
    NotFound,
}

/// <summary>One request that writes: its rows, and what is known of it.</summary>
internal sealed class WriteOp(int shards, int generation)
{
    public Outcome Outcome { get; set; }

    /// <summary>The tick of the ack; with several shards, the latest of theirs.</summary>
    public ulong Tick { get; set; }

    /// <summary>For Found: the snapshot at which it was found.</summary>
    public ulong FoundAt { get; set; }

    public int Shards => shards;

    /// <summary>The server's life to which it was sent: in a later one it cannot be on its way any more.</summary>
    public int Generation => generation;
}

/// <summary>What may be seen of one key: null = no row.</summary>
internal sealed class KeyHistory
{
    private readonly List<(WriteOp Op, long? Value)> _writes = [];

    public IReadOnlyList<(WriteOp Op, long? Value)> Writes => _writes;

    public void Add(WriteOp op, long? value) => _writes.Add((op, value));

    public void ReplaceLast(WriteOp op, long? value) => _writes[^1] = (op, value);

    /// <summary>Its last write has no certain outcome: nobody writes it until a later life of the server has been asked.</summary>
    public bool IsUncertain => _writes.Count > 0 && _writes[^1].Op.Outcome is Outcome.Unknown or Outcome.Pending;

    /// <summary>The values that a read at a snapshot may show.</summary>
    public HashSet<long?> At(ulong snapshot)
    {
        var values = new HashSet<long?> { null };
        foreach (var (op, value) in _writes)
        {
            switch (op.Outcome)
            {
                case Outcome.Done when op.Tick <= snapshot:
                    values = [value];
                    break;
                case Outcome.Done when op.Shards > 1:
                    values.Add(value); // This row's shard may have been before the last of them.
                    break;
                case Outcome.Found when op.FoundAt <= snapshot:
                    values = [value];
                    break;
                case Outcome.Pending or Outcome.Unknown or Outcome.Found:
                    values.Add(value);
                    break;
            }
        }

        return values;
    }
}

/// <summary>
/// What a collection may hold, told only by what clients sent and were answered. Shares no code with the server. Each key is written by one client
/// at a time, so its history is a sequence; what an unknown request did stays open until a later life of the server shows it.
/// </summary>
internal sealed class CollectionModel(string name, int shards, Violations violations)
{
    private readonly SortedDictionary<long, KeyHistory> _keys = [];

    public string Name => name;

    public int Shards => shards;

    public IReadOnlyDictionary<long, KeyHistory> Keys => _keys;

    /// <summary>The latest tick acked: a Strong read that begins now runs at or above it.</summary>
    public ulong LastAcked { get; private set; }

    public KeyHistory Of(long key)
    {
        if (!_keys.TryGetValue(key, out var history))
        {
            _keys[key] = history = new KeyHistory();
        }

        return history;
    }

    public WriteOp Begin(IReadOnlyList<(long Key, long? Value)> rows, int generation)
    {
        var op = new WriteOp(rows.Select(r => ShardOf(r.Key)).Distinct().Count(), generation);
        foreach (var (key, value) in rows)
        {
            Of(key).Add(op, value);
        }

        return op;
    }

    public void Acked(WriteOp op, ulong tick)
    {
        op.Outcome = Outcome.Done;
        op.Tick = tick;
        LastAcked = Math.Max(LastAcked, tick);
    }

    /// <summary>Milvus routes a row by the hash of its key; the hash is a contract of the format (PrimaryKey.StableHash).</summary>
    public int ShardOf(long key)
    {
        var x = (ulong)key * 0x9E3779B97F4A7C15UL;
        return (int)((uint)((x ^ (x >> 32)) >> 3) % (uint)shards);
    }

    /// <summary>Checks a read that must show every row of the collection that passes its filter.</summary>
    public void CheckWhole(string what, ulong snapshot, RowFilter filter, IReadOnlyList<(long Key, long Value)> rows)
    {
        var found = CheckRows(what, snapshot, filter, rows);
        foreach (var (key, history) in _keys)
        {
            if (!found.ContainsKey(key) && history.At(snapshot).All(v => v is { } value && filter.Passes(key, value)))
            {
                violations.Add("W1 an acked row is found", $"{what} of {name} at {snapshot}: key {key} is missing; expected {Text(history.At(snapshot))}; its writes: {Story(history)}");
            }
        }
    }

    /// <summary>Checks that every row shown may be there, once, and passes the filter.</summary>
    private SortedDictionary<long, long> CheckRows(string what, ulong snapshot, RowFilter filter, IReadOnlyList<(long Key, long Value)> rows)
    {
        var found = new SortedDictionary<long, long>();
        foreach (var (key, value) in rows)
        {
            if (!found.TryAdd(key, value))
            {
                violations.Add("Q5 a key is shown once", $"{what} of {name} at {snapshot}: key {key} with {found[key]} and {value}");
            }

            if (!filter.Passes(key, value))
            {
                violations.Add("Q1 a filtered read shows only what passes", $"{what} of {name} at {snapshot}: key {key} = {value}");
            }

            if (!_keys.TryGetValue(key, out var history))
            {
                violations.Add("nothing never inserted appears", $"{what} of {name} at {snapshot}: key {key} = {value}");
            }
            else if (history.At(snapshot) is var allowed && !allowed.Contains(value))
            {
                violations.Add(allowed.Contains(null) && allowed.Count == 1 ? "S6, S7 a deleted row stays deleted" : "Q1 a read shows exactly its snapshot",
                    $"{what} of {name} at {snapshot}: key {key} = {value}; expected {Text(allowed)}; its writes: {Story(history)}");
            }
        }

        return found;
    }

    public void CheckCount(string what, ulong snapshot, RowFilter filter, long count)
    {
        var (least, most) = (0L, 0L);
        foreach (var (key, history) in _keys)
        {
            var values = history.At(snapshot);
            most += values.Any(v => v is { } value && filter.Passes(key, value)) ? 1 : 0;
            least += values.All(v => v is { } value && filter.Passes(key, value)) ? 1 : 0;
        }

        if (count < least || count > most)
        {
            violations.Add("S2 each row counts once", $"{what} of {name} at {snapshot}: count {count}, expected {least} to {most}");
        }
    }

    /// <summary>Checks a search's best hits against the model: right scores, best first, nothing better left out.</summary>
    public void CheckSearch(string what, ulong snapshot, RowFilter filter, float[] query, int topK, IReadOnlyList<(long Key, long Value)> rows, IReadOnlyList<float> scores)
    {
        var found = CheckRows(what, snapshot, filter, rows);
        for (var i = 0; i < rows.Count; i++)
        {
            var expected = Wire.Distance(query, Wire.Vector(rows[i].Key, rows[i].Value));
            if (scores[i] != expected || (i > 0 && scores[i] < scores[i - 1]))
            {
                violations.Add("Q1 a hit has its row's score, best first", $"{what} of {name} at {snapshot}: hit {i}, key {rows[i].Key} = {rows[i].Value}: score {scores[i]}, expected {expected}");
            }
        }

        if (rows.Count > topK)
        {
            violations.Add("Q5 at most top-k hits", $"{what} of {name}: {rows.Count} hits, expected {topK}");
        }

        var worst = rows.Count == topK ? scores[^1] : float.PositiveInfinity;
        foreach (var (key, history) in _keys)
        {
            var values = history.At(snapshot);
            if (!found.ContainsKey(key) && values.Count == 1 && values.First() is { } value && filter.Passes(key, value) && Wire.Distance(query, Wire.Vector(key, value)) is var score && score < worst)
            {
                violations.Add("Q6 no partial answer", $"{what} of {name} at {snapshot}: key {key} = {value} with score {score} is missing among {rows.Count} hits (worst {worst}); its writes: {Story(history)}");
            }
        }
    }

    /// <summary>
    /// A Strong read in a later life shows what unknown requests did: pins it. All rows of a request on one shard share its fate (S10).
    /// </summary>
    public void Pin(ulong snapshot, IReadOnlyList<(long Key, long Value)> rows, int generation)
    {
        var found = rows.ToDictionary(r => r.Key, r => (long?)r.Value);
        var fates = new Dictionary<(WriteOp Op, int Shard), (bool Happened, long Key)>();
        foreach (var (key, history) in _keys)
        {
            if (history.Writes.Count == 0 || history.Writes[^1] is not { Op.Outcome: Outcome.Unknown } last || last.Op.Generation >= generation)
            {
                continue;
            }

            var seen = found.GetValueOrDefault(key);
            var before = new HashSet<long?>(Before(history));
            if (before.Count == 1 && before.Contains(last.Value))
            {
                continue; // A delete of nothing: no way to tell, and no matter.
            }

            var happened = seen == last.Value;
            if (fates.TryGetValue((last.Op, ShardOf(key)), out var fate) && fate.Happened != happened)
            {
                violations.Add("S10 a request is applied whole or not at all on a shard",
                    $"{name} at {snapshot}: key {fate.Key} {(fate.Happened ? "shows" : "does not show")} it, key {key} is {seen?.ToString() ?? "absent"}; its writes: {Story(history)}");
            }

            fates[(last.Op, ShardOf(key))] = (happened, key);
        }

        foreach (var (key, history) in _keys)
        {
            if (history.Writes.Count > 0 && history.Writes[^1] is { Op.Outcome: Outcome.Unknown } last && last.Op.Generation < generation)
            {
                Resolve(key, history, snapshot, fates);
            }
        }
    }

    private void Resolve(long key, KeyHistory history, ulong snapshot, Dictionary<(WriteOp Op, int Shard), (bool Happened, long Key)> fates)
    {
        var (op, value) = history.Writes[^1];
        var happened = fates.TryGetValue((op, ShardOf(key)), out var fate) && fate.Happened;

        // One request may have happened on one shard and not on another: from here on each key has a request of its own.
        var own = new WriteOp(op.Shards, op.Generation) { Outcome = happened ? Outcome.Found : Outcome.NotFound, FoundAt = snapshot };
        history.ReplaceLast(own, value);
    }

    private static IEnumerable<long?> Before(KeyHistory history)
    {
        var before = new KeyHistory();
        foreach (var (op, value) in history.Writes.Take(history.Writes.Count - 1))
        {
            before.Add(op, value);
        }

        return before.At(ulong.MaxValue);
    }

    private static string Text(IEnumerable<long?> values) => "{" + string.Join(", ", values.Select(v => v?.ToString() ?? "absent")) + "}";

    private static string Story(KeyHistory history) =>
        string.Join("; ", history.Writes.TakeLast(6).Select(w => $"{w.Value?.ToString() ?? "delete"} {w.Op.Outcome} at {(w.Op.Outcome == Outcome.Found ? w.Op.FoundAt : w.Op.Tick)} in life {w.Op.Generation}"));
}
