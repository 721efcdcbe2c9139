using MiniMilvus.Contracts.Wire.Common;
using MiniMilvus.Contracts.Wire.Milvus;
using MiniMilvus.Contracts.Wire.Schema;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using static MiniMilvus.Proxy.Tests.Wire;
using LoadState = MiniMilvus.Contracts.Wire.Common.LoadState;

namespace MiniMilvus.Proxy.Tests;

public sealed class DdlTests
{
    [Fact]
    public async Task A_described_collection_shows_what_was_created_without_the_dynamic_column()
    {
        await using var world = new Harness();
        var create = Create("c", shards: 2, dynamic: true, Int64Key(), Vector(dim: 8), VarChar("title", 32), Scalar("stars", Contracts.Wire.Schema.DataType.Int64, defaultValue: new ValueField { LongData = 3 }));
        Ok(await world.Service.CreateCollection(create, world.Call()));
        var found = await world.Service.DescribeCollection(new DescribeCollectionRequest { CollectionName = "c" }, world.Call());
        Ok(found.Status);
        Assert.Equal(["id", "vector", "title", "stars"], found.Schema.Fields.Select(f => f.Name));
        Assert.Equal([100L, 101L, 102L, 103L], found.Schema.Fields.Select(f => f.FieldID));
        Assert.Equal(("dim", "8"), (found.Schema.Fields[1].TypeParams[0].Key, found.Schema.Fields[1].TypeParams[0].Value));
        Assert.Equal(("max_length", "32"), (found.Schema.Fields[2].TypeParams[0].Key, found.Schema.Fields[2].TypeParams[0].Value));
        Assert.Equal(3, found.Schema.Fields[3].DefaultValue.LongData);
        Assert.True(found.Schema.EnableDynamicField);
        Assert.Equal((2, ConsistencyLevel.Bounded, "c", "default", 1L), (found.ShardsNum, found.ConsistencyLevel, found.CollectionName, found.DbName, found.NumPartitions));
        Assert.True(found.CollectionID > 0 && found.UpdateTimestamp > 0 && found.CreatedUtcTimestamp > 0);
    }

    [Fact]
    public async Task The_same_collection_again_is_success_and_another_of_that_name_is_not()
    {
        await using var world = new Harness();
        Ok(await world.Service.CreateCollection(Create("c"), world.Call()));
        Ok(await world.Service.CreateCollection(Create("c"), world.Call()));
        Refused(await world.Service.CreateCollection(Create("c", fields: [Int64Key(), Vector(dim: 4)]), world.Call()), 1100, ErrorCode.IllegalArgument, "duplicate", "vector FloatVector(2)", "vector FloatVector(4)");
        Assert.Single(world.Coordinator.Commands);
    }

    [Fact]
    public async Task Bad_schemas_are_refused_before_the_coordinator_hears_of_them()
    {
        await using var world = new Harness();
        foreach (var (create, word) in new (CreateCollectionRequest, string)[]
        {
            (Create("1c"), "1c"),
            (Create(""), "name"),
            (Create("c", fields: [Vector()]), "one primary key"),
            (Create("c", fields: [Int64Key(), Int64Key("other"), Vector()]), "one primary key"),
            (Create("c", fields: [Int64Key()]), "vector"),
            (Create("c", fields: [Int64Key(), Vector(dim: 1)]), "2 to 32768"),
            (Create("c", fields: [Int64Key(), Vector(dim: 40000)]), "2 to 32768"),
            (Create("c", fields: [Int64Key(), Vector(), VarChar("t", 70000)]), "max_length"),
            (Create("c", fields: [Int64Key(), Vector(), Vector()]), "duplicated"),
            (Create("c", shards: 17), "shards"),
            (Create("c", fields: [Scalar("id", Contracts.Wire.Schema.DataType.Float), Vector()]), "primary key"),
        })
        {
            var status = await world.Service.CreateCollection(create, world.Call());
            Assert.NotEqual(0, status.Code);
            Assert.Contains(word, status.Reason, StringComparison.Ordinal);
        }

        Assert.Empty(world.Coordinator.Commands);
    }

