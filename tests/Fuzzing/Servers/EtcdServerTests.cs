using System.Collections.Immutable;
using System.Text;
using MiniMilvus.Core.Errors;
using MiniMilvus.Fuzzing.Harness;
using MiniMilvus.Storage.Etcd;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Fuzzing.Servers;

/// <summary>Our etcd client against servers that answer wrong: an answer that can be etcd's, or an error that names the server, in bounded time and memory.</summary>
public sealed class EtcdServerTests
{
    private const long AllocatedBytesMax = 16 * 1024 * 1024;
    private static readonly TimeSpan Hang = TimeSpan.FromSeconds(60);

    private static readonly (string Name, Func<EtcdMetaStore, CancellationToken, Task<string>> Ask, string Right)[] Questions =
    [
        ("get", async (store, ct) => Text(await store.GetAsync("k", ct)), "k=value of k@40"),
        ("get of nothing", async (store, ct) => Text(await store.GetAsync("absent", ct)), "null"),
        ("range", async (store, ct) => string.Join(' ', (await store.RangeAsync("p/", ct)).Entries.Select(Text)), "p/a=value of p/a@10 p/b=value of p/b@20 p/c=value of p/c@30"),
        ("transaction", async (store, ct) => $"{await store.TransactAsync([], [new MetaOperation.Put("k", Encoding.UTF8.GetBytes("v"), 0)], ct)}", "MetaTransactionResult { Succeeded = True, Revision = 50 }"),
        ("grant", async (store, ct) => $"{await store.GrantLeaseAsync(TimeSpan.FromSeconds(5), ct)}", "77"),
        ("keep-alive", async (store, ct) => await DoneAsync(store.KeepAliveAsync(77, ct)), "done"),
        ("revoke", async (store, ct) => await DoneAsync(store.RevokeLeaseAsync(77, ct)), "done"),
        ("watch", WatchAsync, "41:p/a=value of p/a@41 43:p/b=value of p/b@43"),
    ];

    [Fact]
    public async Task An_answer_that_is_not_etcds_is_never_taken_for_one()
    {
        await using var liar = await EtcdLiar.StartAsync();
        var lies = Enum.GetValues<Lie>();
        var counts = new Dictionary<(Lie, Outcome), int>();
        for (var number = 0; number < 400 * Fuzz.Times; number++)
        {
            var lie = lies[number % lies.Length];
            var question = Questions[number / lies.Length % Questions.Length];
            // The opening and the question of the cluster come first; at times one of them is answered wrong.
            liar.Begin(number, lie, honestFirst: number / 80 % 5 == 0 ? number % 3 : 2 + (number / 80 % 2));
            var outcome = await CaseAsync(liar, question, $"case {number}: {lie} for {question.Name}");
            counts[(lie, outcome)] = counts.GetValueOrDefault((lie, outcome)) + 1;
        }

        Assert.All(lies, lie => Assert.True(counts.ContainsKey((lie, lie == Lie.None ? Outcome.Right : Outcome.Refused)), $"{lie} never told"));
        Assert.DoesNotContain((Lie.None, Outcome.Refused), counts.Keys);
    }

    [Fact]
    public async Task Bytes_that_are_no_http2_end_in_an_error_that_names_the_server()
    {
        for (var number = 0; number < 60 * Fuzz.Times; number++)
        {
            var random = new Random(number);
            await using var server = new RawServer(async (stream, ct) =>
            {
                var bytes = new byte[random.Next(1, 2000)];
                random.NextBytes(bytes);
                byte[] greeting = random.Next(4) switch
                {
                    0 => [0, 0, 0, 4, 0, 0, 0, 0, 0], // empty settings, as HTTP/2 begins
                    1 => "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"u8.ToArray(),
                    2 => "SSH-2.0-OpenSSH_9.2\r\n"u8.ToArray(),
                    _ => [],
                };
                await stream.WriteAsync(greeting, ct);
                await stream.WriteAsync(bytes, ct);
                if (random.Next(6) == 0)
                {
                    await Task.Delay(Timeout.Infinite, ct); // and then nothing
                }
            });
            var e = await Assert.ThrowsAsync<MiniMilvusException>(() => EtcdMetaStore.OpenAsync(Options(server.Address) with { RequestTimeout = TimeSpan.FromSeconds(1) }, TimeProvider.System, default).AsTask().WaitAsync(Hang));
            Assert.Equal(ErrorKind.Unavailable, e.Kind);
            Assert.Contains(server.Address, e.Message, StringComparison.Ordinal);
            Assert.NotEqual(0, server.Connections);
        }
    }

