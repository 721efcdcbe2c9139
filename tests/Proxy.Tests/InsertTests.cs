using Google.Protobuf;
using MiniMilvus.Contracts.Wire.Common;
using MiniMilvus.Contracts.Wire.Milvus;
using MiniMilvus.Contracts.Wire.Schema;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Events;
using MiniMilvus.Core.Messages;
using MiniMilvus.Core.Rows;
using static MiniMilvus.Proxy.Tests.Wire;

namespace MiniMilvus.Proxy.Tests;

public sealed class InsertTests
{
    [Fact]
    public async Task Insert_answers_with_ids_counts_and_the_latest_tick()
    {
        await using var world = new Harness();
        await world.Service.CreateCollection(Create("c", shards: 2), world.Call());
        var result = await world.Service.Insert(Rows("c", 1, 10), world.Call());
        Ok(result.Status);
        Assert.Equal(Enumerable.Range(1, 10).Select(i => (long)i), result.IDs.IntId.Data);
        Assert.Equal(10, result.InsertCnt);
        Assert.Equal(Enumerable.Range(0, 10).Select(i => (uint)i), result.SuccIndex);
        Assert.True(result.Acknowledged);
        Assert.Equal(world.Log.Appends.Max(a => a.Tick).Value, result.Timestamp);
        Assert.Equal(10, world.Log.Bodies.Cast<InsertBody>().Sum(b => b.Rows.Count));
    }

    [Fact]
    public async Task Each_row_goes_to_the_shard_its_key_hashes_to()
    {
        await using var world = new Harness();
        await world.Service.CreateCollection(Create("c", shards: 3), world.Call());
        await world.Service.Insert(Rows("c", 0, 100), world.Call());
        var channels = (await world.Coordinator.FindAsync("default", "c")).Channels;
        Assert.Equal(3, world.Log.Appends.Select(a => a.Channel).Distinct().Count());
        foreach (var (channel, messages, _) in world.Log.Appends)
        {
            foreach (var body in messages.Cast<InsertBody>())
            {
                Assert.All(Enumerable.Range(0, body.Rows.Count), i => Assert.Equal(channel, channels[(int)(body.Rows.KeyAt(i).StableHash() % 3)]));
            }
        }
    }

    [Fact]
    public async Task Rows_of_a_single_shard_that_fit_in_a_message_are_passed_on_as_one()
    {
        await using var world = new Harness();
        await world.Service.CreateCollection(Create("c"), world.Call());
        await world.Service.Insert(Rows("c", 0, 1000), world.Call());
        Assert.Single(Assert.Single(world.Log.Appends).Messages);
    }

    [Fact]
    public async Task An_insert_larger_than_a_message_is_one_atomic_append_of_several_messages()
    {
        await using var world = new Harness(new ProxyOptions { MessageBytesMax = 1000 });
        await world.Service.CreateCollection(Create("c"), world.Call());
        Ok((await world.Service.Insert(Rows("c", 0, 500), world.Call())).Status);
        var append = Assert.Single(world.Log.Appends);
        Assert.True(append.Messages.Length > 7, $"{append.Messages.Length} messages");
        var keys = append.Messages.Cast<InsertBody>().SelectMany(b => Enumerable.Range(0, b.Rows.Count).Select(b.Rows.KeyAt)).Select(k => k.Number);
        Assert.Equal(Enumerable.Range(0, 500).Select(i => (long)i), keys);
    }

    [Fact]
    public async Task A_request_larger_than_allowed_is_refused_and_nothing_is_written()
    {
        await using var world = new Harness(new ProxyOptions { RequestBytesMax = 1000 });
        await world.Service.CreateCollection(Create("c"), world.Call());
        Refused((await world.Service.Insert(Rows("c", 0, 500), world.Call())).Status, 1102, ErrorCode.IllegalArgument, "1000");
        Assert.Empty(world.Log.Appends);
    }

    [Fact]
    public async Task Auto_ids_are_generated_in_row_order_for_numbers_and_texts()
    {
        await using var world = new Harness();
        await world.Service.CreateCollection(Create("n", fields: [Int64Key(autoId: true), Vector()]), world.Call());
        await world.Service.CreateCollection(Create("t", fields: [VarCharKey(maxLength: 64, autoId: true), Vector()]), world.Call());
        var numbers = await world.Service.Insert(InsertOf("n", 2, Vectors("vector", 2, 1, 2, 3, 4)), world.Call());
        var texts = await world.Service.Insert(InsertOf("t", 2, Vectors("vector", 2, 1, 2, 3, 4)), world.Call());
        Assert.Equal(numbers.IDs.IntId.Data[0] + 1, numbers.IDs.IntId.Data[1]);
        Assert.Equal(2, texts.IDs.StrId.Data.Distinct().Count());
        var given = await world.Service.Insert(InsertOf("n", 1, Longs("id", 1), Vectors("vector", 2, 1, 2)), world.Call());
        Refused(given.Status, 1100, ErrorCode.IllegalArgument, "auto-id", "'id'");
    }