    [Fact]
    public async Task Listings_have_parallel_arrays_of_equal_length()
    {
        await using var world = new Harness();
        await world.LoadedAsync(Create("a"));
        await world.Service.CreateCollection(Create("b"), world.Call());
        var shown = await world.Service.ShowCollections(new ShowCollectionsRequest(), world.Call());
        Assert.Equal(["a", "b"], shown.CollectionNames);
        Assert.Equal([100L, 0L], shown.InMemoryPercentages);
        Assert.All(new[] { shown.CollectionIds.Count, shown.CreatedTimestamps.Count, shown.CreatedUtcTimestamps.Count }, n => Assert.Equal(2, n));
        await world.Service.CreatePartition(new CreatePartitionRequest { CollectionName = "a", PartitionName = "p" }, world.Call());
        var partitions = await world.Service.ShowPartitions(new ShowPartitionsRequest { CollectionName = "a" }, world.Call());
        Assert.Equal(["_default", "p"], partitions.PartitionNames);
        Assert.All(new[] { partitions.PartitionIDs.Count, partitions.CreatedTimestamps.Count, partitions.CreatedUtcTimestamps.Count, partitions.InMemoryPercentages.Count }, n => Assert.Equal(2, n));
        Assert.True((await world.Service.HasPartition(new HasPartitionRequest { CollectionName = "a", PartitionName = "p" }, world.Call())).Value);
        Ok(await world.Service.DropPartition(new DropPartitionRequest { CollectionName = "a", PartitionName = "p" }, world.Call()));
        Assert.False((await world.Service.HasPartition(new HasPartitionRequest { CollectionName = "a", PartitionName = "p" }, world.Call())).Value);
    }

    [Fact]
    public async Task Loading_needs_an_index_and_reports_progress()
    {
        await using var world = new Harness();
        await world.Service.CreateCollection(Create("c"), world.Call());
        Refused(await world.Service.LoadCollection(new LoadCollectionRequest { CollectionName = "c" }, world.Call()), 700, ErrorCode.IndexNotExist, "vector");
        Refused((await world.Service.DescribeIndex(new DescribeIndexRequest { CollectionName = "c" }, world.Call())).Status, 700, ErrorCode.IndexNotExist, "index not found");
        var state = new GetLoadStateRequest { CollectionName = "c" };
        Assert.Equal(LoadState.NotLoad, (await world.Service.GetLoadState(state, world.Call())).State);
        Assert.Equal(LoadState.NotExist, (await world.Service.GetLoadState(new GetLoadStateRequest { CollectionName = "x" }, world.Call())).State);
        Refused((await world.Service.GetLoadingProgress(new GetLoadingProgressRequest { CollectionName = "c" }, world.Call())).Status, 101, ErrorCode.UnexpectedError);
        Ok(await world.Service.CreateIndex(new CreateIndexRequest { CollectionName = "c", FieldName = "vector" }, world.Call()));
        world.Node.Progress = 40;
        Ok(await world.Service.LoadCollection(new LoadCollectionRequest { CollectionName = "c" }, world.Call()));
        var progress = await world.Service.GetLoadingProgress(new GetLoadingProgressRequest { CollectionName = "c" }, world.Call());
        Assert.Equal((40L, 40L), (progress.Progress, progress.RefreshProgress));
        Assert.Equal(LoadState.Loading, (await world.Service.GetLoadState(state, world.Call())).State);
        world.Node.Progress = 100;
        Assert.Equal(LoadState.Loaded, (await world.Service.GetLoadState(state, world.Call())).State);
    }

    [Fact]
    public async Task An_index_is_described_by_its_own_or_its_fields_name_and_finished_when_every_segment_is()
    {
        await using var world = new Harness();
        await world.LoadedAsync(Create("c"), metric: "IP");
        var record = await world.Coordinator.FindAsync("default", "c");
        var segment = new SegmentRecord { Id = new SegmentId(9), Collection = record.Id, Partition = record.Partitions[0].Id, Channel = record.Channels[0], State = Core.Catalog.SegmentState.Flushed, Rows = 5000 };
        await world.Coordinator.PutSegmentAsync(segment);
        await world.Coordinator.PutSegmentAsync(segment with { Id = new SegmentId(10), Rows = 10 });
        var described = (await world.Service.DescribeIndex(new DescribeIndexRequest { CollectionName = "c", IndexName = "vector" }, world.Call())).IndexDescriptions.Single();
        Assert.Equal((IndexState.InProgress, 5010L, 10L, 5000L), (described.State, described.TotalRows, described.IndexedRows, described.PendingIndexRows));
        Assert.Contains(described.Params, p => p is { Key: "index_type", Value: "AUTOINDEX" });
        Assert.Contains(described.Params, p => p is { Key: "metric_type", Value: "IP" });
        await world.Coordinator.PutSegmentAsync(segment with { Indexes = [new SegmentIndexRecord(record.Indexes[0].Id, record.Indexes[0].Field, "x", 1)] });
        var state = await world.Service.GetIndexState(new GetIndexStateRequest { CollectionName = "c", FieldName = "vector" }, world.Call());
        Assert.Equal(IndexState.Finished, state.State);
        var progress = await world.Service.GetIndexBuildProgress(new GetIndexBuildProgressRequest { CollectionName = "c" }, world.Call());
        Assert.Equal((5010L, 5010L), (progress.IndexedRows, progress.TotalRows));
    }

