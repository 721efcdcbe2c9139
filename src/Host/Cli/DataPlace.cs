using MiniMilvus.Core.Errors;
using MiniMilvus.Host.Wiring;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Storage.S3;
using MiniMilvus.Storage.Segments;
using MiniMilvus.Woodpecker.Inspection;

namespace MiniMilvus.Host.Cli;

/// <summary>
/// A deployment's log, segments and metadata, wherever the settings put them, as the verbs look at them that change nothing: no lock and no lease is
/// taken, and the server may be up.
/// </summary>
internal sealed class DataPlace : IAsyncDisposable
{
    private static readonly string[] Ours = ["logs", "meta", "objects"];
    private readonly S3ObjectStore? _s3;

    private DataPlace(HostOptions options, ReadOnlyDisk? folder, S3ObjectStore? s3, MetadataView metadata, TimeProvider time)
    {
        (Metadata, _s3) = (metadata, s3);
        if (s3 is not null)
        {
            Name = s3.Options.Name;
            Logs = new LogInspector(s3, metadata.ReadAsync, options.Woodpecker, time, MetadataView.ConsumedOf);
            Objects = new ObjectCheck((IObjectStore)s3, metadata.ReadAsync);
            Store = new ReadOnlyObjectStore(s3);
        }
        else
        {
            Name = $"folder {Path.GetFullPath(options.DataFolder)}";
            Logs = new LogInspector(folder!, metadata.ReadAsync, MetadataView.ConsumedOf);
            var objects = LocalObjectStore.View(folder!, "objects");
            Objects = new ObjectCheck(objects, metadata.ReadAsync);
            Store = objects;
        }
    }

    /// <summary>Where log and segments lie, for messages.</summary>
    public string Name { get; }

    public bool IsLocal => _s3 is null;

    public MetadataView Metadata { get; }

    public LogInspector Logs { get; }

    public ObjectCheck Objects { get; }

    /// <summary>What <see cref="Objects"/> checks; it refuses every change.</summary>
    public IObjectStore Store { get; }

    /// <param name="notes">Where it is said, once, that metadata cannot be had.</param>
    /// <exception cref="MiniMilvusException">Invalid: no such folder or bucket; Unavailable: the store does not answer.</exception>
    public static async Task<DataPlace> OpenAsync(HostOptions options, TextWriter notes, TimeProvider time, CancellationToken ct)
    {
        var isRemote = options.StorageType == StorageType.Remote;
        var folder = FindFolder(options.DataFolder, isRequired: !isRemote);
        var metadata = new MetadataView(options, folder, notes, time);
        try
        {
            return new DataPlace(options, folder, isRemote ? await S3ObjectStore.OpenAsync(Stores.S3Of(options.Minio) with { CreatesBucket = false }, time, ct) : null, metadata, time);
        }
        catch
        {
            await metadata.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        _s3?.Dispose();
        await Metadata.DisposeAsync();
    }

    private static ReadOnlyDisk? FindFolder(string folder, bool isRequired)
    {
        var exists = Directory.Exists(folder);
        if (exists && Ours.Any(name => Directory.Exists(Path.Combine(folder, name))))
        {
            return new ReadOnlyDisk(new RealDisk(folder));
        }

        return isRequired
            ? throw MiniMilvusException.Invalid($"--data '{folder}': expected a data folder, with {string.Join(", ", Ours)} in it, found {(exists ? "a folder without any of them" : "none")}; --storageType remote looks in a bucket")
            : null;
    }
}
