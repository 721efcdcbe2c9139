using System.Net;
using System.Reflection;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using MiniMilvus.Contracts.Wire.Common;
using MiniMilvus.Contracts.Wire.Milvus;
using MiniMilvus.Core.Errors;
using MiniMilvus.Proxy.Grpc;
using static MiniMilvus.Proxy.Tests.Wire;

namespace MiniMilvus.Proxy.Tests;

public sealed class ServiceTests
{
    [Fact]
    public async Task The_server_introduces_itself()
    {
        await using var world = new Harness();
        var connected = await world.Service.Connect(new ConnectRequest(), world.Call());
        Ok(connected.Status);
        Assert.True(connected.Identifier != 0);
        Assert.Equal(("v2.6.4", "STANDALONE"), (connected.ServerInfo.BuildTags, connected.ServerInfo.DeployMode));
        Assert.Equal("v2.6.4", (await world.Service.GetVersion(new GetVersionRequest(), world.Call())).Version);
        Assert.True((await world.Service.CheckHealth(new CheckHealthRequest(), world.Call())).IsHealthy);
        Assert.True((await world.Service.AllocTimestamp(new AllocTimestampRequest(), world.Call())).Timestamp > 0);
        var metrics = await world.Service.GetMetrics(new GetMetricsRequest { Request = """{"metric_type":"system_info"}""" }, world.Call());
        Assert.Contains("nodes_info", metrics.Response, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unhealthy_coordinator_is_a_reason()
    {
        await using var world = new Harness();
        world.Coordinator.FailNext = MiniMilvusException.Unavailable("no leader");
        var health = await world.Service.CheckHealth(new CheckHealthRequest(), world.Call());
        Ok(health.Status);
        Assert.False(health.IsHealthy);
        Assert.Contains("no leader", health.Reasons[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unexpected_exception_is_logged_with_the_rpc_and_answered_as_a_status()
    {
        await using var world = new Harness();
        world.Coordinator.FailNext = new InvalidOperationException("boom");
        var answer = await world.Service.AllocTimestamp(new AllocTimestampRequest(), world.Call());
        Refused(answer.Status, 65535, ErrorCode.UnexpectedError, "AllocTimestamp", "boom");
        Assert.Contains(world.Lines.Lines, l => l.Level == LogLevel.Error && l.Text.Contains("AllocTimestamp", StringComparison.Ordinal) && l.Text.Contains("INTERNAL", StringComparison.Ordinal));
        Ok((await world.Service.AllocTimestamp(new AllocTimestampRequest(), world.Call())).Status);
    }

    [Fact]
    public async Task A_cancelled_call_ends_as_cancelled()
    {
        await using var world = new Harness();
        await world.LoadedAsync(Create("c"));
        using var caller = new CancellationTokenSource();
        world.Node.BeforeAnswer = ct =>
        {
            caller.Cancel();
            ct.ThrowIfCancellationRequested();
            return Task.CompletedTask;
        };
        var failure = await Assert.ThrowsAsync<RpcException>(() => world.Service.Search(SearchOf("c", [1, 2], 1), world.Call(ct: caller.Token)));
        Assert.Equal(StatusCode.Cancelled, failure.StatusCode);
    }

    [Fact]
    public async Task What_is_left_out_is_unimplemented_by_name_and_logged()
    {
        await using var world = new Harness();
        var failure = await Assert.ThrowsAsync<RpcException>(() => world.Service.LoadBalance(new LoadBalanceRequest(), world.Call()));
        Assert.Equal(StatusCode.Unimplemented, failure.StatusCode);
        Assert.Contains("LoadBalance", failure.Status.Detail, StringComparison.Ordinal);
        Assert.Contains(world.Lines.Lines, l => l.Level == LogLevel.Warning && l.Text.Contains("LoadBalance is UNIMPLEMENTED", StringComparison.Ordinal));
    }

    [Fact]
    public void Every_rpc_of_the_contract_is_answered_or_listed_as_left_out()
    {
        var missing = typeof(MilvusService.MilvusServiceBase).GetMethods(BindingFlags.Public | BindingFlags.Instance)
            .Where(m => m.IsVirtual && m.DeclaringType == typeof(MilvusService.MilvusServiceBase))
            .Where(m => typeof(MilvusGrpcService).GetMethod(m.Name, [.. m.GetParameters().Select(p => p.ParameterType)])!.DeclaringType != typeof(MilvusGrpcService))
            .Select(m => m.Name);
        Assert.Empty(missing);
    }

    [Fact]
    public async Task The_quick_start_works_over_a_real_connection()
    {
        await using var world = new Harness();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddGrpc(o => o.MaxReceiveMessageSize = 64 << 20);
        builder.Services.AddSingleton(world.Service);
        builder.WebHost.ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0, l => l.Protocols = HttpProtocols.Http2));
        await using var app = builder.Build();
        app.MapGrpcService<MilvusGrpcService>();
        await app.StartAsync();
        using var channel = GrpcChannel.ForAddress(app.Urls.Single(), new GrpcChannelOptions { MaxReceiveMessageSize = null, MaxSendMessageSize = null });
        var client = new MilvusService.MilvusServiceClient(channel);

        Ok(await client.CreateDatabaseAsync(new CreateDatabaseRequest { DbName = "books" }));
        var headers = new Metadata { { "dbname", "books" } };
        Ok((await client.ConnectAsync(new ConnectRequest(), headers)).Status);
        Ok(await client.CreateCollectionAsync(Create("c", fields: [Int64Key(), Vector(dim: 128)]), headers));
        Ok(await client.CreateIndexAsync(new CreateIndexRequest { CollectionName = "c", FieldName = "vector" }, headers));
        Ok(await client.LoadCollectionAsync(new LoadCollectionRequest { CollectionName = "c" }, headers));
        var rows = InsertOf("c", 20_000, Longs("id", [.. Enumerable.Range(0, 20_000).Select(i => (long)i)]), Vectors("vector", 128, [.. Enumerable.Range(0, 20_000 * 128).Select(i => (float)(i % 997))]));
        Assert.True(rows.CalculateSize() > 8 << 20);
        var inserted = await client.InsertAsync(rows, headers);
        Ok(inserted.Status);
        Assert.Equal(20_000, inserted.IDs.IntId.Data.Count);
        var search = SearchOf("c", [.. Enumerable.Range(0, 128).Select(i => (float)i)], 3);
        search.OutputFields.Add("*");
        Assert.Equal(0L, (await client.SearchAsync(search, headers)).Results.Ids.IntId.Data[0]);
        Refused((await client.SearchAsync(search)).Status, 100, ErrorCode.CollectionNotExists);
        var left = await Assert.ThrowsAsync<RpcException>(() => client.LoadBalanceAsync(new LoadBalanceRequest()).ResponseAsync);
        Assert.Equal(StatusCode.Unimplemented, left.StatusCode);
        Assert.Contains("LoadBalance", left.Status.Detail, StringComparison.Ordinal);
    }
}
