using System.Globalization;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;

namespace MiniMilvus.Storage.Catalog;

/// <summary>What a metadata key stands for.</summary>
public enum CatalogKeyKind
{
    /// <summary>Not a key of the catalogue: the log's, the etcd backend's own, a newer version's.</summary>
    Other,
    Database,
    Collection,
    CollectionName,
    Alias,
    Segment,
    DeleteFile,
    Compaction,
    Checkpoint,
    Assignment,
    Session,
    Term,
    Tso,
    Ids,
}

/// <summary>The one place where metadata keys are composed. Parts never contain '/'.</summary>
public static class CatalogKeys
{
    public const string DatabasePrefix = "catalog/db/";
    public const string CollectionPrefix = "catalog/collection/";
    public const string NamePrefix = "catalog/name/";
    public const string AliasPrefix = "catalog/alias/";
    public const string SegmentPrefix = "segments/";
    public const string DeletePrefix = "deletes/";
    public const string CompactionPrefix = "compactions/";
    public const string CheckpointPrefix = "checkpoints/";
    public const string AssignmentPrefix = "assignments/";
    public const string SessionPrefix = "sessions/";
    public const string TermPrefix = "terms/";

    /// <summary>The end of the persisted window of timestamps.</summary>
    public const string ReaderPrefix = "readers/";
    public const string Tso = "tso";

    /// <summary>The end of the persisted window of ids.</summary>
    public const string Ids = "ids";

    /// <summary>catalog/db/{name} → <see cref="Core.Catalog.DatabaseRecord"/>.</summary>
    public static string Database(string name) => DatabasePrefix + Part(name);

    /// <summary>catalog/collection/{id} → <see cref="Core.Catalog.CollectionRecord"/>.</summary>
    public static string Collection(CollectionId id) => CollectionPrefix + Number(id.Value);

    /// <summary>catalog/name/{db}/{name} → the collection's id as text.</summary>
    public static string CollectionName(string database, string name) => $"{NamePrefix}{Part(database)}/{Part(name)}";

    public static string CollectionNames(string database) => $"{NamePrefix}{Part(database)}/";

    /// <summary>catalog/alias/{db}/{alias} → <see cref="Core.Catalog.AliasRecord"/>.</summary>
    public static string Alias(string database, string alias) => $"{AliasPrefix}{Part(database)}/{Part(alias)}";

    public static string Aliases(string database) => $"{AliasPrefix}{Part(database)}/";

    /// <summary>segments/{collection}/{segment} → <see cref="Core.Catalog.SegmentRecord"/>.</summary>
    public static string Segment(CollectionId collection, SegmentId segment) => $"{SegmentPrefix}{Number(collection.Value)}/{Number(segment.Value)}";

    public static string Segments(CollectionId collection) => $"{SegmentPrefix}{Number(collection.Value)}/";

    /// <summary>deletes/{collection}/{vchannel}/{id} → <see cref="Core.Catalog.DeleteFileRecord"/>.</summary>
    public static string DeleteFile(CollectionId collection, VChannel channel, long id) => $"{DeleteFiles(collection, channel)}{Number(id)}";

    public static string DeleteFiles(CollectionId collection) => $"{DeletePrefix}{Number(collection.Value)}/";

    public static string DeleteFiles(CollectionId collection, VChannel channel) => $"{DeletePrefix}{Number(collection.Value)}/{Part(channel.Name)}/";

    /// <summary>compactions/{collection}/{id} → <see cref="Core.Catalog.CompactionRecord"/>.</summary>
    public static string Compaction(CollectionId collection, long id) => Compactions(collection) + Number(id);

    public static string Compactions(CollectionId collection) => $"{CompactionPrefix}{Number(collection.Value)}/";

    /// <summary>checkpoints/{vchannel} → <see cref="Core.Catalog.ChannelCheckpoint"/>.</summary>
    public static string Checkpoint(VChannel channel) => CheckpointPrefix + Part(channel.Name);

    /// <summary>assignments/{pchannel} → <see cref="Core.Catalog.ChannelAssignment"/>.</summary>
    public static string Assignment(PChannel channel) => AssignmentPrefix + Part(channel.Name);

    /// <summary>sessions/{node} → <see cref="Core.Catalog.NodeSession"/>, under the node's lease.</summary>
    /// <summary>What a reader still needs of a log (S3): <c>readers/{pchannel}/{node}</c>.</summary>
    public static string Reader(PChannel channel, long nodeId) => Readers(channel) + Number(nodeId);
    public static string Readers(PChannel channel) => $"{ReaderPrefix}{Part(channel.Name)}/";

    public static string Session(long nodeId) => SessionPrefix + Number(nodeId);

    /// <summary>terms/{what}/{name} → the newest term as text, e.g. terms/data/{pchannel}.</summary>
    public static string Term(string what, string name) => $"{TermPrefix}{Part(what)}/{Part(name)}";

    public static CatalogKeyKind KindOf(string key) => key switch
    {
        Tso => CatalogKeyKind.Tso,
        Ids => CatalogKeyKind.Ids,
        _ when Starts(key, DatabasePrefix) => CatalogKeyKind.Database,
        _ when Starts(key, CollectionPrefix) => CatalogKeyKind.Collection,
        _ when Starts(key, NamePrefix) => CatalogKeyKind.CollectionName,
        _ when Starts(key, AliasPrefix) => CatalogKeyKind.Alias,
        _ when Starts(key, SegmentPrefix) => CatalogKeyKind.Segment,
        _ when Starts(key, DeletePrefix) => CatalogKeyKind.DeleteFile,
        _ when Starts(key, CompactionPrefix) => CatalogKeyKind.Compaction,
        _ when Starts(key, CheckpointPrefix) => CatalogKeyKind.Checkpoint,
        _ when Starts(key, AssignmentPrefix) => CatalogKeyKind.Assignment,
        _ when Starts(key, SessionPrefix) => CatalogKeyKind.Session,
        _ when Starts(key, TermPrefix) => CatalogKeyKind.Term,
        _ => CatalogKeyKind.Other,
    };

    /// <summary>The last part of a key.</summary>
    public static string LastPart(string key) => key[(key.LastIndexOf('/') + 1)..];

    /// <summary>The part at a place, counted from 0.</summary>
    internal static string PartAt(string key, int index) => key.Split('/') is var parts && index < parts.Length
        ? parts[index]
        : throw MiniMilvusException.Corrupted($"metadata key '{key}': expected more than {index} parts");

    internal static long NumberAt(string key, int index) => long.TryParse(PartAt(key, index), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
        ? number
        : throw MiniMilvusException.Corrupted($"metadata key '{key}': part {index} is not a number");

    private static bool Starts(string key, string prefix) => key.StartsWith(prefix, StringComparison.Ordinal);

    private static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);

    private static string Part(string part) => part.Length > 0 && !part.Contains('/', StringComparison.Ordinal)
        ? part
        : throw MiniMilvusException.Invalid($"name '{part}': expected at least one character and no '/'");
}
