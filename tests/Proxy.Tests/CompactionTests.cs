using MiniMilvus.Contracts.Wire.Common;
using MiniMilvus.Contracts.Wire.Milvus;
using MiniMilvus.Core;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Time;
using static MiniMilvus.Proxy.Tests.Wire;

namespace MiniMilvus.Proxy.Tests;

public sealed class CompactionTests
{
    [Fact]
    public async Task A_compaction_is_asked_for_by_id_or_by_name_and_its_state_and_plans_are_told()
    {
        await using var world = new Harness();
        Ok(await world.Service.CreateCollection(Create("c"), world.Call()));
        var described = await world.Service.DescribeCollection(new DescribeCollectionRequest { CollectionName = "c" }, world.Call());
        world.Coordinator.Compaction = (id, collection) => new CompactionRecord(id, collection, Timestamp.Zero,
        [
            Plan(CompactionPlanState.Completed, 9, 1, 2), Plan(CompactionPlanState.Executing, 0, 3, 4), Plan(CompactionPlanState.Failed, 0, 5),
        ]);
        var asked = await world.Service.ManualCompaction(new ManualCompactionRequest { CollectionID = described.CollectionID }, world.Call());
        Ok(asked.Status);
        Assert.True(asked.CompactionID > 0);
        Assert.Equal(3, asked.CompactionPlanCount);
        var state = await world.Service.GetCompactionState(new GetCompactionStateRequest { CompactionID = asked.CompactionID }, world.Call());
        Ok(state.Status);
        Assert.Equal((CompactionState.Executing, 1L, 1L, 1L), (state.State, state.ExecutingPlanNo, state.CompletedPlanNo, state.FailedPlanNo));
        var plans = await world.Service.GetCompactionStateWithPlans(new GetCompactionPlansRequest { CompactionID = asked.CompactionID }, world.Call());
        Ok(plans.Status);
        Assert.Equal([9L, 0L, 0L], plans.MergeInfos.Select(m => m.Target));
        Assert.Equal([1L, 2L], plans.MergeInfos[0].Sources);

        world.Coordinator.Compaction = (id, collection) => new CompactionRecord(id, collection, Timestamp.Zero, []);
        var nothing = await world.Service.ManualCompaction(new ManualCompactionRequest { CollectionName = "c" }, world.Call());
        Ok(nothing.Status);
        Assert.True(nothing.CompactionID > asked.CompactionID);
        Assert.Equal(CompactionState.Completed, (await world.Service.GetCompactionState(new GetCompactionStateRequest { CompactionID = nothing.CompactionID }, world.Call())).State);
    }

    [Fact]
    public async Task A_compaction_of_nothing_or_of_a_kind_that_is_not_there_is_refused()
    {
        await using var world = new Harness();
        Ok(await world.Service.CreateCollection(Create("c"), world.Call()));
        Refused((await world.Service.ManualCompaction(new ManualCompactionRequest { CollectionID = 12345 }, world.Call())).Status, 100, ErrorCode.CollectionNotExists);
        Refused((await world.Service.ManualCompaction(new ManualCompactionRequest { CollectionName = "d" }, world.Call())).Status, 100, ErrorCode.CollectionNotExists);
        Assert.NotEqual(0, (await world.Service.ManualCompaction(new ManualCompactionRequest { CollectionName = "c", PartitionId = 99 }, world.Call())).Status.Code);
        Assert.NotEqual(0, (await world.Service.ManualCompaction(new ManualCompactionRequest { CollectionName = "c", MajorCompaction = true }, world.Call())).Status.Code);
        Assert.NotEqual(0, (await world.Service.GetCompactionState(new GetCompactionStateRequest(), world.Call())).Status.Code);
        Assert.DoesNotContain(world.Coordinator.Commands, c => c is CompactCollection);
    }

    private static CompactionPlan Plan(CompactionPlanState state, long output, params long[] inputs) =>
        new(new VChannel("p_1v0"), new PartitionId(1), [.. inputs.Select(i => new SegmentId(i))], state, new SegmentId(output));
}
