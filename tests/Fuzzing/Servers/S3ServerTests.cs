using System.Buffers;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using MiniMilvus.Core.Errors;
using MiniMilvus.Fuzzing.Harness;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Storage.S3;

namespace MiniMilvus.Fuzzing.Servers;

/// <summary>Our S3 store against servers that answer wrong: what was asked for, or an error that names object and bucket, in bounded time and memory.</summary>
public sealed class S3ServerTests
{
    private const string Prefix = "root/";
    private const long AllocatedBytesMax = 80 * 1024 * 1024;
    private static readonly TimeSpan Hang = TimeSpan.FromSeconds(60);
    private static readonly byte[] Content = Encoding.ASCII.GetBytes("0123456789abcdefghijklmnopqrstuvwxyz");

    private enum Lie
    {
        None,
        /// <summary>Status line, headers and body, by <see cref="Mutator"/>.</summary>
        Damaged,
        DamagedBody,
        Status,
        LongerThanSaid,
        ShorterThanSaid,
        AbsurdLength,
        OtherRange,
        Closed,
        AbsurdList,
    }

    private static readonly (string Name, string Key, Func<S3ObjectStore, Task<string>> Ask, string Right)[] Questions =
    [
        ("put", "a", async store => (await store.PutAsync("a", new ReadOnlySequence<byte>(Content), PutCondition.Always, default)).Bytes.ToString(CultureInfo.InvariantCulture), "36"),
        ("get", "a", async store => Text(await store.GetAsync("a", default)), Text(Content)),
        ("range", "a", async store => Bounded(Text(await store.GetRangeAsync("a", 5, 10, default)), 10), "56789abcde"),
        ("head", "a", async store => Info(await store.HeadAsync("a", default)), "a 36"),
        ("list", "l/", ListAsync, "l/a l/b l/c"),
        ("delete", "a", async store => await DoneAsync(store.DeleteAsync("a", default)), "done"),
    ];

    [Fact]
    public async Task An_answer_that_is_not_to_the_question_is_never_taken_for_one()
    {
        var lies = Enum.GetValues<Lie>();
        var counts = new Dictionary<(Lie, Outcome), int>();
        for (var number = 0; number < 450 * Fuzz.Times; number++)
        {
            var lie = lies[number % lies.Length];
            var question = Questions[number / lies.Length % Questions.Length];
            var outcome = await CaseAsync(number, lie, question, $"case {number}: {lie} for {question.Name}");
            counts[(lie, outcome)] = counts.GetValueOrDefault((lie, outcome)) + 1;
        }

        Assert.All(lies, lie => Assert.True(counts.ContainsKey((lie, lie == Lie.None ? Outcome.Right : Outcome.Refused)), $"{lie} never told"));
        Assert.DoesNotContain((Lie.None, Outcome.Refused), counts.Keys);
    }

    private static async Task<Outcome> CaseAsync(int number, Lie lie, (string Name, string Key, Func<S3ObjectStore, Task<string>> Ask, string Right) question, string what)
    {
        var random = new Random(number);
        var requests = 0;
        await using var server = new RawServer(async (stream, ct) =>
        {
            var (method, target, range) = await ReadRequestAsync(stream, ct);
            await stream.WriteAsync(Answer(method, target, range, requests++ == 0 ? Lie.None : lie, random), ct);
        });
        using var store = await S3ObjectStore.OpenAsync(Options(server.Address), TimeProvider.System, default); // lists once, and is answered right
        var before = GC.GetTotalAllocatedBytes();
        string answer;
        try
        {
            answer = await question.Ask(store).WaitAsync(Hang);
        }
        catch (MiniMilvusException e) when (e.Kind is ErrorKind.Unavailable or ErrorKind.Invalid or ErrorKind.NotFound or ErrorKind.Conflict)
        {
            RequireBounded(before, what);
            Assert.True(lie != Lie.None, $"{what}: no lie was told, and yet: {e.Message}");
            Assert.True(e.Message.Contains("fuzzed", StringComparison.Ordinal) || (e.Kind == ErrorKind.NotFound && e.Message.Contains(question.Key, StringComparison.Ordinal)), $"{what}: the error names neither: {e.Message}");
            return Outcome.Refused;
        }
        catch (Exception e)
        {
            throw new Xunit.Sdk.XunitException($"{what}: expected an answer or an error that names the bucket, found {e}");
        }

        RequireBounded(before, what);
        if (answer == question.Right)
        {
            return Outcome.Right;
        }

        // Nobody vouches for the bytes but TLS, TCP, and the checksums of what is in them; that they are of this place and as many is ours to see.
        Assert.True(lie is Lie.Damaged or Lie.DamagedBody or Lie.Status or Lie.AbsurdList || (question.Name, lie) is ("head", _), $"{what}: a wrong answer\nexpected {question.Right}\nfound    {answer}");
        return Outcome.Other;
    }