    private static async Task<Outcome> CaseAsync(EtcdLiar liar, (string Name, Func<EtcdMetaStore, CancellationToken, Task<string>> Ask, string Right) question, string what)
    {
        var before = GC.GetTotalAllocatedBytes();
        string answer;
        try
        {
            answer = await AskAsync(liar, question.Ask).WaitAsync(Hang);
        }
        catch (MiniMilvusException e) when (e.Kind is ErrorKind.Unavailable or ErrorKind.Invalid or ErrorKind.NotFound or ErrorKind.Conflict or ErrorKind.Corrupted)
        {
            RequireBounded(before, what);
            Assert.True(liar.Lies > 0, $"{what}: no lie was told, and yet: {e.Message}");
            Assert.True(e.Message.Contains(liar.Address, StringComparison.Ordinal) || e.Message.Contains("lease", StringComparison.Ordinal), $"{what}: the error does not name the server: {e.Message}");
            return Outcome.Refused;
        }
        catch (Exception e)
        {
            throw new Xunit.Sdk.XunitException($"{what}: expected an answer or an error that names the server, found {e}");
        }

        RequireBounded(before, what);
        if (answer == question.Right)
        {
            return Outcome.Right;
        }

        // Nobody vouches for the bytes of an answer but TLS and TCP: other values are believed where they have the form.
        Assert.True(liar.Case.Lie is Lie.Damaged or Lie.Absurd or Lie.Frame, $"{what}: a wrong answer\nexpected {question.Right}\nfound    {answer}");
        return Outcome.Other;
    }

    private static void RequireBounded(long before, string what)
    {
        var allocated = GC.GetTotalAllocatedBytes() - before;
        Assert.True(allocated <= AllocatedBytesMax, $"{what}: expected at most {AllocatedBytesMax} bytes allocated, found {allocated}");
    }

    private static async Task<string> AskAsync(EtcdLiar liar, Func<EtcdMetaStore, CancellationToken, Task<string>> ask)
    {
        using var store = await EtcdMetaStore.OpenAsync(Options(liar.Address), TimeProvider.System, default);
        return await ask(store, default);
    }

    private static EtcdOptions Options(string address) => new()
    {
        Endpoints = [address], RootPath = EtcdLiar.Root, RequestTimeout = TimeSpan.FromSeconds(10),
        WatchOutageMax = TimeSpan.FromMilliseconds(60), RangePageEntries = 2,
    };

    private static async Task<string> DoneAsync(ValueTask call)
    {
        await call;
        return "done";
    }

    private static async Task<string> WatchAsync(EtcdMetaStore store, CancellationToken ct)
    {
        var seen = new List<string>();
        var last = 0L;
        await foreach (var batch in store.WatchAsync("p/", 41, ct))
        {
            Assert.True(batch.Revision >= last, $"a watch went back from {last} to {batch.Revision}");
            last = batch.Revision;
            foreach (var change in batch.Events)
            {
                Assert.StartsWith("p/", change.Entry.Key, StringComparison.Ordinal);
                seen.Add($"{batch.Revision}:{(change.IsDelete ? "deleted" : Text(change.Entry))}");
            }

            if (seen.Count >= 2 || last > 1000)
            {
                break;
            }
        }

        return string.Join(' ', seen);
    }

    private static string Text(MetaEntry? entry)
    {
        if (entry is null)
        {
            return "null";
        }

        Assert.True(entry.CreateRevision > 0 && entry.ModRevision >= entry.CreateRevision && entry.Version > 0, $"{entry}");
        Assert.True(entry.Key is "k" || entry.Key.StartsWith("p/", StringComparison.Ordinal), entry.Key);
        return $"{entry.Key}={Encoding.Latin1.GetString(entry.Value.Span)}@{entry.ModRevision}";
    }
}