    [Fact]
    public async Task A_collection_may_allow_inserting_into_its_auto_id_field()
    {
        await using var world = new Harness();
        var create = Create("c", fields: [Int64Key(autoId: true), Vector()]);
        create.Properties.Add(Pair("allow_insert_auto_id", "true"));
        await world.Service.CreateCollection(create, world.Call());
        var result = await world.Service.Insert(InsertOf("c", 1, Longs("id", 42), Vectors("vector", 2, 1, 2)), world.Call());
        Assert.Equal([42L], result.IDs.IntId.Data);
    }

    [Theory]
    [InlineData("5000000", null)]
    [InlineData("-1", "expected its property minimilvus.auto_id.above to be a number up to 4611686018427387903, found '-1'")]
    [InlineData("9223372036854775807", "expected its property minimilvus.auto_id.above")]
    public async Task Keys_are_generated_above_those_that_a_restored_collection_brought_along(string above, string? expected)
    {
        await using var world = new Harness();
        var create = Create("c", fields: [Int64Key(autoId: true), Vector()]);
        create.Properties.Add(Pair("minimilvus.auto_id.above", above));
        await world.Service.CreateCollection(create, world.Call());
        var result = await world.Service.Insert(InsertOf("c", 2, Vectors("vector", 2, 1, 2, 3, 4)), world.Call());
        if (expected is not null)
        {
            Refused(result.Status, 1100, ErrorCode.IllegalArgument, expected);
            return;
        }

        Assert.All(result.IDs.IntId.Data, key => Assert.InRange(key, 5_000_001, 6_000_000));
        Assert.Equal(2, result.IDs.IntId.Data.Distinct().Count());
    }

    [Fact]
    public async Task Nulls_come_compacted_and_are_kept_one_a_row()
    {
        await using var world = new Harness();
        await world.Service.CreateCollection(Create("c", fields: [Int64Key(), Vector(), VarChar("note", nullable: true)]), world.Call());
        Ok((await world.Service.Insert(InsertOf("c", 3, Longs("id", 1, 2, 3), Vectors("vector", 2, 1, 2, 3, 4, 5, 6), Texts("note", "a", "c").WithValid(true, false, true)), world.Call())).Status);
        var note = (StringColumn)Assert.IsType<InsertBody>(world.Log.Bodies.Single()).Rows.Columns[2];
        Assert.Equal(["a", "", "c"], note.Values.ToArray());
        Assert.Equal([true, false, true], note.Valid!);
    }

    [Fact]
    public async Task A_column_left_out_becomes_nulls_or_its_default_value()
    {
        await using var world = new Harness();
        await world.Service.CreateCollection(
            Create("c", fields: [Int64Key(), Vector(), VarChar("note", nullable: true), Scalar("stars", DataType.Int32, defaultValue: new ValueField { IntData = 5 })]), world.Call());
        await world.Service.Insert(Rows("c", 1, 2), world.Call());
        await world.Service.Insert(InsertOf("c", 2, Longs("id", 3, 4), Vectors("vector", 2, 1, 2, 3, 4), Ints("stars", DataType.Int32, 1).WithValid(false, true)), world.Call());
        var first = ((InsertBody)world.Log.Bodies.First()).Rows.Columns;
        var second = ((InsertBody)world.Log.Bodies.Last()).Rows.Columns;
        Assert.Equal([false, false], first[2].Valid!);
        Assert.Equal([5, 5], ((ScalarColumn<int>)first[3]).Values.ToArray());
        Assert.Equal([5, 1], ((ScalarColumn<int>)second[3]).Values.ToArray());
        Assert.Null(second[3].Valid);
    }

    [Theory]
    [InlineData("$meta")]
    [InlineData("")]
    public async Task The_dynamic_column_is_known_by_its_flag_whatever_its_name(string name)
    {
        await using var world = new Harness();
        await world.Service.CreateCollection(Create("c", dynamic: true), world.Call());
        Ok((await world.Service.Insert(InsertOf("c", 1, Longs("id", 1), Vectors("vector", 2, 1, 2), Json(name, true, """{"color":"red"}""")), world.Call())).Status);
        var meta = (JsonColumn)((InsertBody)world.Log.Bodies.Single()).Rows.Columns[2];
        Assert.Equal("""{"color":"red"}"""u8, meta.Values.Span[0].Span);
    }

    [Fact]
    public async Task Without_the_dynamic_column_each_row_has_an_empty_object()
    {
        await using var world = new Harness();
        await world.Service.CreateCollection(Create("c", dynamic: true), world.Call());
        await world.Service.Insert(Rows("c", 1, 1), world.Call());
        Assert.Equal("{}"u8, ((JsonColumn)((InsertBody)world.Log.Bodies.Single()).Rows.Columns[2]).Values.Span[0].Span);
    }

