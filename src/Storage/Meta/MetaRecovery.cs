using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Disk;

namespace MiniMilvus.Storage.Meta;

/// <summary>What a folder holds: the state, the generation it was read from (0 = none) and the highest generation that any file has.</summary>
internal sealed record MetaRecovered(MetaState State, long Generation, long HighestGeneration);

/// <summary>
/// Reads the newest snapshot that verifies and the journals behind it. A record that does not verify is the torn tail, and is cut, unless
/// something proves that it was durable once: a later record that says so, or a later journal that begins above it. Then it is Corrupted (W16).
/// </summary>
internal static class MetaRecovery
{
    public static async ValueTask<MetaRecovered> ReadAsync(IDisk disk, string folder, MetaHistory history, CancellationToken ct)
    {
        var names = await disk.ListFilesAsync(folder, ct);
        var snapshots = Generations(names, MetaFiles.SnapshotPrefix);
        var journals = Generations(names, MetaFiles.JournalPrefix);
        var highest = Math.Max(snapshots.LastOrDefault(), journals.LastOrDefault());
        if (snapshots.Length == 0)
        {
            if (journals.Length > 0)
            {
                throw MiniMilvusException.Corrupted($"metadata folder '{folder}': journals {string.Join(", ", journals)} without a snapshot");
            }

            var empty = new MetaState();
            history.Begin(empty.Revision);
            return new MetaRecovered(empty, 0, highest);
        }

        var (state, generation) = await ReadSnapshotAsync(disk, folder, snapshots, ct);
        history.Begin(state.Revision);
        var files = new List<(long Generation, string Path, byte[] Bytes, long Base)>();
        foreach (var journal in journals.Where(j => j >= generation))
        {
            var path = MetaFiles.Journal(folder, journal);
            var bytes = await MetaFiles.ReadAsync(disk, path, ct);
            if (MetaJournalFormat.TryReadFileHeader(bytes, journal) is { } first)
            {
                files.Add((journal, path, bytes, first));
            }
            else if (FindRecord(bytes, 0, _ => true) is { } at)
            {
                throw MiniMilvusException.Corrupted($"{path}: the header does not verify, but a record at {at} does");
            }
        }

        for (var i = 0; i < files.Count; i++)
        {
            Replay(state, history, files[i].Path, files[i].Bytes, files[i].Base, i + 1 < files.Count ? files[i + 1].Base : null);
        }

        return new MetaRecovered(state, generation, highest);
    }

    private static void Replay(MetaState state, MetaHistory history, string path, byte[] bytes, long first, long? end)
    {
        if (first > state.Sequence + 1)
        {
            throw MiniMilvusException.Corrupted($"{path}: begins with record {first}, expected at most {state.Sequence + 1}");
        }

        var at = MetaJournalFormat.FileHeaderBytes;
        for (var next = first; end is null || next < end; next++)
        {
            if (MetaJournalFormat.TryRead(bytes.AsSpan(at)) is not { } record || record.Sequence != next)
            {
                RequireTornTail(path, bytes, at, next, end);
                return;
            }

            if (next > state.Sequence)
            {
                Apply(state, history, MetaJournalFormat.ReadPayload(next, bytes.AsSpan(at + MetaJournalFormat.RecordHeaderBytes, record.Length), $"{path} at {at}"), $"{path} at {at}");
            }

            at += MetaJournalFormat.RecordHeaderBytes + record.Length;
        }
    }

    private static void Apply(MetaState state, MetaHistory history, MetaRecord record, string where)
    {
        try
        {
            var before = state.Revision;
            var events = state.Apply(record);
            if (state.Revision > before)
            {
                history.Publish(state.Revision, events);
            }
        }
        catch (MiniMilvusException e) when (e.Kind == ErrorKind.Corrupted)
        {
            throw MiniMilvusException.Corrupted($"{where}: {e.Message}", e);
        }
    }

    /// <summary>Throws Corrupted when the record that should lie at <paramref name="at"/> is known to have been durable.</summary>
    private static void RequireTornTail(string path, byte[] bytes, int at, long missing, long? end)
    {
        if (end is { } next)
        {
            throw MiniMilvusException.Corrupted($"{path}: record {missing} at offset {at} does not verify, and the next journal begins with {next}");
        }

        if (FindRecord(bytes, at, r => r.Durable >= missing) is { } proof)
        {
            throw MiniMilvusException.Corrupted($"{path}: record {missing} at offset {at} does not verify, and the record at offset {proof} says that it was durable");
        }
    }

    private static int? FindRecord(byte[] bytes, int from, Func<JournalRecord, bool> matches)
    {
        for (var at = from; at <= bytes.Length - MetaJournalFormat.RecordHeaderBytes; at++)
        {
            if (MetaJournalFormat.TryRead(bytes.AsSpan(at)) is { } record && matches(record))
            {
                return at;
            }
        }

        return null;
    }

    private static async ValueTask<(MetaState State, long Generation)> ReadSnapshotAsync(IDisk disk, string folder, long[] snapshots, CancellationToken ct)
    {
        MiniMilvusException? newest = null;
        foreach (var generation in snapshots.Reverse())
        {
            var path = MetaFiles.Snapshot(folder, generation);
            try
            {
                return (MetaSnapshotFormat.Decode(generation, await MetaFiles.ReadAsync(disk, path, ct), path), generation);
            }
            catch (MiniMilvusException e) when (e.Kind == ErrorKind.Corrupted)
            {
                // The generation before is kept for this; its journals lead to the same state, or recovery says that they do not.
                newest ??= e;
            }
        }

        throw newest!;
    }

    private static long[] Generations(IReadOnlyList<string> names, string prefix) =>
        [.. names.Select(n => MetaFiles.Generation(n, prefix)).OfType<long>().Order()];
}
