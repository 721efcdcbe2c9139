using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;
using MiniMilvus.Fuzzing.Harness;

namespace MiniMilvus.Fuzzing.Ports;

/// <summary>Bytes that are not even the port's protocol: each connection is answered or closed, and the next one is served as before.</summary>
public sealed class RawPortTests(PortServer server) : IClassFixture<PortServer>
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(10);
    private static readonly byte[] Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8.ToArray();
    private static readonly byte[] Settings = Http2Frame(4, 0, 0, []);

    [Fact]
    public async Task The_gRPC_port_closes_what_is_not_HTTP_2()
    {
        await Parallel.ForEachAsync(Enumerable.Range(0, 150 * Fuzz.Times), new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (number, _) =>
        {
            var random = new Random(number);
            await SendAsync(server.Grpc, GrpcBytes(random), $"gRPC port, case {number}");
        });
        await server.RequireRightAsync("random bytes on the gRPC port");
    }

    [Fact]
    public async Task The_HTTP_port_answers_or_closes()
    {
        var answers = 0;
        await Parallel.ForEachAsync(Enumerable.Range(0, 150 * Fuzz.Times), new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (number, _) =>
        {
            var answer = await SendAsync(server.Http, HttpBytes(new Random(number)), $"HTTP port, case {number}");
            Interlocked.Add(ref answers, answer.StartsWith("HTTP/1.1 ", StringComparison.Ordinal) ? 1 : 0);
            Assert.False(answer.StartsWith("HTTP/1.1 500", StringComparison.Ordinal), $"case {number}: {answer}");
        });
        Assert.True(answers > 20, $"{answers} answers");
        Assert.StartsWith("HTTP/1.1 200", await SendAsync(server.Http, "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"u8.ToArray(), "health", endsItsHalf: false), StringComparison.Ordinal);
        await server.RequireRightAsync("random bytes on the HTTP port");
    }

    private static byte[] GrpcBytes(Random random)
    {
        switch (random.Next(6))
        {
            case 0:
                return Noise(random);
            case 1:
                return Encoding.ASCII.GetBytes("POST /milvus.proto.milvus.MilvusService/Search HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabcd");
            case 2:
                return [.. Preface[..random.Next(Preface.Length)], .. Noise(random)];
            case 3:
                return [.. Preface, .. Noise(random)];
            case 4:
                var frames = new List<byte>([.. Preface, .. Settings]);
                for (var i = random.Next(1, 20); i > 0; i--)
                {
                    frames.AddRange(Http2Frame((byte)random.Next(12), (byte)random.Next(256), random.Next(3) == 0 ? int.MaxValue : random.Next(6), Noise(random)[..random.Next(20)]));
                }

                return [.. frames];
            default:
                var frame = Http2Frame((byte)random.Next(12), (byte)random.Next(256), 1, Noise(random));
                BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(0), (uint)random.Next() | 0xFF000000); // an absurd length
                return [.. Preface, .. Settings, .. frame];
        }
    }

    private static byte[] HttpBytes(Random random)
    {
        string[] methods = ["GET", "POST", "OPTIONS", "DELETE", "TRACE", "CONNECT", "\0", "G T", "get", new string('M', 9000)];
        string[] paths = ["/healthz", "/metrics", "/livez", "/", "/../../etc/passwd", "/%00", "/%", "*", "http://other/", "/" + new string('p', 9000), "/?" + new string('q', 5000), "\\", "/webui/%2e%2e/"];
        string[] headers =
        [
            "Host: a", "Host:", "Content-Length: -1", "Content-Length: 99999999999999999999", "Content-Length: 5", "Transfer-Encoding: chunked", "Transfer-Encoding: x", "Expect: 100-continue",
            "Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: x", "Accept-Encoding: " + new string('e', 3000), "X: \u0001", ": no name", "Range: bytes=0-99999999999", new string('h', 40_000) + ": 1",
        ];
        if (random.Next(4) == 0)
        {
            return Noise(random);
        }

        var text = new StringBuilder($"{methods[random.Next(methods.Length)]} {paths[random.Next(paths.Length)]} HTTP/{(random.Next(5) == 0 ? "9.9" : "1.1")}\r\n");
        for (var i = random.Next(6); i > 0; i--)
        {
            text.Append(headers[random.Next(headers.Length)]).Append("\r\n");
        }

        return [.. Encoding.Latin1.GetBytes(text.Append("\r\n").ToString()), .. Noise(random)[..random.Next(30)]];
    }

    private static byte[] Noise(Random random)
    {
        var bytes = new byte[30 + random.Next(400)];
        random.NextBytes(bytes);
        return bytes;
    }

    private static byte[] Http2Frame(byte type, byte flags, int stream, byte[] payload)
    {
        var head = new byte[9];
        BinaryPrimitives.WriteUInt32BigEndian(head, (uint)payload.Length << 8);
        (head[3], head[4]) = (type, flags);
        BinaryPrimitives.WriteInt32BigEndian(head.AsSpan(5), stream);
        return [.. head, .. payload];
    }

    /// <summary>Sends, ends its own half, and reads until the server ends the other one.</summary>
    private static async Task<string> SendAsync(DnsEndPoint to, byte[] bytes, string what, bool endsItsHalf = true)
    {
        using var deadline = new CancellationTokenSource(Deadline);
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { LingerState = new LingerOption(true, 0) };
        var answer = new MemoryStream();
        try
        {
            await socket.ConnectAsync(to, deadline.Token);
            await socket.SendAsync(bytes, deadline.Token);
            if (endsItsHalf)
            {
                socket.Shutdown(SocketShutdown.Send);
            }

            var buffer = new byte[4096];
            for (int read; answer.Length < 1 << 20 && (read = await socket.ReceiveAsync(buffer, deadline.Token)) > 0;)
            {
                answer.Write(buffer, 0, read);
            }
        }
        catch (SocketException)
        {
            // Closed with a reset: closed all the same.
        }
        catch (OperationCanceledException)
        {
            throw new Xunit.Sdk.XunitException($"{what}: neither answered to its end nor closed within {Deadline}: {Convert.ToHexString(bytes)}");
        }

        return Encoding.Latin1.GetString(answer.GetBuffer(), 0, (int)answer.Length);
    }
}