    [Fact]
    public async Task A_partition_is_found_by_name()
    {
        await using var world = new Harness();
        await world.Service.CreateCollection(Create("c"), world.Call());
        Ok(await world.Service.CreatePartition(new CreatePartitionRequest { CollectionName = "c", PartitionName = "p" }, world.Call()));
        var request = Rows("c", 1, 1);
        request.PartitionName = "p";
        Ok((await world.Service.Insert(request, world.Call())).Status);
        Assert.Equal((await world.Coordinator.FindAsync("default", "c")).FindPartition("p")!.Id, ((InsertBody)world.Log.Bodies.Single()).Partition);
        request.PartitionName = "nowhere";
        Refused((await world.Service.Insert(request, world.Call())).Status, 200, ErrorCode.MetaFailed, "nowhere", "_default, p");
    }

    [Fact]
    public async Task An_insert_built_for_an_older_schema_is_told_to_describe_again()
    {
        await using var world = new Harness();
        await world.Service.CreateCollection(Create("c"), world.Call());
        var described = await world.Service.DescribeCollection(new DescribeCollectionRequest { CollectionName = "c" }, world.Call());
        var request = Rows("c", 1, 1);
        request.SchemaTimestamp = described.UpdateTimestamp;
        Ok((await world.Service.Insert(request, world.Call())).Status);
        await world.Service.AlterCollection(new AlterCollectionRequest { CollectionName = "c", Properties = { Pair("ttl", "1") } }, world.Call());
        Refused((await world.Service.Insert(request, world.Call())).Status, 109, ErrorCode.SchemaMismatch);
        request.SchemaTimestamp = 0;
        Ok((await world.Service.Insert(request, world.Call())).Status);
    }

    [Fact]
    public async Task A_request_that_only_some_shards_took_says_so()
    {
        await using var world = new Harness();
        await world.Service.CreateCollection(Create("c", shards: 2), world.Call());
        var failing = (await world.Coordinator.FindAsync("default", "c")).Channels[1];
        world.Log.Fate = channel => channel == failing ? MiniMilvusException.Unavailable("the disk is on fire") : null;
        var result = await world.Service.Insert(Rows("c", 0, 50), world.Call());
        Refused(result.Status, 1, ErrorCode.NotReadyServe, "partly applied", failing.Name, "the disk is on fire");
        Assert.True(result.Status.Retriable);
        Assert.NotNull(result.IDs);
    }

    [Fact]
    public async Task Three_stations_report_each_insert()
    {
        await using var world = new Harness();
        await world.Service.CreateCollection(Create("c"), world.Call());
        await world.Service.Insert(Rows("c", 0, 5), world.Call());
        Assert.Equal([(Station.InsertHandler, 5L), (Station.RowValidator, 5L), (Station.RowRouter, 5L)], world.Stations.Events.Select(e => (e.Station, e.Count)));
    }

    [Fact]
    public async Task Upsert_deletes_before_it_inserts_in_one_append_a_shard()
    {
        await using var world = new Harness();
        await world.Service.CreateCollection(Create("c", shards: 2), world.Call());
        var result = await world.Service.Upsert(UpsertOf("c", 3, Longs("id", 1, 2, 3), Vectors("vector", 2, 1, 2, 3, 4, 5, 6)), world.Call());
        Ok(result.Status);
        Assert.Equal([1L, 2L, 3L], result.IDs.IntId.Data);
        Assert.Equal(3, result.UpsertCnt);
        foreach (var (_, messages, _) in world.Log.Appends)
        {
            var delete = Assert.IsType<DeleteBody>(messages[0]);
            var insert = Assert.IsType<InsertBody>(messages[1]);
            Assert.Equal(PartitionId.All, delete.Partition);
            Assert.Equal(((ScalarColumn<long>)insert.Rows.PrimaryKeyColumn).Values.ToArray(), ((ScalarColumn<long>)delete.Keys).Values.ToArray());
        }
    }

    [Fact]
    public async Task Upsert_with_auto_ids_replaces_the_given_keys_by_new_ones()
    {
        await using var world = new Harness();
        await world.Service.CreateCollection(Create("c", fields: [Int64Key(autoId: true), Vector()]), world.Call());
        var result = await world.Service.Upsert(UpsertOf("c", 1, Longs("id", 7), Vectors("vector", 2, 1, 2)), world.Call());
        Ok(result.Status);
        Assert.NotEqual(7, result.IDs.IntId.Data[0]);
        Assert.Equal([7L], ((ScalarColumn<long>)world.Log.Bodies.OfType<DeleteBody>().Single().Keys).Values.ToArray());
        Refused((await world.Service.Upsert(UpsertOf("c", 1, Vectors("vector", 2, 1, 2)), world.Call())).Status, 1100, ErrorCode.IllegalArgument, "'id'");
    }

    [Fact]
    public async Task Upsert_with_a_key_twice_is_refused()
    {
        await using var world = new Harness();
        await world.Service.CreateCollection(Create("c"), world.Call());
        Refused((await world.Service.Upsert(UpsertOf("c", 2, Longs("id", 7, 7), Vectors("vector", 2, 1, 2, 3, 4)), world.Call())).Status, 1100, ErrorCode.IllegalArgument, "7 twice");
        Assert.Empty(world.Log.Appends);
    }
}
