using System.Net;
using System.Net.Sockets;
using System.Text;

namespace MiniMilvus.Benchmarks.Peers;

/// <summary>As much of the Redis protocol as a pipeline of XADD needs: commands in one write, replies counted as they come.</summary>
internal sealed class RespConnection : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private readonly byte[] _buffer = new byte[64 * 1024];

    public static async Task<RespConnection> OpenAsync(int port)
    {
        var connection = new RespConnection();
        await connection._socket.ConnectAsync(IPAddress.Loopback, port);
        return connection;
    }

    public static byte[] Encode(params ReadOnlySpan<byte[]> arguments)
    {
        using var to = new MemoryStream();
        to.Write(Encoding.ASCII.GetBytes($"*{arguments.Length}\r\n"));
        foreach (var argument in arguments)
        {
            to.Write(Encoding.ASCII.GetBytes($"${argument.Length}\r\n"));
            to.Write(argument);
            to.Write("\r\n"u8);
        }

        return to.ToArray();
    }

    /// <summary>Sends commands and waits for all replies, each of so many lines.</summary>
    /// <returns>The first bytes of what came back last.</returns>
    public async Task<string> CallAsync(ReadOnlyMemory<byte> commands, int replies, int linesPerReply)
    {
        var sending = SendAsync(commands);
        var (lines, wanted, startsLine, last) = (0, replies * linesPerReply, true, "");
        while (lines < wanted)
        {
            var read = await _socket.ReceiveAsync(_buffer);
            if (read == 0)
            {
                throw new IOException("Redis closed the connection");
            }

            for (var i = 0; i < read; i++)
            {
                if (startsLine && _buffer[i] == '-')
                {
                    throw new InvalidOperationException($"Redis answered {Encoding.ASCII.GetString(_buffer, i, read - i)}");
                }

                startsLine = _buffer[i] == '\n';
                lines += startsLine ? 1 : 0;
            }

            last = Encoding.ASCII.GetString(_buffer, 0, Math.Min(read, 4096));
        }

        await sending;
        return last;
    }

    public void Dispose() => _socket.Dispose();

    private async Task SendAsync(ReadOnlyMemory<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            bytes = bytes[await _socket.SendAsync(bytes)..];
        }
    }
}