    [Fact]
    public async Task A_collection_answers_by_its_aliases()
    {
        await using var world = new Harness();
        await world.LoadedAsync(Create("c"));
        await world.Service.CreateCollection(Create("d"), world.Call());
        Ok(await world.Service.CreateAlias(new CreateAliasRequest { CollectionName = "c", Alias = "a" }, world.Call()));
        Ok((await world.Service.Insert(Rows("a", 1, 3), world.Call())).Status);
        Assert.Equal("c", (await world.Service.DescribeAlias(new DescribeAliasRequest { Alias = "a" }, world.Call())).Collection);
        Assert.Equal(["a"], (await world.Service.ListAliases(new ListAliasesRequest { CollectionName = "c" }, world.Call())).Aliases);
        Refused(await world.Service.CreateAlias(new CreateAliasRequest { CollectionName = "d", Alias = "a" }, world.Call()), 1602, ErrorCode.UnexpectedError, "a");
        Refused(await world.Service.CreateAlias(new CreateAliasRequest { CollectionName = "d", Alias = "c" }, world.Call()), 1601, ErrorCode.UnexpectedError, "c");
        Refused((await world.Service.DescribeAlias(new DescribeAliasRequest { Alias = "zz" }, world.Call())).Status, 1600, ErrorCode.UnexpectedError, "zz");
        Ok(await world.Service.AlterAlias(new AlterAliasRequest { CollectionName = "d", Alias = "a" }, world.Call()));
        Assert.Equal("d", (await world.Service.DescribeAlias(new DescribeAliasRequest { Alias = "a" }, world.Call())).Collection);
        Assert.NotEqual(0, (await world.Service.DropCollection(new DropCollectionRequest { CollectionName = "d" }, world.Call())).Code);
        Ok(await world.Service.DropAlias(new DropAliasRequest { Alias = "a" }, world.Call()));
        Ok(await world.Service.DropCollection(new DropCollectionRequest { CollectionName = "d" }, world.Call()));
        Assert.False((await world.Service.HasCollection(new HasCollectionRequest { CollectionName = "d" }, world.Call())).Value);
    }

    [Fact]
    public async Task The_header_chooses_the_database_unless_the_message_does()
    {
        await using var world = new Harness();
        Refused((await world.Service.Connect(new ConnectRequest(), world.Call("books"))).Status, 800, ErrorCode.UnexpectedError, "books");
        Ok(await world.Service.CreateDatabase(new CreateDatabaseRequest { DbName = "books" }, world.Call()));
        Ok((await world.Service.Connect(new ConnectRequest(), world.Call("books"))).Status);
        Ok(await world.Service.CreateCollection(Create("c"), world.Call("books")));
        Assert.True((await world.Service.HasCollection(new HasCollectionRequest { CollectionName = "c" }, world.Call("books"))).Value);
        Assert.False((await world.Service.HasCollection(new HasCollectionRequest { CollectionName = "c" }, world.Call())).Value);
        Assert.True((await world.Service.HasCollection(new HasCollectionRequest { CollectionName = "c", DbName = "books" }, world.Call("default"))).Value);
        Assert.Equal(["default", "books"], (await world.Service.ListDatabases(new ListDatabasesRequest(), world.Call())).DbNames);
        Assert.Equal("books", (await world.Service.DescribeDatabase(new DescribeDatabaseRequest { DbName = "books" }, world.Call())).DbName);
        Assert.NotEqual(0, (await world.Service.DropDatabase(new DropDatabaseRequest { DbName = "books" }, world.Call())).Code);
        await world.Service.DropCollection(new DropCollectionRequest { CollectionName = "c" }, world.Call("books"));
        Ok(await world.Service.DropDatabase(new DropDatabaseRequest { DbName = "books" }, world.Call()));
    }

