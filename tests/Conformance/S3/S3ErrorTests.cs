using System.Buffers;
using MiniMilvus.Conformance.Support;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Storage.S3;

namespace MiniMilvus.Conformance.S3;

/// <summary>What each failure of a server, of the network and of the settings means for the caller.</summary>
public sealed class S3ErrorTests : IAsyncLifetime
{
    private static readonly CancellationToken Never = CancellationToken.None;
    private readonly ManualTime _time = new();
    private FakeS3 _fake = null!;
    private S3ObjectStore _store = null!;

    public async Task InitializeAsync()
    {
        _fake = (await FakeS3.StartAsync()).As(S3Profile.S3);
        _store = await S3ObjectStore.OpenAsync(_fake.Options(S3Profile.S3), _time, Never);
    }

    public Task DisposeAsync()
    {
        _store.Dispose();
        return _fake.DisposeAsync().AsTask();
    }

    [Theory]
    [InlineData(503, "SlowDown")]
    [InlineData(500, "InternalError")]
    [InlineData(502, "BadGateway")]
    [InlineData(504, "GatewayTimeout")]
    [InlineData(429, "TooManyRequests")]
    public async Task A_passing_failure_is_unavailable_whatever_was_asked(int status, string code)
    {
        await PutAsync("a");
        foreach (var (method, call) in Calls())
        {
            _fake.Faults.Enqueue(new S3Fault(method) { Status = status, Code = code });
            var before = _fake.Requests.Count;
            var e = await Expect.KindAsync(ErrorKind.Unavailable, call);
            Assert.Contains(FakeS3.Bucket, e.Message, StringComparison.Ordinal);
            Assert.Equal(before + 1, _fake.Requests.Count); // one call, one request: nobody tried again
        }

        Assert.Empty(_fake.Faults);
    }

    [Fact]
    public async Task A_broken_connection_is_unavailable_whatever_was_asked()
    {
        await PutAsync("a");
        foreach (var (method, call) in Calls())
        {
            _fake.Faults.Enqueue(new S3Fault(method) { DropsAfter = true });
            await Expect.KindAsync(ErrorKind.Unavailable, call);
        }

        Assert.Empty(_fake.Faults);
    }

    [Fact]
    public async Task A_put_that_never_arrived_is_unavailable_and_left_nothing()
    {
        _fake.Faults.Enqueue(new S3Fault("PUT") { DropsBefore = true });
        var e = await Expect.KindAsync(ErrorKind.Unavailable, () => PutAsync("a", PutCondition.Absent));
        Assert.Contains("may or may not have happened", e.Message, StringComparison.Ordinal);
        Assert.Null(await _store.HeadAsync("a", Never));
    }

    [Fact]
    public async Task A_conditional_put_whose_reply_is_lost_is_unavailable_and_its_own_object_is_never_called_a_conflict_by_the_client()
    {
        _fake.Faults.Enqueue(new S3Fault("PUT") { DropsAfter = true });
        await Expect.KindAsync(ErrorKind.Unavailable, () => PutAsync("a", PutCondition.Absent));
        Assert.Single(_fake.Requests, r => r.Method == "PUT");
        Assert.NotNull(await _store.HeadAsync("a", Never));
        await Expect.KindAsync(ErrorKind.Conflict, () => PutAsync("a", PutCondition.Absent)); // the caller's own second attempt
    }

    [Theory]
    [InlineData(409, "ConditionalRequestConflict", ErrorKind.Unavailable)]
    [InlineData(409, "OperationAborted", ErrorKind.Unavailable)]
    [InlineData(409, "FileAlreadyExists", ErrorKind.Conflict)]
    [InlineData(400, "RequestTimeout", ErrorKind.Unavailable)]
    [InlineData(400, "BadDigest", ErrorKind.Unavailable)]
    [InlineData(412, "PreconditionFailed", ErrorKind.Conflict)]
    [InlineData(404, "NoSuchBucket", ErrorKind.Invalid)]
    [InlineData(400, "EntityTooLarge", ErrorKind.Invalid)]
    [InlineData(400, "ExpiredToken", ErrorKind.Invalid)]
    [InlineData(301, "PermanentRedirect", ErrorKind.Invalid)]
    public async Task A_conditional_put_that_fails_says_what_to_do(int status, string code, ErrorKind expected)
    {
        _fake.Faults.Enqueue(new S3Fault("PUT") { Status = status, Code = code });
        await Expect.KindAsync(expected, () => PutAsync("a", PutCondition.Absent));
    }

