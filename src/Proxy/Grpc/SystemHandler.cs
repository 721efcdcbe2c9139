using System.Text.Json;
using MiniMilvus.Contracts.Wire.Common;
using MiniMilvus.Contracts.Wire.Milvus;
using MiniMilvus.Core.Catalog;
using MiniMilvus.Core.Errors;
using MiniMilvus.Proxy.Ddl;
using MiniMilvus.Proxy.Errors;

namespace MiniMilvus.Proxy.Grpc;

/// <summary>Questions about the server itself.</summary>
internal sealed class SystemHandler(ICoordinator coordinator, Catalogue catalogue, ProxyOptions options)
{
    private const string Component = "proxy";

    public async ValueTask<ConnectResponse> ConnectAsync(string database, CancellationToken ct)
    {
        Catalogue.RequireDatabase(await catalogue.FreshAsync(ct), database);
        return new ConnectResponse
        {
            Status = StatusMapper.Success(),
            Identifier = await coordinator.AllocateIdsAsync(1, ct),
            ServerInfo = new ServerInfo
            {
                BuildTags = options.Version,
                BuildTime = "unknown",
                GitCommit = "unknown",
                GoVersion = $"dotnet {Environment.Version}",
                DeployMode = "STANDALONE",
            },
        };
    }

    public ValueTask<GetVersionResponse> VersionAsync(CancellationToken ct) =>
        ValueTask.FromResult(new GetVersionResponse { Status = StatusMapper.Success(), Version = options.Version });

    /// <summary>Healthy when the coordinator grants timestamps and the catalogue answers; else the reasons why not.</summary>
    public async ValueTask<CheckHealthResponse> HealthAsync(CancellationToken ct)
    {
        var answer = new CheckHealthResponse { Status = StatusMapper.Success(), IsHealthy = true };
        try
        {
            await coordinator.AllocateTimestampsAsync(1, ct);
            await catalogue.FreshAsync(ct);
        }
        catch (MiniMilvusException e) when (e.IsRetriable)
        {
            answer.IsHealthy = false;
            answer.Reasons.Add(e.Message);
        }

        return answer;
    }

    public async ValueTask<AllocTimestampResponse> TimestampAsync(CancellationToken ct)
    {
        return new AllocTimestampResponse { Status = StatusMapper.Success(), Timestamp = (await coordinator.AllocateTimestampsAsync(1, ct)).First.Value };
    }

    public async ValueTask<ComponentStates> ComponentsAsync(CancellationToken ct)
    {
        var health = await HealthAsync(ct);
        return new ComponentStates
        {
            Status = StatusMapper.Success(),
            State = new ComponentInfo { Role = Component, StateCode = health.IsHealthy ? StateCode.Healthy : StateCode.Abnormal },
        };
    }

    /// <summary>metric_type system_info: the nodes with their roles and addresses.</summary>
    public async ValueTask<GetMetricsResponse> MetricsAsync(GetMetricsRequest request, CancellationToken ct)
    {
        if (MetricType(request.Request) is not "system_info" and var type)
        {
            throw MiniMilvusException.Invalid(ErrorReason.NotSupported, $"metric_type '{type}' is not supported by this server; expected system_info");
        }

        var snapshot = await catalogue.FreshAsync(ct);
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartObject();
            json.WriteStartArray("nodes_info");
            WriteNode(json, 0, Component, "", options.Version);
            foreach (var session in snapshot.Sessions.Values.OrderBy(s => s.NodeId))
            {
                WriteNode(json, session.NodeId, session.Role, session.Address, options.Version);
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return new GetMetricsResponse { Status = StatusMapper.Success(), ComponentName = Component, Response = System.Text.Encoding.UTF8.GetString(bytes.ToArray()) };
    }

    private static void WriteNode(Utf8JsonWriter json, long id, string role, string address, string version)
    {
        json.WriteStartObject();
        json.WriteNumber("identifier", id);
        json.WriteStartObject("infos");
        json.WriteString("type", role);
        json.WriteString("name", $"{role}{id}");
        json.WriteString("address", address);
        json.WriteString("system_version", version);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static string MetricType(string request)
    {
        try
        {
            using var document = JsonDocument.Parse(request);
            return document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty("metric_type", out var type) ? type.ToString() : "";
        }
        catch (JsonException e)
        {
            throw MiniMilvusException.Invalid($"metrics request: expected a JSON object with metric_type, found '{request}': {e.Message}");
        }
    }
}
