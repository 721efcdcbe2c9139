using System.Globalization;
using System.Text;
using System.Xml.Linq;
using Microsoft.AspNetCore.Http;

namespace MiniMilvus.Conformance.S3;

/// <summary>What goes wrong with the next request of a method; faults wait in a queue and hit in its order.</summary>
public sealed record S3Fault(string Method)
{
    /// <summary>Answers this instead of doing anything.</summary>
    public int? Status { get; init; }

    public string Code { get; init; } = "";

    /// <summary>Closes the connection and does nothing.</summary>
    public bool DropsBefore { get; init; }

    /// <summary>Does it, then closes the connection: the reply is lost.</summary>
    public bool DropsAfter { get; init; }

    /// <summary>Closes the connection after so many bytes of the answer's body.</summary>
    public int? CutsAt { get; init; }

    /// <summary>Turns a bit of the answer's first byte.</summary>
    public bool FlipsBit { get; init; }

    /// <summary>Says "200" to a request for a range, and sends the whole.</summary>
    public bool IgnoresRange { get; init; }

    /// <summary>Does it, but the answer waits for the test.</summary>
    public Holding? Hold { get; init; }

    public bool Concerns(string method, string key) => Method == (method == "GET" && key.Length == 0 ? "LIST" : method);

    public sealed class Holding
    {
        public TaskCompletionSource Arrived { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource Release { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}

internal sealed record Answer(int Status, string Code = "")
{
    public Dictionary<string, string> Headers { get; } = [];

    public byte[] Body { get; init; } = [];

    /// <summary>The bytes of a range, both ends included.</summary>
    public Answer Part(long from, long to)
    {
        Headers["Content-Range"] = string.Create(CultureInfo.InvariantCulture, $"bytes {from}-{to}/{Body.Length}");
        return this with { Status = 206, Body = Body[(int)from..(int)(to + 1)] };
    }

    public async Task WriteAsync(HttpContext context, S3Fault? fault)
    {
        var body = Code.Length == 0 ? Body : Encoding.UTF8.GetBytes(
            new XElement("Error", new XElement("Code", Code), new XElement("Message", $"the fake says {Code}"), new XElement("RequestId", "1")).ToString());
        if (fault?.FlipsBit == true)
        {
            body = [(byte)(body[0] ^ 1), .. body[1..]];
        }

        context.Response.StatusCode = fault?.IgnoresRange == true ? 200 : Status;
        foreach (var (name, value) in Headers)
        {
            context.Response.Headers[name] = value;
        }

        if (Status == 204)
        {
            return;
        }

        context.Response.ContentLength = body.Length;
        if (context.Request.Method == "HEAD")
        {
            return;
        }

        if (fault?.CutsAt is { } cut)
        {
            await context.Response.Body.WriteAsync(body.AsMemory(0, cut));
            await context.Response.Body.FlushAsync();
            context.Abort();
            return;
        }

        await context.Response.Body.WriteAsync(body);
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Status} {Code}");
}
