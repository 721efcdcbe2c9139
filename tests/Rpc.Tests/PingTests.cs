using System.Buffers.Binary;
using System.Net.Sockets;
using static MiniMilvus.Rpc.Tests.RpcHost;

namespace MiniMilvus.Rpc.Tests;

public sealed class PingTests
{
    private const byte Settings = 4;
    private const byte Ping = 6;
    private const byte GoAway = 7;

    [Fact]
    public async Task Two_hundred_pings_in_a_row_are_answered_and_none_with_GOAWAY()
    {
        await using RpcHost host = await StartAsync();
        using var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", new Uri(host.Address).Port);
        NetworkStream stream = client.GetStream();
        await stream.WriteAsync("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8.ToArray());
        await stream.WriteAsync(Frame(Settings, []));
        var seen = new List<byte>();
        for (int i = 0; i < 200; i++)
        {
            await stream.WriteAsync(Frame(Ping, new byte[8]));
        }

        while (seen.Count(t => t == Ping) < 200 && !seen.Contains(GoAway))
        {
            byte[] header = new byte[9];
            await Within(stream.ReadExactlyAsync(header).AsTask());
            byte[] payload = new byte[(header[0] << 16) | BinaryPrimitives.ReadUInt16BigEndian(header.AsSpan(1))];
            await Within(stream.ReadExactlyAsync(payload).AsTask());
            seen.Add(header[3]);
        }

        Assert.DoesNotContain(GoAway, seen);
    }

    private static byte[] Frame(byte type, byte[] payload) => [0, 0, (byte)payload.Length, type, 0, 0, 0, 0, 0, .. payload];
}