    private static void RequireBounded(long before, string what)
    {
        var allocated = GC.GetTotalAllocatedBytes() - before;
        Assert.True(allocated <= AllocatedBytesMax, $"{what}: expected at most {AllocatedBytesMax} bytes allocated, found {allocated}");
    }

    private static byte[] Answer(string method, string target, (long From, long To)? range, Lie lie, Random random)
    {
        var isList = target.Contains("list-type=2", StringComparison.Ordinal);
        var body = method switch
        {
            "GET" when isList => Encoding.UTF8.GetBytes(ListOf(target, lie, random)),
            "GET" when range is { } r => Content[(int)r.From..((int)Math.Min(r.To, Content.Length - 1) + 1)],
            "GET" or "HEAD" => Content,
            _ => [],
        };
        var status = method == "DELETE" ? "204 No Content" : range is null ? "200 OK" : "206 Partial Content";
        var length = (long)body.Length;
        var from = range?.From ?? 0;
        switch (lie)
        {
            case Lie.Closed:
                return [];
            case Lie.Status:
                status = $"{random.Next(9) switch { 0 => 100, 1 => 204, 2 => 301, 3 => 304, 4 => 416, 5 => 999, 6 => 403, 7 => 500, _ => 201 }} So It Goes";
                break;
            case Lie.LongerThanSaid:
                length = Math.Max(0, length - random.Next(1, 20));
                break;
            case Lie.ShorterThanSaid:
                length += random.Next(1, 1000);
                break;
            case Lie.AbsurdLength:
                length = random.Next(4) switch { 0 => int.MaxValue, 1 => long.MaxValue, 2 => 2_000_000_000, _ => -1 };
                break;
            case Lie.OtherRange:
                from += random.Next(1, 5);
                body = range is null ? body : Content[(int)from..((int)Math.Min(from + body.Length, Content.Length))];
                length = body.Length;
                break;
            case Lie.DamagedBody when body.Length > 0:
                body = Mutator.Apply((Mutation)random.Next(Enum.GetValues<Mutation>().Length), body, Content, random);
                length = body.Length;
                break;
        }

        var head = new StringBuilder($"HTTP/1.1 {status}\r\nServer: liar\r\nConnection: close\r\nETag: \"e-1\"\r\n");
        if (method != "DELETE")
        {
            head.Append(CultureInfo.InvariantCulture, $"Content-Length: {(method == "PUT" ? 0 : length)}\r\n");
        }

        if (range is not null)
        {
            head.Append(CultureInfo.InvariantCulture, $"Content-Range: bytes {from}-{from + body.Length - 1}/{Content.Length}\r\n");
        }

        if (isList)
        {
            head.Append("Content-Type: application/xml\r\n");
        }

        byte[] whole = [.. Encoding.ASCII.GetBytes(head.Append("\r\n").ToString()), .. method == "HEAD" ? [] : body];
        return lie == Lie.Damaged ? Mutator.Apply((Mutation)random.Next(Enum.GetValues<Mutation>().Length), whole, Content, random) : whole;
    }

