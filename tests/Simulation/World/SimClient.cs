using Google.Protobuf;
using Grpc.Core;
using MiniMilvus.Contracts.Wire.Common;
using MiniMilvus.Contracts.Wire.Milvus;
using MiniMilvus.Proxy.Grpc;
using MiniMilvus.Simulation.Model;
using MiniMilvus.Simulation.Scheduling;
using Status = MiniMilvus.Contracts.Wire.Common.Status;

namespace MiniMilvus.Simulation.World;

/// <summary>A reply, or why there is none.</summary>
internal readonly record struct Reply<T>(T? Message, Status? Status, int Generation)
    where T : class
{
    public bool IsOk => Status is { Code: 0 };

    /// <summary>No reply came: what happened is unknown.</summary>
    public bool IsLost => Status is null;

    public string Why => Status is { } status ? $"{status.Code} {status.Reason}" : "no reply";
}

/// <summary>
/// A Milvus client as the server sees it: calls the service with encoded requests, may lose a reply, may give up. Keeps the model up to date and
/// checks every answer.
/// </summary>
internal sealed class SimClient(SimWorld world, Random random, string name)
{
    private const int Unexpected = 65535;
    private const int InvalidParameter = 1100;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);
    private ulong _lastWrite;

    /// <summary>How often a reply is thrown away, or the client gives up before it.</summary>
    public double LossRate { get; init; }

    public long Operations { get; private set; }

    public long Succeeded { get; private set; }

    public async Task<Reply<MutationResult>> WriteAsync(CollectionModel model, string rpc, IReadOnlyList<(long Key, long? Value)> rows, string partition = "")
    {
        var cluster = await world.ClusterAsync();
        var op = model.Begin(rows, cluster.Generation);
        var full = rows.Where(r => r.Value is not null).Select(r => (r.Key, r.Value!.Value)).ToList();
        var reply = await CallAsync(cluster, rpc, true, (service, call) =>
        {
            switch (rpc)
            {
                case "insert":
                    var insert = new InsertRequest { CollectionName = model.Name, PartitionName = partition, NumRows = (uint)rows.Count };
                    insert.FieldsData.AddRange(Wire.Fields(full));
                    return service.Insert(insert.Sent(), call);
                case "upsert":
                    var upsert = new UpsertRequest { CollectionName = model.Name, PartitionName = partition, NumRows = (uint)rows.Count };
                    upsert.FieldsData.AddRange(Wire.Fields(full));
                    return service.Upsert(upsert.Sent(), call);
                default:
                    return service.Delete(new DeleteRequest { CollectionName = model.Name, Expr = $"id in [{string.Join(',', rows.Select(r => r.Key))}]" }.Sent(), call);
            }
        }, m => m.Status);
        if (reply.IsOk)
        {
            model.Acked(op, reply.Message!.Timestamp);
            _lastWrite = reply.Message.Timestamp;
        }
        else
        {
            op.Outcome = reply.Status?.Code == InvalidParameter ? Outcome.Refused : Outcome.Unknown;
        }

        world.Log.Add($"{name}: {rpc} {model.Name} {string.Join(", ", rows.Select(r => $"{r.Key}={r.Value?.ToString() ?? "x"}"))} -> {op.Outcome} {(reply.IsOk ? op.Tick.ToString() : reply.Why)}");
        return reply;
    }

    /// <summary>A query of all that passes a filter, checked against the model; a Strong one of everything in a later life settles what was unknown.</summary>
    public async Task<bool> QueryAsync(CollectionModel model, ConsistencyLevel level, RowFilter? filter = null)
    {
        var (cluster, passing) = (await world.ClusterAsync(), filter ?? RowFilter.None);
        var floor = Floor(model, level, cluster);
        var reply = await ReadAsync(
            cluster, model, "query", (service, call) => service.Query(Wire.Query(model.Name, passing.Text, level, Guarantee(level), count: false).Sent(), call), m => m.Status);
        if (!reply.IsOk)
        {
            return false;
        }

        var fields = reply.Message!.FieldsData;
        var rows = fields.Count == 0 ? [] : fields.Longs("id").Zip(fields.Longs("v")).ToList();
        CheckFloor("query", model, level, floor, reply.Message.SessionTs);
        CheckVectors(model, rows, fields.Count == 0 ? [] : fields.First(f => f.FieldName == "vec").Vectors.FloatVector.Data);
        model.CheckWhole($"{level} query of {passing.Text}", reply.Message.SessionTs, passing, rows);
        if (filter is not null)
        {
            Happened.Shared.Add(Happened.FilteredRead);
        }
        else if (level == ConsistencyLevel.Strong)
        {
            model.Pin(reply.Message.SessionTs, rows, reply.Generation);
        }

        return true;
    }

    public async Task<bool> CountAsync(CollectionModel model, ConsistencyLevel level, RowFilter? filter = null)
    {
        var (cluster, passing) = (await world.ClusterAsync(), filter ?? RowFilter.None);
        var floor = Floor(model, level, cluster);
        var reply = await ReadAsync(
            cluster, model, "count", (service, call) => service.Query(Wire.Query(model.Name, filter?.Text ?? "", level, Guarantee(level), count: true).Sent(), call), m => m.Status);
        if (!reply.IsOk)
        {
            return false;
        }

        CheckFloor("count", model, level, floor, reply.Message!.SessionTs);
        model.CheckCount($"{level} count of {passing.Text}", reply.Message.SessionTs, passing, reply.Message.FieldsData.Longs("count(*)")[0]);
        return true;
    }

    public async Task<bool> SearchAsync(CollectionModel model, ConsistencyLevel level, int topK, RowFilter? filter = null)
    {
        var (cluster, passing) = (await world.ClusterAsync(), filter ?? RowFilter.None);
        var floor = Floor(model, level, cluster);
        var query = Wire.Vector(random.Next(1000), random.Next(1000));
        var reply = await ReadAsync(
            cluster, model, "search", (service, call) => service.Search(Wire.Search(model.Name, filter?.Text ?? "", query, topK, level, Guarantee(level)).Sent(), call), m => m.Status);
        if (!reply.IsOk)
        {
            return false;
        }

        var results = reply.Message!.Results;
        var keys = results.Ids.IdFieldCase == Contracts.Wire.Schema.IDs.IdFieldOneofCase.IntId ? (IReadOnlyList<long>)results.Ids.IntId.Data : [];
        var rows = keys.Count == 0 ? [] : keys.Zip(results.FieldsData.Longs("v")).ToList();
        CheckFloor("search", model, level, floor, reply.Message.SessionTs);
        model.CheckSearch($"{level} search of {passing.Text}", reply.Message.SessionTs, passing, query, topK, rows, [.. results.Scores]);
        if (filter is not null)
        {
            Happened.Shared.Add(Happened.FilteredRead);
        }

        return true;
    }

    public async Task<bool> FlushAsync(CollectionModel model)
    {
        var cluster = await world.ClusterAsync();
        return (await CallAsync(cluster, "flush", true, (service, call) => service.Flush(new FlushRequest { CollectionNames = { model.Name } }.Sent(), call), m => m.Status)).IsOk;
    }

    /// <summary>Asks for a compaction, as a user may at any time.</summary>
    public async Task<bool> CompactAsync(CollectionModel model)
    {
        var cluster = await world.ClusterAsync();
        return (await CallAsync(cluster, "compact", true, (service, call) => service.ManualCompaction(new ManualCompactionRequest { CollectionName = model.Name }.Sent(), call), m => m.Status)).IsOk;
    }

    /// <summary>Repeats a command that may be repeated until it is done: through failures and lives of the server.</summary>
    public async Task UntilOkAsync(string rpc, Func<MilvusGrpcService, ServerCallContext, Task<Status>> call)
    {
        for (var attempt = 0; attempt < 200; attempt++)
        {
            var reply = await CallAsync(await world.ClusterAsync(), rpc, true, call, s => s);
            world.Log.Add($"{name}: {rpc} -> {(reply.IsOk ? "ok" : reply.Why)}");
            if (reply.IsOk)
            {
                return;
            }

            await world.DelayAsync(TimeSpan.FromMilliseconds(random.Next(50, 1500)));
        }

        world.Violations.Add("W13 a command that is repeated gets done", $"{rpc}: refused 200 times");
    }

    /// <summary>Reads until it works: a server that lives must answer within a bound.</summary>
    public async Task UntilTrueAsync(string what, Func<Task<bool>> read)
    {
        for (var attempt = 0; attempt < 100; attempt++)
        {
            if (await read() || world.Violations.Any)
            {
                return;
            }

            await world.DelayAsync(TimeSpan.FromMilliseconds(500));
        }

        world.Violations.Add("W13 a read that is repeated is answered", $"{what}: refused 100 times");
    }

    /// <summary>The least snapshot of a read at a level: for Session the client's own last write, which it hands in as its guarantee.</summary>
    private ulong Floor(CollectionModel model, ConsistencyLevel level, SimCluster cluster) => level switch
    {
        ConsistencyLevel.Strong => model.LastAcked,
        ConsistencyLevel.Bounded => (ulong)(cluster.Process.Time.GetUtcNow().ToUnixTimeMilliseconds() - 5000) << 18,
        ConsistencyLevel.Session => _lastWrite,
        _ => 0,
    };

    private ulong Guarantee(ConsistencyLevel level) => level == ConsistencyLevel.Session ? _lastWrite : 0;

    private async Task<Reply<T>> ReadAsync<T>(
        SimCluster cluster, CollectionModel model, string rpc, Func<MilvusGrpcService, ServerCallContext, Task<T>> call, Func<T, Status> status)
        where T : class, IMessage<T>, new()
    {
        world.Reads[model.Name] = world.Reads.GetValueOrDefault(model.Name) + 1;
        try
        {
            return await CallAsync(cluster, rpc, false, call, status);
        }
        finally
        {
            world.Reads[model.Name]--;
        }
    }

    private void CheckFloor(string what, CollectionModel model, ConsistencyLevel level, ulong floor, ulong snapshot)
    {
        if (snapshot < floor)
        {
            world.Violations.Add("Q1 a read runs at or above its guarantee", $"{level} {what} of {model.Name}: ran at {snapshot}, expected at least {floor}");
        }
    }

    private void CheckVectors(CollectionModel model, List<(long Key, long Value)> rows, IReadOnlyList<float> vectors)
    {
        for (var i = 0; i < rows.Count; i++)
        {
            if (!vectors.Skip(i * Wire.Dim).Take(Wire.Dim).SequenceEqual(Wire.Vector(rows[i].Key, rows[i].Value)))
            {
                world.Violations.Add("S2 a row keeps its columns together", $"query of {model.Name}: key {rows[i].Key} = {rows[i].Value} has another row's vector");
            }
        }
    }

    private async Task<Reply<T>> CallAsync<T>(
        SimCluster cluster, string rpc, bool mayLose, Func<MilvusGrpcService, ServerCallContext, Task<T>> call, Func<T, Status> status)
        where T : class, IMessage<T>, new()
    {
        Operations++;
        var loses = mayLose && random.NextDouble() < LossRate;
        var gives = random.NextDouble() < LossRate;
        using var stop = gives ? new CancellationTokenSource(TimeSpan.FromMicroseconds(random.Next(1, 20_000)), cluster.Process.Time) : new CancellationTokenSource();
        try
        {
            var reply = cluster.Process.CallAsync(async () => (await call(cluster.Service, new SimCall(stop.Token))).Sent());
            var patience = world.DelayAsync(loses ? TimeSpan.FromMilliseconds(random.Next(1, 100)) : Patience);
            if (await Task.WhenAny(reply, patience) == patience)
            {
                if (!loses)
                {
                    world.Violations.Add("W13 every call ends", $"{name}: {rpc} has not ended within {Patience} of simulated time");
                }

                return new Reply<T>(null, null, cluster.Generation);
            }

            var message = await reply;
            var found = status(message);
            if (found.Code == Unexpected)
            {
                world.Violations.Add("errors are of a known kind, and not Internal or Corrupted", $"{name}: {rpc}: {found.Reason}");
            }

            if (found.Code == 0)
            {
                Succeeded++;
            }
            else
            {
                if (found.Code == InvalidParameter)
                {
                    world.Violations.Add("a valid request is not refused as invalid", $"{name}: {rpc}: {found.Reason}");
                }

                Happened.Shared.Add($"{rpc} was refused with code {found.Code}");
            }

            return new Reply<T>(message, found, cluster.Generation);
        }
        catch (ConnectionLostException)
        {
            return new Reply<T>(null, null, cluster.Generation);
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.Cancelled && gives)
        {
            return new Reply<T>(null, null, cluster.Generation);
        }
        catch (Exception e)
        {
            world.Violations.Add("a call ends with a status", $"{name}: {rpc}: {e}");
            return new Reply<T>(null, null, cluster.Generation);
        }
    }
}
