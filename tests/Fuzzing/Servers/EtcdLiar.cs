using System.Net;
using Google.Protobuf;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using MiniMilvus.Fuzzing.Harness;
using MiniMilvus.Storage.Etcd.Wire;

namespace MiniMilvus.Fuzzing.Servers;

/// <summary>What of an answer is not as etcd would give it.</summary>
internal enum Lie
{
    None,
    /// <summary>The message's bytes, by <see cref="Mutator"/>.</summary>
    Damaged,
    /// <summary>A message of the right type that makes no sense.</summary>
    Absurd,
    Empty,
    /// <summary>The five bytes before the message.</summary>
    Frame,
    Status,
    NoTrailers,
    Twice,
    Http,
    Aborted,
}

/// <summary>Serves etcd's methods over HTTP/2: the right answer to a question that the test knows, with one lie in it.</summary>
internal sealed class EtcdLiar : IAsyncDisposable
{
    public const string Root = "fuzz/";
    private readonly WebApplication _app;
    private Random _random = new(0);

    private EtcdLiar(WebApplication app) => _app = app;

    public string Address => _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();

    /// <summary>The case that comes; the answer after so many honest ones is the lie, and all that follow.</summary>
    public (int Number, Lie Lie, int HonestFirst) Case { get; private set; }

    public int Lies { get; private set; }

    private int _answers;

    public static async Task<EtcdLiar> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0, l => l.Protocols = HttpProtocols.Http2));
        var liar = new EtcdLiar(builder.Build());
        liar._app.Run(liar.AnswerAsync);
        await liar._app.StartAsync();
        return liar;
    }

    public void Begin(int number, Lie lie, int honestFirst)
    {
        _random = new Random(number);
        Case = (number, lie, honestFirst);
        (Lies, _answers) = (0, 0);
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync(new CancellationToken(canceled: true));
        await _app.DisposeAsync();
    }

    public static KeyValue Pair(string key, long revision) => new()
    {
        Key = ByteString.CopyFromUtf8(Root + key), Value = ByteString.CopyFromUtf8("value of " + key), CreateRevision = revision, ModRevision = revision, Version = 1,
    };

    private static ResponseHeader Header => new() { ClusterId = 7, MemberId = 1, Revision = 50, RaftTerm = 2 };

    private static IEnumerable<IMessage> Truth(string method, ReadOnlySpan<byte> request)
    {
        switch (method)
        {
            case "Range":
                var range = RangeRequest.Parser.ParseFrom(request);
                var reply = new RangeResponse { Header = Header };
                var key = range.Key.ToStringUtf8();
                if (!range.RangeEnd.IsEmpty)
                {
                    // Two pages, each in the limit of the store under test.
                    reply.Kvs.AddRange(key.EndsWith('\0') ? [Pair("p/c", 30)] : [Pair("p/a", 10), Pair("p/b", 20)]);
                    reply.More = !key.EndsWith('\0');
                }
                else if (key == Root + "k")
                {
                    reply.Kvs.Add(Pair("k", 40));
                }

                return [reply];
            case "Txn":
                return [new TxnResponse { Header = Header, Succeeded = true }];
            case "LeaseGrant":
                return [new LeaseGrantResponse { Header = Header, ID = 77, TTL = 5 }];
            case "LeaseRevoke":
                return [new LeaseRevokeResponse { Header = Header }];
            case "LeaseKeepAlive":
                return [new LeaseKeepAliveResponse { Header = Header, ID = 77, TTL = 5 }];
            case "Watch":
                var events = new WatchResponse { Header = Header };
                events.Events.Add(new Event { Kv = Pair("p/a", 41) });
                events.Events.Add(new Event { Kv = Pair("other", 42) });
                events.Events.Add(new Event { Kv = Pair("p/b", 43) });
                return [new WatchResponse { Header = Header, Created = true }, events];
            case "Authenticate":
                return [new AuthenticateResponse { Header = Header, Token = "token.1" }];
            default:
                return [new StatusResponse { Header = Header, Version = "3.5.9", Leader = 1 }];
        }
    }

    private async Task AnswerAsync(HttpContext context)
    {
        var method = context.Request.Path.Value!.Split('/')[^1];
        var frame = await ReadFrameAsync(context.Request);
        context.Response.ContentType = "application/grpc";
        var ends = "0";
        foreach (var message in Truth(method, frame))
        {
            var lie = _answers++ >= Case.HonestFirst ? Case.Lie : Lie.None;
            Lies += lie == Lie.None ? 0 : 1;
            switch (lie)
            {
                case Lie.Http:
                    context.Response.StatusCode = _random.Next(4) switch { 0 => 200, 1 => 404, 2 => 503, _ => 204 };
                    context.Response.ContentType = _random.Next(2) == 0 ? "text/html" : "application/grpc+json";
                    if (context.Response.StatusCode != 204)
                    {
                        await context.Response.WriteAsync("<html>not etcd</html>");
                    }

                    return;
                case Lie.Aborted:
                    await WriteAsync(context, Framed(message.ToByteArray())[.._random.Next(1, 6)]);
                    context.Abort();
                    return;
                case Lie.Status:
                    context.Response.AppendTrailer("grpc-status", ends = _random.Next(3) switch { 0 => $"{_random.Next(-1, 40)}", 1 => "x", _ => "99999999999" });
                    context.Response.AppendTrailer("grpc-message", _random.Next(2) == 0 ? "%zz%" : "etcdserver: mvcc: nothing of the kind");
                    await context.Response.CompleteAsync();
                    return;
                case Lie.NoTrailers:
                    await WriteAsync(context, Framed(message.ToByteArray()));
                    return;
                case Lie.Twice:
                    await WriteAsync(context, [.. Framed(message.ToByteArray()), .. Framed(message.ToByteArray())]);
                    break;
                default:
                    await WriteAsync(context, Bytes(message, lie));
                    break;
            }
        }

        if (method == "Watch" && Case.Lie is Lie.None)
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, context.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
            return;
        }

        context.Response.AppendTrailer("grpc-status", ends);
    }

    private byte[] Bytes(IMessage message, Lie lie)
    {
        var whole = message.ToByteArray();
        switch (lie)
        {
            case Lie.Damaged:
                return Framed(Mutator.Apply((Mutation)_random.Next(Enum.GetValues<Mutation>().Length), whole, Header.ToByteArray(), _random));
            case Lie.Absurd:
                return Framed(Ports.ProtoFuzz.Message(message.Descriptor, _random));
            case Lie.Empty:
                return Framed([]);
            case Lie.Frame:
                var frame = Framed(whole);
                frame[_random.Next(5)] = (byte)_random.Next(1, 256);
                return frame;
            default:
                return Framed(whole);
        }
    }

    private static byte[] Framed(byte[] message)
    {
        var frame = new byte[5 + message.Length];
        System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), message.Length);
        message.CopyTo(frame, 5);
        return frame;
    }

    private static async Task WriteAsync(HttpContext context, byte[] bytes)
    {
        await context.Response.Body.WriteAsync(bytes);
        await context.Response.Body.FlushAsync();
    }

    /// <summary>The first message; a stream stays open behind it.</summary>
    private static async Task<byte[]> ReadFrameAsync(HttpRequest request)
    {
        var head = new byte[5];
        await request.Body.ReadExactlyAsync(head);
        var message = new byte[System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(1))];
        await request.Body.ReadExactlyAsync(message);
        return message;
    }
}