    /// <summary>Two pages of three keys.</summary>
    private static string ListOf(string target, Lie lie, Random random)
    {
        var isSecond = target.Contains("continuation-token", StringComparison.Ordinal);
        var keys = isSecond ? new[] { "l/c" } : ["l/a", "l/b"];
        var isTruncated = !isSecond;
        var token = "more";
        if (lie == Lie.AbsurdList)
        {
            switch (random.Next(6))
            {
                case 0:
                    keys = ["l/b", "l/a"];
                    break;
                case 1:
                    keys = ["x", "l/a"];
                    break;
                case 2:
                    (keys, isTruncated, token) = ([], true, $"{random.NextInt64()}");
                    break;
                case 3:
                    isTruncated = true;
                    break;
                case 4:
                    (isTruncated, token) = (true, "");
                    break;
                default:
                    keys = [new string('k', 3000)];
                    break;
            }
        }

        var contents = string.Concat(keys.Select(k => $"<Contents><Key>{Prefix}{k}</Key><ETag>\"e-1\"</ETag><Size>{(lie == Lie.AbsurdList && random.Next(3) == 0 ? "-5" : "36")}</Size></Contents>"));
        return "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>fuzzed</Name>"
            + $"<KeyCount>{keys.Length}</KeyCount><MaxKeys>2</MaxKeys><IsTruncated>{(isTruncated ? "true" : "false")}</IsTruncated>"
            + (isTruncated && token.Length > 0 ? $"<NextContinuationToken>{token}</NextContinuationToken>" : "") + contents + "</ListBucketResult>";
    }

    private static async Task<(string Method, string Target, (long From, long To)? Range)> ReadRequestAsync(NetworkStream stream, CancellationToken ct)
    {
        var head = new List<byte>();
        var one = new byte[1];
        while (head.Count < 4 || !head[^4..].SequenceEqual("\r\n\r\n"u8.ToArray()))
        {
            await stream.ReadExactlyAsync(one, ct);
            head.Add(one[0]);
        }

        var lines = Encoding.ASCII.GetString([.. head]).Split("\r\n");
        var headers = lines.Skip(1).Where(l => l.Contains(':', StringComparison.Ordinal)).ToDictionary(l => l.Split(':')[0].ToLowerInvariant(), l => l[(l.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim());
        if (headers.ContainsKey("expect"))
        {
            await stream.WriteAsync("HTTP/1.1 100 Continue\r\n\r\n"u8.ToArray(), ct);
        }

        if (headers.TryGetValue("content-length", out var length))
        {
            await stream.ReadExactlyAsync(new byte[int.Parse(length, CultureInfo.InvariantCulture)], ct);
        }

        (long, long)? range = headers.TryGetValue("range", out var bytes) && bytes["bytes=".Length..].Split('-') is var ends
            ? (long.Parse(ends[0], CultureInfo.InvariantCulture), long.Parse(ends[1], CultureInfo.InvariantCulture))
            : null;
        return (lines[0].Split(' ')[0], lines[0].Split(' ')[1], range);
    }

    private static S3Options Options(string address) => new()
    {
        Profile = S3Profile.Generic, Bucket = "fuzzed", Endpoint = new Uri(address), Region = "us-east-1", Credentials = new S3Credentials("key", "secret"),
        RootPath = "root", RequestTimeout = TimeSpan.FromSeconds(5), ListPageKeys = 2,
    };

    private static async Task<string> ListAsync(S3ObjectStore store)
    {
        var keys = new List<string>();
        await foreach (var found in store.ListAsync("l/", default))
        {
            Assert.StartsWith("l/", found.Key, StringComparison.Ordinal);
            Assert.True(keys.Count == 0 || string.CompareOrdinal(keys[^1], found.Key) < 0, $"'{found.Key}' after '{keys.LastOrDefault()}'");
            Assert.True(found.Bytes >= 0);
            keys.Add(found.Key);
        }

        return string.Join(' ', keys);
    }

    private static string Bounded(string text, int max)
    {
        Assert.True(text.Length <= max, $"asked for {max} bytes, got {text.Length}");
        return text;
    }

    private static string Info(ObjectInfo? found) => found is null ? "absent" : $"{found.Key} {found.Bytes}";

    private static string Text(ReadOnlyMemory<byte> bytes) => Encoding.Latin1.GetString(bytes.Span);

    private static async Task<string> DoneAsync(ValueTask call)
    {
        await call;
        return "done";
    }
}
