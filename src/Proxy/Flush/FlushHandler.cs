using System.Collections.Immutable;
using MiniMilvus.Contracts.Wire.Milvus;
using MiniMilvus.Contracts.Wire.Schema;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Streaming;
using MiniMilvus.Core.Time;
using MiniMilvus.Proxy.Ddl;
using MiniMilvus.Proxy.Errors;
using MiniMilvus.Storage.Catalog;
using SegmentState = MiniMilvus.Core.Catalog.SegmentState;

namespace MiniMilvus.Proxy.Flush;

/// <summary>
/// Flush seals: a ManualFlush message to every shard, which ends its growing segments. It is done when the catalogue has those segments as
/// flushed and every shard's checkpoint has passed the flush (GetFlushState).
/// </summary>
internal sealed class FlushHandler(Catalogue catalogue, IStreamingClient streaming, ITimestampOracle oracle, TimeProvider time)
{
    public async ValueTask<FlushResponse> FlushAsync(string database, FlushRequest request, CancellationToken ct)
    {
        if (request.CollectionNames.Count == 0)
        {
            throw MiniMilvusException.Invalid("flush: expected at least one collection, found none");
        }

        // All names are looked up before anything is sealed.
        var snapshot = await catalogue.FreshAsync(ct);
        var collections = request.CollectionNames.Distinct().Select(name => (Name: name, Record: Catalogue.Require(snapshot, database, name))).ToList();
        var answer = new FlushResponse { Status = StatusMapper.Success(), DbName = database };
        foreach (var (name, record) in collections)
        {
            var already = new LongArray();
            already.Data.AddRange(snapshot.SegmentsOf(record.Id).Values.Where(s => s.State == SegmentState.Flushed).Select(s => s.Id.Value));
            var (segments, tick) = await SealAsync(record, ct);
            var sealedNow = new LongArray();
            sealedNow.Data.AddRange(segments.Select(s => s.Value));
            answer.CollSegIDs.Add(name, sealedNow);
            answer.FlushCollSegIDs.Add(name, already);
            answer.CollSealTimes.Add(name, time.GetUtcNow().ToUnixTimeSeconds());
            answer.CollFlushTs.Add(name, tick.Value);
        }

        return answer;
    }

    public async ValueTask<GetFlushStateResponse> StateAsync(string database, GetFlushStateRequest request, CancellationToken ct)
    {
        var snapshot = await catalogue.FreshAsync(ct);
        var record = request.CollectionName.Length > 0 ? Catalogue.Find(snapshot, database, request.CollectionName) : null;
        return new GetFlushStateResponse
        {
            Status = StatusMapper.Success(),
            Flushed = request.SegmentIDs.All(id => IsFlushed(snapshot, new SegmentId(id)))
                && (record is null || HasPassed(snapshot, record, new Timestamp(request.FlushTs))),
        };
    }

    /// <summary>The timestamp is taken before anything is sealed: what was written before the call lies below it.</summary>
    public async ValueTask<FlushAllResponse> FlushAllAsync(string database, CancellationToken ct)
    {
        var snapshot = await catalogue.FreshAsync(ct);
        Catalogue.RequireDatabase(snapshot, database);
        var before = (await oracle.AllocateTimestampsAsync(1, ct)).First;
        foreach (var record in Catalogue.CollectionsOf(snapshot, database))
        {
            await SealAsync(record, ct);
        }

        return new FlushAllResponse { Status = StatusMapper.Success(), FlushAllTs = before.Value };
    }

    public async ValueTask<GetFlushAllStateResponse> AllStateAsync(string database, GetFlushAllStateRequest request, CancellationToken ct)
    {
        var snapshot = await catalogue.FreshAsync(ct);
        var before = new Timestamp(request.FlushAllTs);
        return new GetFlushAllStateResponse
        {
            Status = StatusMapper.Success(),
            Flushed = Catalogue.CollectionsOf(snapshot, database).Where(c => c.CreatedAt < before).All(c => HasPassed(snapshot, c, before)),
        };
    }

    /// <summary>The tick is the earliest of the shards': a checkpoint at or above it has everything that was acked before the flush began.</summary>
    private async ValueTask<(ImmutableArray<SegmentId> Sealed, Timestamp Tick)> SealAsync(CollectionRecord record, CancellationToken ct)
    {
        var results = await Task.WhenAll(record.Channels.Select(channel => streaming.AppendAsync(channel, [new ManualFlushBody(record.Id, [])], ct).AsTask()));
        return ([.. results.SelectMany(r => r.Sealed).Order()], results.Min(r => r.Tick));
    }

    /// <summary>A segment without a record has been dropped since: it was registered before its first row was written.</summary>
    private static bool IsFlushed(CatalogSnapshot snapshot, SegmentId id) =>
        snapshot.Collections.Keys.All(c => snapshot.FindSegment(c, id) is not { State: SegmentState.Growing });

    private static bool HasPassed(CatalogSnapshot snapshot, CollectionRecord record, Timestamp flush) =>
        record.Channels.All(channel => snapshot.CheckpointOf(channel) is { } checkpoint && checkpoint.Tick >= flush);
}
