using Google.Protobuf;
using Grpc.Core;
using MiniMilvus.Contracts.Wire.Common;
using MiniMilvus.Contracts.Wire.Milvus;
using MiniMilvus.Contracts.Wire.Schema;
using MiniMilvus.Core.Time;
using MiniMilvus.Proxy.Grpc;
using MiniMilvus.Simulation.Scheduling;
using MiniMilvus.Simulation.World;
using Status = MiniMilvus.Contracts.Wire.Common.Status;

namespace MiniMilvus.Simulation.Golden;

/// <summary>A Milvus client that says what it was answered. What names a tick is said when the log has been looked at.</summary>
internal sealed class GoldenClient(SimWorld world, GoldenNames names, int shards)
{
    private const string Books = "books";
    private const int All = 100;
    private FlushResponse? _flush;
    private long _compaction;

    public async Task CreateAsync()
    {
        await CallAsync((s, c) => s.CreateCollection(Wire.Create(Books, shards).Sent(), c));
        await CallAsync((s, c) => s.CreateIndex(Wire.Index(Books).Sent(), c));
        await CallAsync((s, c) => s.LoadCollection(new LoadCollectionRequest { CollectionName = Books }.Sent(), c));
    }

    public async Task<Func<string>> WriteAsync(string rpc, IReadOnlyList<(long Key, long Value)> rows)
    {
        var reply = await CallAsync((service, call) =>
        {
            switch (rpc)
            {
                case "insert":
                    var insert = new InsertRequest { CollectionName = Books, NumRows = (uint)rows.Count };
                    insert.FieldsData.AddRange(Wire.Fields(rows));
                    return service.Insert(insert.Sent(), call);
                case "upsert":
                    var upsert = new UpsertRequest { CollectionName = Books, NumRows = (uint)rows.Count };
                    upsert.FieldsData.AddRange(Wire.Fields(rows));
                    return service.Upsert(upsert.Sent(), call);
                default:
                    return service.Delete(new DeleteRequest { CollectionName = Books, Expr = $"id in [{string.Join(',', rows.Select(r => r.Key))}]" }.Sent(), call);
            }
        });
        return Answer(reply?.Status, () => shards > 1 ? "acked" : $"acked {names.At(new Timestamp(reply!.Timestamp))}");
    }

    /// <summary>Everything that a search sees, by key, and at which timestamp it ran.</summary>
    public async Task<Func<string>> SearchAsync(string when)
    {
        var level = when switch { "@now" => ConsistencyLevel.Strong, "@any" => ConsistencyLevel.Eventually, _ => throw new FormatException($"search: expected @now or @any, found '{when}'") };
        var reply = await CallAsync((s, c) => s.Search(Wire.Search(Books, "", Wire.Vector(0, 0), All, level, 0).Sent(), c));
        return Answer(reply?.Status, () =>
        {
            var results = reply!.Results;
            var keys = results.Ids.IdFieldCase == IDs.IdFieldOneofCase.IntId ? (IReadOnlyList<long>)results.Ids.IntId.Data : [];
            var rows = keys.Count == 0 ? "nothing" : string.Join(' ', keys.Zip(results.FieldsData.Longs("v")).OrderBy(r => r.First).Select(r => GoldenNames.Row(r.First, r.Second)));
            return $"sees {rows} ({names.At(new Timestamp(reply.SessionTs))})";
        });
    }

    public async Task<Func<string>> FlushAsync()
    {
        _flush = await CallAsync((s, c) => s.Flush(new FlushRequest { CollectionNames = { Books } }.Sent(), c));
        return Answer(_flush?.Status, () => "acked");
    }

    public async Task<bool> IsFlushedAsync()
    {
        var request = new GetFlushStateRequest { CollectionName = Books, FlushTs = _flush!.CollFlushTs[Books] };
        request.SegmentIDs.AddRange(_flush.CollSegIDs[Books].Data);
        return (await CallAsync((s, c) => s.GetFlushState(request.Sent(), c)))?.Flushed == true;
    }

    public async Task<Func<string>> CompactAsync()
    {
        var reply = await CallAsync((s, c) => s.ManualCompaction(new ManualCompactionRequest { CollectionName = Books }.Sent(), c));
        _compaction = reply?.CompactionID ?? 0;
        return Answer(reply?.Status, () => $"planned {reply!.CompactionPlanCount}");
    }

    public async Task<bool> IsCompactedAsync() =>
        (await CallAsync((s, c) => s.GetCompactionState(new GetCompactionStateRequest { CompactionID = _compaction }.Sent(), c)))?.State == CompactionState.Completed;

    private Func<string> Answer(Status? status, Func<string> good) => status switch
    {
        null => () => "no reply",
        { Code: 0 } => good,
        _ => () => $"refused{(status.Retriable ? ", to be tried again" : "")}: {names.Named(status.Reason)}",
    };

    private async Task<T?> CallAsync<T>(Func<MilvusGrpcService, ServerCallContext, Task<T>> call)
        where T : class, IMessage<T>, new()
    {
        var cluster = await world.ClusterAsync();
        try
        {
            return await cluster.Process.CallAsync(async () => (await call(cluster.Service, new SimCall(CancellationToken.None))).Sent());
        }
        catch (ConnectionLostException)
        {
            return null;
        }
    }
}