    [Fact]
    public async Task Rename_moves_the_name()
    {
        await using var world = new Harness();
        await world.Service.CreateCollection(Create("c"), world.Call());
        Ok(await world.Service.RenameCollection(new RenameCollectionRequest { OldName = "c", NewName = "d" }, world.Call()));
        Assert.Equal("d", (await world.Service.DescribeCollection(new DescribeCollectionRequest { CollectionName = "d" }, world.Call())).Schema.Name);
        Refused((await world.Service.DescribeCollection(new DescribeCollectionRequest { CollectionName = "c" }, world.Call())).Status, 100, ErrorCode.CollectionNotExists);
    }

    [Fact]
    public async Task Flush_seals_every_shard_and_is_done_when_segments_and_checkpoints_are()
    {
        await using var world = new Harness();
        await world.Service.CreateCollection(Create("c", shards: 2), world.Call());
        var record = await world.Coordinator.FindAsync("default", "c");
        var segment = new SegmentRecord { Id = new SegmentId(77), Collection = record.Id, Partition = record.Partitions[0].Id, Channel = record.Channels[0], State = Core.Catalog.SegmentState.Growing };
        await world.Coordinator.PutSegmentAsync(segment);
        world.Log.Sealed = [segment.Id];
        var flushed = await world.Service.Flush(new FlushRequest { CollectionNames = { "c" } }, world.Call());
        Ok(flushed.Status);
        Assert.Equal([77L, 77L], flushed.CollSegIDs["c"].Data);
        Assert.Empty(flushed.FlushCollSegIDs["c"].Data);
        Assert.True(flushed.CollFlushTs["c"] > 0 && flushed.CollSealTimes["c"] > 0);
        Assert.Equal(2, world.Log.Bodies.OfType<Core.Messages.ManualFlushBody>().Count());

        var asked = new GetFlushStateRequest { SegmentIDs = { 77 }, FlushTs = flushed.CollFlushTs["c"], CollectionName = "c" };
        Assert.False((await world.Service.GetFlushState(asked, world.Call())).Flushed);
        await world.Coordinator.PutSegmentAsync(segment with { State = Core.Catalog.SegmentState.Flushed, Rows = 3 });
        Assert.False((await world.Service.GetFlushState(asked, world.Call())).Flushed);
        foreach (var channel in record.Channels)
        {
            await world.Coordinator.PutCheckpointAsync(new ChannelCheckpoint(channel, LogPosition.Beginning, world.Coordinator.Now(), new Term(1)));
        }

        Assert.True((await world.Service.GetFlushState(asked, world.Call())).Flushed);
        Assert.True((await world.Service.GetFlushState(new GetFlushStateRequest { SegmentIDs = { 77 } }, world.Call())).Flushed);
        var info = (await world.Service.GetPersistentSegmentInfo(new GetPersistentSegmentInfoRequest { CollectionName = "c" }, world.Call())).Infos.Single();
        Assert.Equal((77L, 3L, Contracts.Wire.Common.SegmentState.Flushed), (info.SegmentID, info.NumRows, info.State));
    }

    [Fact]
    public async Task FlushAll_is_done_when_every_checkpoint_has_passed_its_start()
    {
        await using var world = new Harness();
        await world.Service.CreateCollection(Create("c"), world.Call());
        var all = await world.Service.FlushAll(new FlushAllRequest(), world.Call());
        Ok(all.Status);
        var asked = new GetFlushAllStateRequest { FlushAllTs = all.FlushAllTs };
        Assert.False((await world.Service.GetFlushAllState(asked, world.Call())).Flushed);
        var record = await world.Coordinator.FindAsync("default", "c");
        await world.Coordinator.PutCheckpointAsync(new ChannelCheckpoint(record.Channels[0], LogPosition.Beginning, world.Log.Appends.Single().Tick, new Term(1)));
        Assert.True((await world.Service.GetFlushAllState(asked, world.Call())).Flushed);
    }
}
