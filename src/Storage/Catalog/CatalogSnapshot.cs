using System.Collections.Immutable;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Storage.Catalog;

/// <summary>The catalogue at one revision, immutable. Holds records in every state (Creating, Dropping too): the reader decides what counts.</summary>
public sealed record CatalogSnapshot
{
    public static readonly CatalogSnapshot Empty = new();
    private static readonly ImmutableSortedDictionary<SegmentId, SegmentRecord> NoSegments = ImmutableSortedDictionary<SegmentId, SegmentRecord>.Empty;
    private static readonly ImmutableSortedDictionary<long, DeleteFileRecord> NoDeletes = ImmutableSortedDictionary<long, DeleteFileRecord>.Empty;

    private CatalogSnapshot()
    {
    }

    /// <summary>The metadata revision that this is the picture of.</summary>
    public long Revision { get; private init; }

    public ImmutableDictionary<string, DatabaseRecord> Databases { get; private init; } = ImmutableDictionary<string, DatabaseRecord>.Empty;

    public ImmutableDictionary<CollectionId, CollectionRecord> Collections { get; private init; } = ImmutableDictionary<CollectionId, CollectionRecord>.Empty;

    /// <summary>By name: who walks through them does so in the same order in every run.</summary>
    public ImmutableSortedDictionary<PChannel, ChannelAssignment> Assignments { get; private init; } =
        ImmutableSortedDictionary.Create<PChannel, ChannelAssignment>(Comparer<PChannel>.Create(static (a, b) => string.CompareOrdinal(a.Name, b.Name)));

    public ImmutableDictionary<VChannel, ChannelCheckpoint> Checkpoints { get; private init; } = ImmutableDictionary<VChannel, ChannelCheckpoint>.Empty;

    public ImmutableDictionary<long, NodeSession> Sessions { get; private init; } = ImmutableDictionary<long, NodeSession>.Empty;

    /// <summary>Collection names, by database and name.</summary>
    public ImmutableDictionary<(string Database, string Name), CollectionId> Names { get; private init; } = ImmutableDictionary<(string, string), CollectionId>.Empty;

    public ImmutableDictionary<(string Database, string Alias), AliasRecord> Aliases { get; private init; } = ImmutableDictionary<(string, string), AliasRecord>.Empty;

    /// <summary>Compactions that were asked for, by id.</summary>
    public ImmutableSortedDictionary<long, CompactionRecord> Compactions { get; private init; } = ImmutableSortedDictionary<long, CompactionRecord>.Empty;

    private ImmutableDictionary<VChannel, CollectionId> Channels { get; init; } = ImmutableDictionary<VChannel, CollectionId>.Empty;

    private ImmutableDictionary<CollectionId, ImmutableSortedDictionary<SegmentId, SegmentRecord>> Segments { get; init; } =
        ImmutableDictionary<CollectionId, ImmutableSortedDictionary<SegmentId, SegmentRecord>>.Empty;

    private ImmutableDictionary<VChannel, ImmutableSortedDictionary<long, DeleteFileRecord>> Deletes { get; init; } =
        ImmutableDictionary<VChannel, ImmutableSortedDictionary<long, DeleteFileRecord>>.Empty;

    public DatabaseRecord? FindDatabase(string name) => Databases.GetValueOrDefault(name);

    /// <summary>By name or alias; names win.</summary>
    public CollectionRecord? FindCollection(string database, string nameOrAlias) =>
        Names.TryGetValue((database, nameOrAlias), out var id) || (Aliases.TryGetValue((database, nameOrAlias), out var alias) && (id = alias.Collection) == id)
            ? Collections.GetValueOrDefault(id)
            : null;

    public CollectionRecord? FindCollection(CollectionId id) => Collections.GetValueOrDefault(id);

    public CollectionRecord? FindCollection(VChannel channel) => Channels.TryGetValue(channel, out var id) ? Collections.GetValueOrDefault(id) : null;

    /// <summary>Aliases of a collection, in ordinal order.</summary>
    public ImmutableArray<AliasRecord> AliasesOf(CollectionId collection) =>
        [.. Aliases.Values.Where(a => a.Collection == collection).OrderBy(a => a.Alias, StringComparer.Ordinal)];

    /// <summary>Segments of a collection by id.</summary>
    public ImmutableSortedDictionary<SegmentId, SegmentRecord> SegmentsOf(CollectionId collection) => Segments.GetValueOrDefault(collection, NoSegments);

    public SegmentRecord? FindSegment(CollectionId collection, SegmentId segment) => SegmentsOf(collection).GetValueOrDefault(segment);

    /// <summary>Delete files of a vchannel by id.</summary>
    public ImmutableSortedDictionary<long, DeleteFileRecord> DeleteFilesOf(VChannel channel) => Deletes.GetValueOrDefault(channel, NoDeletes);

    public ChannelCheckpoint? CheckpointOf(VChannel channel) => Checkpoints.GetValueOrDefault(channel);

    public ChannelAssignment? AssignmentOf(PChannel channel) => Assignments.GetValueOrDefault(channel);

    /// <summary>The picture that a listing shows.</summary>
    public static CatalogSnapshot Of(MetaRange range)
    {
        var snapshot = Empty;
        foreach (var entry in range.Entries)
        {
            snapshot = snapshot.Put(entry);
        }

        return snapshot with { Revision = range.Revision };
    }