    [Fact]
    public async Task Wrong_keys_are_refused_with_everything_but_the_secret()
    {
        foreach (var keys in new[] { new S3Credentials(FakeS3.AccessKey, "a-wrong-secret"), new S3Credentials("nobody", "a-wrong-secret") })
        {
            var options = _fake.Options(S3Profile.Generic) with { Credentials = keys };
            var e = await Expect.KindAsync(ErrorKind.Invalid, async () => await S3ObjectStore.OpenAsync(options, TimeProvider.System, Never));
            Assert.Contains(_fake.Endpoint.Authority, e.Message, StringComparison.Ordinal);
            Assert.Contains($"'{FakeS3.Bucket}'", e.Message, StringComparison.Ordinal);
            Assert.Contains(keys.AccessKeyId, e.Message, StringComparison.Ordinal);
            Assert.DoesNotContain(keys.SecretKey, e.ToString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_refusal_is_never_read_as_absent()
    {
        foreach (var (method, call) in Calls())
        {
            _fake.Faults.Enqueue(new S3Fault(method) { Status = 403, Code = "AccessDenied" });
            await Expect.KindAsync(ErrorKind.Invalid, call);
        }
    }

    [Fact]
    public async Task A_bucket_that_does_not_exist_is_named()
    {
        var e = await Expect.KindAsync(ErrorKind.Invalid, async () => await S3ObjectStore.OpenAsync(_fake.Options(S3Profile.S3) with { Bucket = "elsewhere" }, TimeProvider.System, Never));
        Assert.Contains("bucket 'elsewhere'", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_is_not_there_is_unavailable()
    {
        var address = _fake.Options(S3Profile.Generic);
        await _fake.DisposeAsync();
        await Expect.KindAsync(ErrorKind.Unavailable, async () => await S3ObjectStore.OpenAsync(address, TimeProvider.System, Never));
    }

    [Fact]
    public async Task A_reply_that_does_not_come_in_time_is_unavailable_and_the_put_may_be_there()
    {
        var hold = new S3Fault.Holding();
        _fake.Faults.Enqueue(new S3Fault("PUT") { Hold = hold });
        var put = PutAsync("a");
        await hold.Arrived.Task;
        _time.Advance(_store.Options.TimeoutOf(7));
        var e = await Expect.KindAsync(ErrorKind.Unavailable, () => put);
        Assert.Contains("timed out", e.Message, StringComparison.Ordinal);
        hold.Release.SetResult();
        Assert.NotNull(await _store.HeadAsync("a", Never));
    }

    [Fact]
    public async Task A_caller_that_gives_up_gets_its_own_cancellation()
    {
        using var caller = new CancellationTokenSource();
        var hold = new S3Fault.Holding();
        _fake.Faults.Enqueue(new S3Fault("HEAD") { Hold = hold });
        var head = _store.HeadAsync("a", caller.Token).AsTask();
        await hold.Arrived.Task;
        caller.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => head);
        hold.Release.SetResult();
    }

    [Fact]
    public async Task An_answer_that_breaks_off_or_changed_on_its_way_is_unavailable_and_no_byte_of_it_is_returned()
    {
        await PutAsync("a");
        _fake.Faults.Enqueue(new S3Fault("GET") { CutsAt = 3 });
        await Expect.KindAsync(ErrorKind.Unavailable, () => _store.GetAsync("a", Never).AsTask());
        _fake.Faults.Enqueue(new S3Fault("GET") { FlipsBit = true });
        await Expect.KindAsync(ErrorKind.Unavailable, () => _store.GetAsync("a", Never).AsTask());
        _fake.Faults.Enqueue(new S3Fault("LIST") { CutsAt = 30 });
        await Expect.KindAsync(ErrorKind.Unavailable, async () => await _store.ListAsync("", Never).ToListAsync());
        Assert.Equal(7, (await _store.GetAsync("a", Never)).Length);
    }

    [Fact]
    public async Task A_server_that_ignores_a_range_is_found_out()
    {
        await PutAsync("a");
        _fake.Faults.Enqueue(new S3Fault("GET") { IgnoresRange = true });
        var e = await Expect.KindAsync(ErrorKind.Invalid, () => _store.GetRangeAsync("a", 2, 3, Never).AsTask());
        Assert.Equal(ErrorReason.NotSupported, e.Reason);
    }

    [Fact]
    public async Task The_folder_markers_of_consoles_and_the_objects_beside_the_root_path_are_not_listed()
    {
        await PutAsync("a/b");
        _fake.Place("root/of it/a/", []);
        _fake.Place("root/of it elsewhere/a", []);
        Assert.Equal(["a/b"], (await _store.ListAsync("", Never).ToListAsync()).Select(o => o.Key));
    }

    private IEnumerable<(string Method, Func<Task> Call)> Calls() =>
    [
        ("PUT", () => PutAsync("a")),
        ("GET", () => _store.GetAsync("a", Never).AsTask()),
        ("GET", () => _store.GetRangeAsync("a", 1, 2, Never).AsTask()),
        ("HEAD", () => _store.HeadAsync("a", Never).AsTask()),
        ("LIST", async () => await _store.ListAsync("", Never).ToListAsync()),
        ("DELETE", () => _store.DeleteAsync("a", Never).AsTask()),
    ];

    private Task<ObjectInfo> PutAsync(string key, PutCondition? condition = null) =>
        _store.PutAsync(key, new ReadOnlySequence<byte>("content"u8.ToArray()), condition ?? PutCondition.Always, Never).AsTask();
}
