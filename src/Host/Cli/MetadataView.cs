using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Host.Remote;
using MiniMilvus.Host.Wiring;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Storage.Etcd;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Host.Cli;

/// <summary>
/// The metadata of a deployment as verbs read it that own nothing: an etcd, a running coordinator, or the files of a folder whose owner may be
/// at work. What keeps it from being read is said once and asked no further.
/// </summary>
internal sealed class MetadataView : IAsyncDisposable
{
    private static readonly TimeSpan AnswerTime = TimeSpan.FromSeconds(5);
    private readonly TextWriter _notes;
    private readonly TimeProvider _time;
    private readonly Belongings _owned = new();
    private readonly Func<CancellationToken, ValueTask<MetaRange?>> _read;
    private EtcdMetaStore? _etcd;

    public MetadataView(HostOptions options, IDisk? folder, TextWriter notes, TimeProvider time)
    {
        (_notes, _time) = (notes, time);
        if (options.MetaType == MetaType.Etcd)
        {
            EtcdOptions etcd = options.Etcd with { RequestTimeout = AnswerTime };
            etcd.Validate();
            (Place, _read) = (etcd.ToString(), ct => ReadEtcdAsync(etcd, ct));
        }
        else if (options.CoordinatorAddress.Length > 0)
        {
            var remote = new RemoteMetaStore(_owned.Add(new Connections()).Connect(options.CoordinatorAddress));
            (Place, _read) = ($"the coordinator at {options.CoordinatorAddress}", async ct => await WithinAsync(t => remote.RangeAsync("", t), ct));
        }
        else
        {
            var path = Path.Combine(Path.GetFullPath(options.DataFolder), "meta");
            (Place, _read) = ($"folder {path}", ct => folder is null ? new ValueTask<MetaRange?>() : EmbeddedMetaReader.ReadAsync(folder, "meta", ct));
        }
    }

    /// <summary>For messages.</summary>
    public string Place { get; }

    /// <summary>What is damaged; null when it was read.</summary>
    public string? Damage { get; private set; }

    /// <summary>What could not be reached: expected and found; null when it was.</summary>
    public string? Unreachable { get; private set; }

    /// <summary>Everything; null when it cannot be had.</summary>
    public async ValueTask<MetaRange?> ReadAsync(CancellationToken ct)
    {
        if (Damage is not null || Unreachable is not null)
        {
            return null;
        }

        try
        {
            if (await _read(ct) is { } found)
            {
                return found;
            }

            Unreachable = $"expected a metadata store in {Place}, found none";
        }
        catch (MiniMilvusException e) when (e.Kind == ErrorKind.Corrupted)
        {
            Damage = $"metadata in {Place}: {e.Message}";
        }
        catch (MiniMilvusException e) when (e.Kind == ErrorKind.Unavailable)
        {
            Unreachable = $"expected an answer of {Place}, found: {e.Message}";
        }

        await _notes.WriteLineAsync($"metadata: {Damage ?? Unreachable}; what follows is from what the log and the segments themselves say");
        return null;
    }

    /// <summary>How far the consumers of a log say that they have read.</summary>
    public static LogPosition ConsumedOf(MetaRange known, string log)
    {
        var consumed = LogPosition.Beginning;
        foreach (var entry in known.Entries)
        {
            try
            {
                if (CatalogKeys.KindOf(entry.Key) == CatalogKeyKind.Checkpoint && CatalogCodec.Checkpoint(entry) is var checkpoint && checkpoint.Channel.PChannel.Name == log)
                {
                    consumed = checkpoint.Position > consumed ? checkpoint.Position : consumed;
                }
            }
            catch (MiniMilvusException e) when (e.Kind == ErrorKind.Corrupted)
            {
                // It proves nothing of the log; who verifies reads every record and names it.
            }
        }

        return consumed;
    }

    public async ValueTask DisposeAsync()
    {
        _etcd?.Dispose();
        await _owned.DisposeAsync();
    }

    private async ValueTask<MetaRange?> ReadEtcdAsync(EtcdOptions options, CancellationToken ct)
    {
        _etcd ??= await EtcdMetaStore.OpenAsync(options, _time, ct);
        return await _etcd.RangeAsync("", ct);
    }

    private async ValueTask<T> WithinAsync<T>(Func<CancellationToken, ValueTask<T>> call, CancellationToken ct)
    {
        using var deadline = new CancellationTokenSource(AnswerTime, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, deadline.Token);
        try
        {
            return await call(either.Token);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            throw MiniMilvusException.Unavailable($"no answer within {AnswerTime.TotalSeconds:0} s");
        }
    }
}
