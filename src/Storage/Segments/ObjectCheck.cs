using System.Globalization;
using System.Runtime.CompilerServices;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Meta;
using MiniMilvus.Storage.Objects;

namespace MiniMilvus.Storage.Segments;

/// <summary>One object that was read. <paramref name="Problem"/> is null when all of it verifies.</summary>
public readonly record struct ObjectFinding(string Key, long Bytes, string? Problem);

/// <summary>
/// Reads every object of segments and deletes through the readers that the roles use, and looks for those that metadata names. It changes
/// nothing and may run beside the owner: what goes while it looks is no damage.
/// </summary>
public sealed class ObjectCheck
{
    private readonly ReadOnlyObjectStore _store;
    private readonly Func<string, CancellationToken, ValueTask<IReadOnlyList<string>>> _keys;
    private readonly Func<CancellationToken, ValueTask<MetaRange?>> _metadata;
    private readonly string[] _roots;

    /// <param name="store">A folder's objects, all of them ours.</param>
    /// <param name="metadata">All of the metadata, asked again before something is called missing; null when it cannot be had.</param>
    public ObjectCheck(LocalObjectStore store, Func<CancellationToken, ValueTask<MetaRange?>> metadata) =>
        (_store, _keys, _metadata, _roots) = (new ReadOnlyObjectStore(store), store.ListKeysAsync, metadata, [""]);

    /// <param name="store">A bucket, which holds the log's blocks and perhaps what is not ours too.</param>
    /// <param name="metadata">As of a folder.</param>
    public ObjectCheck(IObjectStore store, Func<CancellationToken, ValueTask<MetaRange?>> metadata) =>
        (_store, _keys, _metadata, _roots) = (new ReadOnlyObjectStore(store), (prefix, ct) => ListAsync(store, prefix, ct), metadata, [ObjectPaths.SegmentsRoot, ObjectPaths.DeletesRoot]);

    /// <summary>Each object once, in the order of their keys, then what is missing. Throws Unavailable when the disk or the store fails.</summary>
    public async IAsyncEnumerable<ObjectFinding> CheckAsync([EnumeratorCancellation] CancellationToken ct)
    {
        var keys = new List<string>();
        foreach (var root in _roots)
        {
            keys.AddRange(await _keys(root, ct));
        }

        foreach (var key in keys)
        {
            if (await CheckAsync(key, ct) is { } finding)
            {
                yield return finding;
            }
        }

        var missing = new List<string>();
        foreach (var key in Named(await _metadata(ct)).Except(keys))
        {
            if (!(await _keys(key, ct)).Contains(key))
            {
                missing.Add(key);
            }
        }

        if (missing.Count > 0)
        {
            var still = Named(await _metadata(ct));
            foreach (var key in missing.Where(still.Contains))
            {
                yield return new ObjectFinding(key, 0, $"object '{key}' is named by metadata and does not exist");
            }
        }
    }

    /// <summary>Null when the object has gone meanwhile.</summary>
    private async ValueTask<ObjectFinding?> CheckAsync(string key, CancellationToken ct)
    {
        var bytes = 0L;
        try
        {
            var content = await _store.GetAsync(key, ct);
            bytes = content.Length;
            await CheckContentAsync(key, content, ct);
            return new ObjectFinding(key, bytes, null);
        }
        catch (MiniMilvusException e) when (e.Kind == ErrorKind.Corrupted)
        {
            return new ObjectFinding(key, bytes, e.Message);
        }
        catch (MiniMilvusException e) when (e.Kind == ErrorKind.NotFound)
        {
            // A manifest that metadata does not name is being collected, its columns first.
            return (await _keys(key, ct)).Contains(key) && (await _metadata(ct) is not { } known || Named(known).Contains(key))
                ? new ObjectFinding(key, bytes, $"object '{key}': {e.Message}")
                : null;
        }
    }

    private static async ValueTask<IReadOnlyList<string>> ListAsync(IObjectStore store, string prefix, CancellationToken ct)
    {
        var keys = new List<string>();
        await foreach (var info in store.ListAsync(prefix, ct))
        {
            keys.Add(info.Key);
        }

        return keys;
    }

    private async ValueTask CheckContentAsync(string key, ReadOnlyMemory<byte> content, CancellationToken ct)
    {
        var parts = key.Split('/');
        switch (Path.GetExtension(key))
        {
            case ".json" when ObjectPaths.ParseSegment(key) is not null:
                var segment = await SegmentReader.OpenAsync(_store, key, ct);
                foreach (var file in segment.Manifest.Files)
                {
                    await segment.ReadColumnAsync(file.Field, ct);
                }

                break;
            case ".col" when Leading(parts[^1]) is { } field:
                ColumnFile.Decode(content, new FieldId(field), key);
                break;
            case ".idx" when Leading(parts[^1]) is { } index:
                IndexFile.Decode(content, index, key);
                break;
            case ".del" when parts.Length > 1 && Leading(parts[1]) is { } collection:
                DeleteFile.Decode(content, new CollectionId(collection), key);
                break;
        }
    }

    /// <summary>The number before the first '-' or '.', as <see cref="ObjectPaths"/> writes it.</summary>
    private static long? Leading(string name) =>
        long.TryParse(name.AsSpan(0, name.AsSpan().IndexOfAny('-', '.') is var end and >= 0 ? end : name.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;

    /// <summary>What the catalogue's segments and delete files stand on.</summary>
    private static HashSet<string> Named(MetaRange? known)
    {
        var named = new HashSet<string>(StringComparer.Ordinal);
        foreach (var entry in known?.Entries ?? [])
        {
            switch (CatalogKeys.KindOf(entry.Key))
            {
                case CatalogKeyKind.Segment when CatalogCodec.Segment(entry) is { State: SegmentState.Flushed } segment:
                    named.Add(segment.ManifestPath);
                    named.UnionWith(segment.Indexes.Select(i => i.Path));
                    break;
                case CatalogKeyKind.DeleteFile:
                    named.Add(CatalogCodec.DeleteFile(entry).Path);
                    break;
            }
        }

        named.Remove("");
        return named;
    }
}
