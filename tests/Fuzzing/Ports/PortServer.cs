using System.Net;
using System.Net.Http.Headers;
using Google.Protobuf;
using MiniMilvus.Client;
using MiniMilvus.EndToEnd;

namespace MiniMilvus.Fuzzing.Ports;

/// <summary>What the server said to one request: gRPC's status, or null where it ended the stream or the connection instead.</summary>
internal sealed record Answer(int? Status, string Detail, byte[] Body);

/// <summary>
/// A real server process with a collection whose answers are known. Every call has a deadline of its own; after a batch the process must
/// live, the collection must answer right and the log must not complain.
/// </summary>
public sealed class PortServer : IAsyncLifetime, IDisposable
{
    internal const string Known = "known";
    private const int Rows = 50, Dimension = 4;
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(10);
    private readonly DataFolder _folder = new();
    private readonly HttpMessageInvoker _http = new(new SocketsHttpHandler { UseProxy = false, PooledConnectionLifetime = TimeSpan.FromSeconds(30) });
    private ServerProcess _server = null!;
    private MilvusClient _client = null!;

    internal DnsEndPoint Grpc { get; private set; } = null!;

    internal DnsEndPoint Http { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        _server = await ServerProcess.StartAsync(_folder.Data);
        (Grpc, Http) = (EndPoint(_server.GrpcAddress), EndPoint(_server.HttpAddress));
        _client = _server.Connect();
        foreach (var name in new[] { Known, "victim" })
        {
            var created = await _client.CreateCollectionAsync(name, [FieldSchema.Create<long>("id", isPrimaryKey: true), FieldSchema.CreateFloatVector("vector", Dimension)]);
            await created.CreateIndexAsync("vector", IndexType.Hnsw, SimilarityMetricType.L2);
            await created.LoadAsync();
            await created.WaitForCollectionLoadAsync();
            await created.InsertAsync(
            [
                FieldData.Create<long>("id", [.. Enumerable.Range(0, Rows).Select(i => (long)i)]),
                FieldData.CreateFloatVector("vector", (float[])[.. Enumerable.Range(0, Rows).SelectMany(VectorOf)], Dimension),
            ]);
        }

        await RequireRightAsync("the start");
    }

    public async Task DisposeAsync()
    {
        _client.Dispose();
        await _server.DisposeAsync();
    }

    public void Dispose()
    {
        _http.Dispose();
        _folder.Dispose();
    }

    /// <summary>The process lives, has nothing to complain of, and the known collection holds what was written.</summary>
    internal async Task RequireRightAsync(string after)
    {
        Assert.False(_server.HasExited, $"the server ended after {after}:\n{_server.Log()}");
        using var deadline = new CancellationTokenSource(Deadline);
        var collection = _client.GetCollection(Known);
        Assert.Equal(Rows, await collection.CountAsync("", ConsistencyLevel.Strong, deadline.Token));
        foreach (var row in new[] { 0, 17, Rows - 1 })
        {
            var found = await collection.SearchAsync(
                "vector", (ReadOnlyMemory<float>[])[VectorOf(row)], SimilarityMetricType.L2, 1, new SearchParameters { ConsistencyLevel = ConsistencyLevel.Strong }, deadline.Token);
            Assert.Equal(row, found.Ids.LongIds![0]);
        }

        var complaints = _server.Complaints("is UNIMPLEMENTED$").ToList(); // every method is called, those left out too
        Assert.True(complaints.Count == 0, $"after {after} the server complained:\n{string.Join('\n', complaints.Take(5))}");
    }

    /// <summary>One HTTP/2 request with whatever body; null frames and headers are the well-formed ones.</summary>
    internal async Task<Answer> CallAsync(string method, byte[] body, Action<HttpRequestMessage>? change = null)
    {
        using var deadline = new CancellationTokenSource(Deadline);
        using var request = new HttpRequestMessage(HttpMethod.Post, $"http://{Grpc.Host}:{Grpc.Port}{method}")
        {
            Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact, Content = new ByteArrayContent(body),
        };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
        request.Headers.TE.Add(new TransferCodingWithQualityHeaderValue("trailers"));
        request.Headers.Add("grpc-timeout", "4S");
        change?.Invoke(request);
        try
        {
            using var response = await _http.SendAsync(request, deadline.Token);
            var content = await response.Content.ReadAsByteArrayAsync(deadline.Token);
            var (status, message) = Read(response.TrailingHeaders) ?? Read(response.Headers) ?? (null, $"HTTP {(int)response.StatusCode}");
            return new Answer(status, message, content);
        }
        catch (Exception e) when (e is HttpRequestException or IOException && !deadline.IsCancellationRequested)
        {
            return new Answer(null, e.Message, []);
        }
        catch (OperationCanceledException)
        {
            throw new Xunit.Sdk.XunitException($"{method}: no answer within {Deadline} to {Convert.ToHexString(body.AsSpan(0, Math.Min(500, body.Length)))}");
        }
    }

    /// <summary>The five bytes before a message, and the message.</summary>
    internal static byte[] Frame(byte[] message, byte flag = 0, int? length = null) =>
        [flag, .. BitConverter.GetBytes(IPAddress.HostToNetworkOrder(length ?? message.Length)), .. message];

    internal Task<Answer> CallAsync(string method, IMessage message) => CallAsync(method, Frame(message.ToByteArray()));

    private static float[] VectorOf(int row) => [row, 1, 2, row % 7];

    private static (int?, string)? Read(HttpResponseHeaders headers) =>
        headers.TryGetValues("grpc-status", out var status) && int.TryParse(status.First(), out var code)
            ? (code, headers.TryGetValues("grpc-message", out var message) ? Uri.UnescapeDataString(message.First()) : "")
            : null;

    private static DnsEndPoint EndPoint(string authority) => new(authority[..authority.LastIndexOf(':')], int.Parse(authority[(authority.LastIndexOf(':') + 1)..]));
}