    public CatalogSnapshot Apply(MetaWatchBatch batch)
    {
        var snapshot = this;
        foreach (var change in batch.Events)
        {
            snapshot = change.IsDelete ? snapshot.Delete(change.Entry.Key) : snapshot.Put(change.Entry);
        }

        return snapshot with { Revision = batch.Revision };
    }

    private CatalogSnapshot Put(MetaEntry entry)
    {
        var key = entry.Key;
        switch (CatalogKeys.KindOf(key))
        {
            case CatalogKeyKind.Database:
                return this with { Databases = Databases.SetItem(CatalogKeys.LastPart(key), CatalogCodec.Database(entry)) };
            case CatalogKeyKind.Collection:
                var collection = CatalogCodec.Collection(entry);
                var channels = WithoutChannelsOf(new CollectionId(CatalogKeys.NumberAt(key, 2)));
                return this with
                {
                    Collections = Collections.SetItem(collection.Id, collection),
                    Channels = channels.SetItems(collection.Channels.Select(c => KeyValuePair.Create(c, collection.Id))),
                };
            case CatalogKeyKind.CollectionName:
                return this with { Names = Names.SetItem((CatalogKeys.PartAt(key, 2), CatalogKeys.PartAt(key, 3)), new CollectionId(CatalogCodec.Number(entry))) };
            case CatalogKeyKind.Alias:
                return this with { Aliases = Aliases.SetItem((CatalogKeys.PartAt(key, 2), CatalogKeys.PartAt(key, 3)), CatalogCodec.Alias(entry)) };
            case CatalogKeyKind.Segment:
                var segment = CatalogCodec.Segment(entry);
                return this with { Segments = Segments.SetItem(segment.Collection, SegmentsOf(segment.Collection).SetItem(segment.Id, segment)) };
            case CatalogKeyKind.DeleteFile:
                var file = CatalogCodec.DeleteFile(entry);
                return this with { Deletes = Deletes.SetItem(file.Channel, DeleteFilesOf(file.Channel).SetItem(file.Id, file)) };
            case CatalogKeyKind.Compaction:
                var compaction = CatalogCodec.Compaction(entry);
                return this with { Compactions = Compactions.SetItem(compaction.Id, compaction) };
            case CatalogKeyKind.Checkpoint:
                var checkpoint = CatalogCodec.Checkpoint(entry);
                return this with { Checkpoints = Checkpoints.SetItem(checkpoint.Channel, checkpoint) };
            case CatalogKeyKind.Assignment:
                var assignment = CatalogCodec.Assignment(entry);
                return this with { Assignments = Assignments.SetItem(assignment.Channel, assignment) };
            case CatalogKeyKind.Session:
                var session = CatalogCodec.Session(entry);
                return this with { Sessions = Sessions.SetItem(session.NodeId, session) };
            default:
                return this; // terms, windows and foreign keys are nobody's view
        }
    }

    private CatalogSnapshot Delete(string key)
    {
        switch (CatalogKeys.KindOf(key))
        {
            case CatalogKeyKind.Database:
                return this with { Databases = Databases.Remove(CatalogKeys.LastPart(key)) };
            case CatalogKeyKind.Collection:
                var collection = new CollectionId(CatalogKeys.NumberAt(key, 2));
                return this with { Collections = Collections.Remove(collection), Channels = WithoutChannelsOf(collection) };
            case CatalogKeyKind.CollectionName:
                return this with { Names = Names.Remove((CatalogKeys.PartAt(key, 2), CatalogKeys.PartAt(key, 3))) };
            case CatalogKeyKind.Alias:
                return this with { Aliases = Aliases.Remove((CatalogKeys.PartAt(key, 2), CatalogKeys.PartAt(key, 3))) };
            case CatalogKeyKind.Segment:
                var owner = new CollectionId(CatalogKeys.NumberAt(key, 1));
                var segments = SegmentsOf(owner).Remove(new SegmentId(CatalogKeys.NumberAt(key, 2)));
                return this with { Segments = segments.IsEmpty ? Segments.Remove(owner) : Segments.SetItem(owner, segments) };
            case CatalogKeyKind.DeleteFile:
                var channel = new VChannel(CatalogKeys.PartAt(key, 2));
                var files = DeleteFilesOf(channel).Remove(CatalogKeys.NumberAt(key, 3));
                return this with { Deletes = files.IsEmpty ? Deletes.Remove(channel) : Deletes.SetItem(channel, files) };
            case CatalogKeyKind.Compaction:
                return this with { Compactions = Compactions.Remove(CatalogKeys.NumberAt(key, 2)) };
            case CatalogKeyKind.Checkpoint:
                return this with { Checkpoints = Checkpoints.Remove(new VChannel(CatalogKeys.LastPart(key))) };
            case CatalogKeyKind.Assignment:
                return this with { Assignments = Assignments.Remove(new PChannel(CatalogKeys.LastPart(key))) };
            case CatalogKeyKind.Session:
                return this with { Sessions = Sessions.Remove(CatalogKeys.NumberAt(key, 1)) };
            default:
                return this;
        }
    }

    private ImmutableDictionary<VChannel, CollectionId> WithoutChannelsOf(CollectionId collection) =>
        Collections.TryGetValue(collection, out var old) ? Channels.RemoveRange(old.Channels) : Channels;
}
