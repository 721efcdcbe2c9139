using System.Globalization;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Backups;

namespace MiniMilvus.Host.Backups;

/// <summary>
/// Makes a collection of a backup. Its rows go the way of every insert, through the log, under a name that nobody knows; when the last one is durable, and
/// searchable if the collection was loaded, it gets the name that was asked for. What fails before leaves nothing of that name.
/// </summary>
/// <param name="backup">Verified.</param>
/// <param name="target">The server.</param>
/// <param name="suffix">Of the name in between; no other restore has it.</param>
/// <param name="notes">Is told what could not be cleared away.</param>
/// <param name="time">The clock.</param>
internal sealed class RestoreJob(BackupReader backup, RestoreTarget target, string suffix, TextWriter notes, TimeProvider time)
{
    private const string Mark = "_restoring_";
    private const long InsertBytes = 4L << 20;
    private static readonly TimeSpan DropTime = TimeSpan.FromSeconds(30);

    /// <param name="name">The collection's name there.</param>
    /// <param name="progress">Is told of rows that are durable.</param>
    /// <param name="ct">Ends it, and drops what there is of it.</param>
    public async Task RunAsync(string name, Func<long, Task> progress, CancellationToken ct)
    {
        if (await target.HasAsync(name, ct))
        {
            throw MiniMilvusException.Invalid(ErrorReason.CollectionAlreadyExists, $"collection '{name}': expected none of that name, found one; give another name with --collection, or drop it");
        }

        var collection = backup.Manifest.Collection;
        var staged = name + Mark + suffix;
        try
        {
            await target.CreateAsync(staged, collection, KeyProperties(), ct);
            await InsertAsync(staged, progress, ct);
            await ProveAsync(staged, ct);
            if (collection.Schema.PrimaryKey.IsAutoId && !collection.Properties.ContainsKey(AutoIdProperties.AllowInsert))
            {
                await target.RemovePropertyAsync(staged, AutoIdProperties.AllowInsert, ct);
            }
        }
        catch (Exception e) when (e is MiniMilvusException or OperationCanceledException)
        {
            await DropAsync(staged);
            throw;
        }

        try
        {
            await target.RenameAsync(staged, name, ct);
        }
        catch (MiniMilvusException e)
        {
            throw new MiniMilvusException(e.Kind, e.Reason, $"all rows are in collection '{staged}', but it could not be renamed to '{name}': {e.Message}", e);
        }
    }

    /// <summary>Collections that restores were making which did not end, or have not yet.</summary>
    public static IEnumerable<string> Unfinished(IEnumerable<string> names) => names.Where(n => n.Contains(Mark, StringComparison.Ordinal));

    // Keys that were generated come back as they were, and later ones lie above them.
    private Dictionary<string, string> KeyProperties() => backup.Manifest.Collection.Schema.PrimaryKey.IsAutoId
        ? new() { [AutoIdProperties.AllowInsert] = "true", [AutoIdProperties.Above] = backup.Manifest.HighestAutoId.ToString(CultureInfo.InvariantCulture) }
        : [];

    private async Task InsertAsync(string staged, Func<long, Task> progress, CancellationToken ct)
    {
        var (collection, inserted) = (backup.Manifest.Collection, 0L);
        foreach (var part in backup.Manifest.Segments.GroupBy(s => (s.Channel, s.Partition)))
        {
            var partition = collection.Partitions.FirstOrDefault(p => p.Id == part.Key.Partition)?.Name
                ?? throw MiniMilvusException.Corrupted($"{BackupManifest.Key}: expected a partition {part.Key.Partition} for {part.First().ManifestPath}, found none");
            await foreach (var rows in backup.RowsAsync(part, InsertBytes, ct))
            {
                await target.InsertAsync(staged, partition, collection.Schema, rows, ct);
                inserted += rows.Count;
                await progress(inserted);
            }
        }

        if (inserted != backup.Manifest.Rows)
        {
            throw MiniMilvusException.Internal($"expected {backup.Manifest.Rows} rows restored, found {inserted}");
        }
    }

    private async Task ProveAsync(string staged, CancellationToken ct)
    {
        if (!backup.Manifest.Collection.IsLoaded)
        {
            return;
        }

        await target.LoadAsync(staged, ct);
        if (await target.CountAsync(staged, ct) is var count && count != backup.Manifest.Rows)
        {
            throw MiniMilvusException.Internal($"expected {backup.Manifest.Rows} rows to be searchable, found {count}");
        }
    }

    private async ValueTask DropAsync(string staged)
    {
        using var deadline = new CancellationTokenSource(DropTime, time);
        try
        {
            if (await target.HasAsync(staged, deadline.Token))
            {
                await target.ReleaseAsync(staged, deadline.Token);
                await target.DropAsync(staged, deadline.Token);
            }
        }
        catch (Exception e) when (e is MiniMilvusException or OperationCanceledException)
        {
            await notes.WriteLineAsync($"collection '{staged}' is left half restored; drop it when the server answers: {e.Message}");
        }
    }
}
