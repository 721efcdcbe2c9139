using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Host.Cli;

/// <summary>A data folder as the verbs look at it that change nothing: no lock is taken, and the server may be up.</summary>
internal sealed class DataFolder
{
    private bool _said;

    private DataFolder(IDisk disk, TextWriter notes)
    {
        Disk = disk;
        Notes = notes;
    }

    public IDisk Disk { get; }

    /// <summary>Why metadata could not be read; null when it was, or when there is none.</summary>
    public string? MetadataDamage { get; private set; }

    private TextWriter Notes { get; }

    /// <param name="notes">Where it is said, once, that metadata cannot be had.</param>
    public static DataFolder Open(string folder, TextWriter notes) => Directory.Exists(folder)
        ? new DataFolder(new ReadOnlyDisk(new RealDisk(folder)), notes)
        : throw MiniMilvusException.Invalid($"--data '{folder}': expected a data folder, found none");

    /// <summary>Everything that metadata holds; null when there is none or it cannot be read.</summary>
    public async ValueTask<MetaRange?> ReadMetadataAsync(CancellationToken ct)
    {
        try
        {
            if (await EmbeddedMetaReader.ReadAsync(Disk, "meta", ct) is { } found)
            {
                return found;
            }

            await SayAsync("metadata: none in this folder; what follows is from the files alone");
        }
        catch (MiniMilvusException e) when (e.Kind is ErrorKind.Corrupted or ErrorKind.Unavailable)
        {
            MetadataDamage = e.Message;
            await SayAsync($"metadata: cannot be read ({e.Message}); what follows is from the files alone");
        }

        return null;
    }

    private async ValueTask SayAsync(string what)
    {
        if (!_said)
        {
            _said = true;
            await Notes.WriteLineAsync(what);
        }
    }
}
