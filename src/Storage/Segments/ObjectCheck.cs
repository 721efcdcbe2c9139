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
/// Reads every object of a folder through the readers that the roles use, and looks for those that metadata names. It changes nothing and may
/// run beside the owner: what goes while it looks is no damage.
/// </summary>
/// <param name="metadata">All of the metadata, asked again before something is called missing; null when it cannot be had.</param>
public sealed class ObjectCheck(LocalObjectStore store, Func<CancellationToken, ValueTask<MetaRange?>> metadata)
{
    /// <summary>Each object once, in key order, then what is missing. Throws Unavailable when the disk fails.</summary>
    public async IAsyncEnumerable<ObjectFinding> CheckAsync([EnumeratorCancellation] CancellationToken ct)
    {
        var keys = await store.ListKeysAsync("", ct);
        foreach (var key in keys)
        {
            if (await CheckAsync(key, ct) is { } finding)
            {
                yield return finding;
            }
        }

        var missing = new List<string>();
        foreach (var key in Named(await metadata(ct)).Except(keys))
        {
            if (!(await store.ListKeysAsync(key, ct)).Contains(key))
            {
                missing.Add(key);
            }
        }

        if (missing.Count > 0)
        {
            var still = Named(await metadata(ct));
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
            var content = await store.GetAsync(key, ct);
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
            return (await store.ListKeysAsync(key, ct)).Contains(key) ? new ObjectFinding(key, bytes, $"{key}: {e.Message}") : null;
        }
    }

    private async ValueTask CheckContentAsync(string key, ReadOnlyMemory<byte> content, CancellationToken ct)
    {
        var parts = key.Split('/');
        switch (Path.GetExtension(key))
        {
            case ".json" when ObjectPaths.ParseSegment(key) is not null:
                var segment = await SegmentReader.OpenAsync(store, key, ct);
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
