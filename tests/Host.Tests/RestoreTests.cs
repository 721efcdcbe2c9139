using MiniMilvus.Client.Tests;
using MiniMilvus.Contracts.Wire.Common;
using MiniMilvus.Contracts.Wire.Milvus;
using MiniMilvus.Contracts.Wire.Schema;
using MiniMilvus.Core.Errors;
using MiniMilvus.Host.Backups;
using MiniMilvus.Storage.Objects;

namespace MiniMilvus.Host.Tests;

/// <summary>What a restore asks of the server, and in which order: the name comes last, and never for less than all rows.</summary>
public sealed class RestoreTests
{
    private const string Staged = "copy_restoring_x";
    private static readonly Status Ok = new();
    private static readonly Status NoRoom = new() { Code = 8, Reason = "no room", Retriable = true };

    [Fact]
    public async Task A_collection_gets_its_name_when_every_row_is_durable()
    {
        var server = Answering();
        await RestoreAsync(server);
        Assert.Equal(["HasCollection", "CreateCollection", "Insert", "RenameCollection"], server.Requests.Select(r => r.Method));
        Assert.Equal(Staged, Requests<InsertRequest>(server).Single().CollectionName);
        Assert.Equal((Staged, "copy"), (server.Last<RenameCollectionRequest>().OldName, server.Last<RenameCollectionRequest>().NewName));
        var insert = Requests<InsertRequest>(server).Single();
        Assert.Equal((5u, "_default"), (insert.NumRows, insert.PartitionName));
        var name = insert.FieldsData.Single(f => f.FieldName == "name");
        Assert.Equal([true, true, true, true, false], name.ValidData);
        Assert.Equal(4, name.Scalars.StringData.Data.Count);
    }

    [Fact]
    public async Task Want_of_room_is_waited_out_and_nothing_is_sent_twice_that_may_have_happened()
    {
        var server = Answering().Reply("Insert", Insert(NoRoom), Insert(NoRoom), Insert(Ok));
        await RestoreAsync(server);
        Assert.Equal(3, Requests<InsertRequest>(server).Count());

        server = Answering().Reply("Insert", Insert(new Status { Code = 1, Reason = "no answer", Retriable = true }), Insert(Ok));
        var refused = await Assert.ThrowsAsync<MiniMilvusException>(() => RestoreAsync(server));
        Assert.Equal((ErrorKind.Unavailable, "server here: no answer (code 1)"), (refused.Kind, refused.Message));
        Assert.Equal(["HasCollection", "CreateCollection", "Insert", "HasCollection", "ReleaseCollection", "DropCollection"], server.Requests.Select(r => r.Method));
        Assert.Equal(Staged, server.Last<DropCollectionRequest>().CollectionName);
    }

    [Fact]
    public async Task Rows_that_the_server_did_not_count_fail_it()
    {
        var server = Answering().Reply("Insert", new MutationResult { Status = Ok, InsertCnt = 4 });
        var refused = await Assert.ThrowsAsync<MiniMilvusException>(() => RestoreAsync(server));
        Assert.Equal("server here: expected 5 rows inserted, found 4", refused.Message);
        Assert.DoesNotContain(server.Requests, r => r.Method == "RenameCollection");

        server = Answering().Reply("Query", new QueryResults { Status = Ok, FieldsData = { new FieldData { Scalars = new ScalarField { LongData = new LongArray { Data = { 6 } } } } } });
        refused = await Assert.ThrowsAsync<MiniMilvusException>(() => RestoreAsync(server, isLoaded: true));
        Assert.Equal("expected 5 rows to be searchable, found 6", refused.Message);
        Assert.Equal("DropCollection", server.Requests[^1].Method);
    }

    [Fact]
    public async Task All_rows_that_only_lack_their_name_are_kept_and_what_cannot_be_dropped_is_named()
    {
        var taken = new Status { Code = 1100, Reason = "taken" };
        var server = Answering().Reply("RenameCollection", taken);
        var refused = await Assert.ThrowsAsync<MiniMilvusException>(() => RestoreAsync(server));
        Assert.Equal($"all rows are in collection '{Staged}', but it could not be renamed to 'copy': server here: taken (code 1100)", refused.Message);
        Assert.DoesNotContain(server.Requests, r => r.Method == "DropCollection");

        var notes = new StringWriter();
        server = Answering().Reply("Insert", Insert(taken)).Reply("DropCollection", new Status { Code = 1, Reason = "gone" });
        await Assert.ThrowsAsync<MiniMilvusException>(() => RestoreAsync(server, notes: notes));
        Assert.Equal($"collection '{Staged}' is left half restored; drop it when the server answers: server here: gone (code 1)", notes.ToString().TrimEnd());
    }

    private static MutationResult Insert(Status status) => new() { Status = status, InsertCnt = status.Code == 0 ? 5 : 0 };

    private static FakeServer Answering() => new FakeServer()
        .Reply("HasCollection", new BoolResponse { Status = Ok, Value = false }, new BoolResponse { Status = Ok, Value = true })
        .Reply("CreateCollection", Ok).Reply("Insert", Insert(Ok)).Reply("LoadCollection", Ok).Reply("GetLoadingProgress", new GetLoadingProgressResponse { Status = Ok, Progress = 100 })
        .Reply("RenameCollection", Ok).Reply("ReleaseCollection", Ok).Reply("DropCollection", Ok);

    private static IEnumerable<T> Requests<T>(FakeServer server) => server.Requests.Select(r => r.Request).OfType<T>();

    private static async Task RestoreAsync(FakeServer server, bool isLoaded = false, TextWriter? notes = null)
    {
        await using var world = await LoggedWorld.StartAsync(isLoaded: isLoaded);
        await world.InsertAsync(await world.BeginSegmentAsync(), 1, 2, 3, 4, 5);
        var store = new MemoryObjectStore();
        await world.BackUpAsync(store, new BackupPoint.Latest());
        var target = new RestoreTarget(server, "here", "default", TimeProvider.System);
        await new RestoreJob(await BackupReader.OpenAsync(store, default), target, "x", notes ?? TextWriter.Null, TimeProvider.System).RunAsync("copy", _ => Task.CompletedTask, default);
    }
}
