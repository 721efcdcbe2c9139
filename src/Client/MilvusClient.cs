using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Grpc.Core;
using Grpc.Net.Client;
using MiniMilvus.Contracts.Wire.Milvus;
using Status = MiniMilvus.Contracts.Wire.Common.Status;

namespace MiniMilvus.Client;

/// <summary>
/// A connection to a MiniMilvus or Milvus server. Thread-safe; make one and share it. It remembers the timestamp of its last write to each collection,
/// which is what makes Session reads see their own writes. Refusals come as <see cref="MilvusException"/>, broken connections as Grpc.Core.RpcException; nothing is retried here.
/// </summary>
public sealed partial class MilvusClient : IDisposable
{
    /// <summary>The port that Milvus listens on.</summary>
    public const int DefaultPort = 19530;

    private static readonly TimeSpan DefaultPollInterval = TimeSpan.FromMilliseconds(50);

    private readonly GrpcChannel? _ownedChannel;
    private readonly Metadata? _headers;
    private readonly ConcurrentDictionary<string, ulong> _lastWrites = new(StringComparer.Ordinal);

    /// <summary>Connects lazily, on the first call.</summary>
    /// <param name="host">A host name or address.</param>
    /// <param name="port">The gRPC port.</param>
    /// <param name="username">User, where the server asks for one.</param>
    /// <param name="password">Password.</param>
    /// <param name="database">Database; none means "default".</param>
    public MilvusClient(string host, int port = DefaultPort, string? username = null, string? password = null, string? database = null)
        : this(new Uri(string.Create(CultureInfo.InvariantCulture, $"http://{host}:{port}")), username, password, database)
    {
    }

    /// <summary>Connects lazily to an http or https address.</summary>
    public MilvusClient(Uri endpoint, string? username = null, string? password = null, string? database = null)
        : this(GrpcChannel.ForAddress(endpoint, new GrpcChannelOptions { MaxReceiveMessageSize = null, MaxSendMessageSize = null }), ownsChannel: true, username, password, database)
    {
    }

    /// <summary>Uses a channel that stays its owner's.</summary>
    public MilvusClient(GrpcChannel channel, string? username = null, string? password = null, string? database = null)
        : this(channel, ownsChannel: false, username, password, database)
    {
    }

    internal MilvusClient(CallInvoker invoker, TimeProvider time)
    {
        Service = new MilvusService.MilvusServiceClient(invoker);
        Time = time;
    }

    private MilvusClient(GrpcChannel channel, bool ownsChannel, string? username, string? password, string? database)
    {
        Service = new MilvusService.MilvusServiceClient(channel);
        Time = TimeProvider.System;
        _ownedChannel = ownsChannel ? channel : null;
        var headers = new Metadata();
        if (username is not null)
        {
            headers.Add("authorization", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{username}:{password}")));
        }
        if (database is not null)
        {
            headers.Add("dbname", database);
        }
        _headers = headers.Count > 0 ? headers : null;
    }

    internal MilvusService.MilvusServiceClient Service { get; }

    internal TimeProvider Time { get; }

    /// <summary>The server's version, as it says it.</summary>
    public async Task<string> GetVersionAsync(CancellationToken cancellationToken = default)
    {
        var response = await Service.GetVersionAsync(new GetVersionRequest(), Options(cancellationToken));
        MilvusException.ThrowIfFailed(response.Status);
        return response.Version;
    }

    /// <summary>Whether the server is ready to serve.</summary>
    public async Task<MilvusHealthState> HealthAsync(CancellationToken cancellationToken = default)
    {
        var response = await Service.CheckHealthAsync(new CheckHealthRequest(), Options(cancellationToken));
        MilvusException.ThrowIfFailed(response.Status);
        return new MilvusHealthState(response.IsHealthy, response.Reasons);
    }

    /// <summary>Closes the connection, unless the channel was passed in.</summary>
    public void Dispose() => _ownedChannel?.Dispose();

    internal CallOptions Options(CancellationToken ct) => new(_headers, cancellationToken: ct);

    internal void WroteAt(string collection, ulong timestamp) =>
        _lastWrites.AddOrUpdate(collection, timestamp, (_, known) => Math.Max(known, timestamp));

    internal ulong LastWriteTo(string collection) => _lastWrites.GetValueOrDefault(collection);

    internal static async Task CheckAsync(AsyncUnaryCall<Status> call)
    {
        using (call)
        {
            MilvusException.ThrowIfFailed(await call.ResponseAsync);
        }
    }

    /// <summary>Asks until the probe says done, the time is up (TimeoutException) or the token is cancelled.</summary>
    internal async Task PollAsync(Func<CancellationToken, Task<bool>> probe, TimeSpan? interval, TimeSpan? timeout, string awaited, CancellationToken ct)
    {
        var start = Time.GetTimestamp();
        while (!await probe(ct))
        {
            if (timeout is { } limit && Time.GetElapsedTime(start) >= limit)
            {
                throw new TimeoutException($"{awaited} did not come about within {limit}.");
            }
            await Task.Delay(interval ?? DefaultPollInterval, Time, ct);
        }
    }
}
