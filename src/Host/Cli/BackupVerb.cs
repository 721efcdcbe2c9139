using System.Globalization;
using System.Security.Cryptography;
using MiniMilvus.Host.Backups;
using MiniMilvus.Host.Remote;
using MiniMilvus.Storage.Backups;

namespace MiniMilvus.Host.Cli;

/// <summary>What <c>backup</c> was asked for.</summary>
internal sealed record BackupRequest(string Database, string Collection, string To, string? At);

/// <summary>What <c>restore</c> was asked for.</summary>
/// <param name="From">The backup's folder.</param>
/// <param name="Server">HOST:PORT of the Milvus API.</param>
/// <param name="Database">Null = the one it was in.</param>
/// <param name="Collection">Null = the name it had.</param>
/// <param name="IsCheck">Only read the backup.</param>
internal sealed record RestoreRequest(string From, string Server, string? Database, string? Collection, bool IsCheck);

/// <summary><c>minimilvus backup</c> and <c>minimilvus restore</c>: a collection as it was at one position of its log, in a folder, and back through any server.</summary>
internal static class BackupVerb
{
    private static readonly TimeSpan ProgressInterval = TimeSpan.FromSeconds(2);

    public static async Task<int> BackupAsync(HostOptions options, BackupRequest request, TextWriter output, TimeProvider time, CancellationToken ct)
    {
        var point = BackupPoint.Parse(request.At);
        await using var place = await DataPlace.OpenAsync(options, output, time, ct);
        using var folder = await BackupFolder.CreateAsync(request.To, ct);
        var manifest = await new BackupJob(place.Logs, place.Store, place.Metadata.ReadAsync, folder.Store, time).RunAsync(request.Database, request.Collection, point, ct);
        folder.Keep();
        await output.WriteLineAsync($"backed up {Describe(manifest)} to {folder.Path}");
        foreach (var shard in manifest.Shards)
        {
            await output.WriteLineAsync($"  {shard.Channel}: the log below {shard.Until}");
        }

        return 0;
    }

    public static async Task<int> RestoreAsync(RestoreRequest request, TextWriter output, TimeProvider time, CancellationToken ct)
    {
        var backup = await BackupReader.OpenAsync(BackupFolder.View(request.From), ct);
        var bytes = await backup.VerifyAsync(ct);
        await output.WriteLineAsync(FormattableString.Invariant($"{Describe(backup.Manifest)}, {bytes} bytes: all of it verifies"));
        if (request.IsCheck)
        {
            return 0;
        }

        var (database, name) = (request.Database ?? backup.Manifest.Collection.Database, request.Collection ?? backup.Manifest.Collection.Name);
        using var connections = new Connections();
        var target = new RestoreTarget(connections.Connect(request.Server), request.Server, database, time);
        foreach (var left in RestoreJob.Unfinished(await target.CollectionsAsync(ct)))
        {
            await output.WriteLineAsync($"note: collection '{left}' belongs to a restore that is at work or was interrupted; drop it if none is at work");
        }

        var said = time.GetTimestamp();
        await new RestoreJob(backup, target, RandomNumberGenerator.GetHexString(8, lowercase: true), output, time).RunAsync(name, async rows =>
        {
            if (time.GetElapsedTime(said) >= ProgressInterval)
            {
                said = time.GetTimestamp();
                await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{rows} of {backup.Manifest.Rows} rows"));
            }
        }, ct);
        await output.WriteLineAsync(FormattableString.Invariant($"restored {backup.Manifest.Rows} rows into collection '{name}' of database '{database}' at {request.Server}{(backup.Manifest.Collection.IsLoaded ? ", loaded" : "; not loaded, as it was")}"));
        return 0;
    }

    private static string Describe(BackupManifest manifest) => string.Create(
        CultureInfo.InvariantCulture,
        $"collection '{manifest.Collection.Name}' at tick {manifest.Tick.Value} ({DateTimeOffset.FromUnixTimeMilliseconds(manifest.Tick.UnixMilliseconds):yyyy-MM-dd'T'HH:mm:ss.fff'Z'}): {manifest.Rows} rows in {manifest.Segments.Length} segments");
}
