using System.Buffers;
using Amazon.Runtime;
using MiniMilvus.Conformance.Support;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Storage.S3;

namespace MiniMilvus.Conformance.S3;

/// <summary>Each profile against a server that honours, rejects or ignores its condition; and what a profile sets.</summary>
public sealed class S3ProfileTests : IAsyncLifetime
{
    private static readonly CancellationToken Never = CancellationToken.None;
    private FakeS3 _fake = null!;

    public static TheoryData<string> Profiles => [.. S3Profile.All.Select(p => p.Name)];

    public static TheoryData<string, OnCondition> ProfilesAndServers
    {
        get
        {
            var all = new TheoryData<string, OnCondition>();
            foreach (var profile in S3Profile.All)
            {
                foreach (var server in Enum.GetValues<OnCondition>())
                {
                    all.Add(profile.Name, server);
                }
            }

            return all;
        }
    }

    public async Task InitializeAsync() => _fake = await FakeS3.StartAsync();

    public Task DisposeAsync() => _fake.DisposeAsync().AsTask();

    [Theory]
    [MemberData(nameof(ProfilesAndServers))]
    public async Task A_condition_reaches_the_server_signed_and_does_what_the_server_makes_of_it(string name, OnCondition server)
    {
        var profile = S3Profile.Parse(name);
        _fake.Conditions[profile.IfAbsent.Key] = server;
        using var store = await S3ObjectStore.OpenAsync(_fake.Options(profile), TimeProvider.System, Never);
        if (server == OnCondition.Rejects)
        {
            var e = await Expect.KindAsync(ErrorKind.Invalid, () => PutAsync(store, "1", PutCondition.Absent));
            Assert.Equal(ErrorReason.NotSupported, e.Reason);
            Assert.Null(await store.HeadAsync("key", Never));
        }
        else
        {
            await PutAsync(store, "1", PutCondition.Absent);
            if (server == OnCondition.Honours)
            {
                await Expect.KindAsync(ErrorKind.Conflict, () => PutAsync(store, "2", PutCondition.Absent));
            }
            else
            {
                await PutAsync(store, "2", PutCondition.Absent);
            }
        }

        var put = _fake.Requests.First(r => r.Method == "PUT");
        Assert.Equal("root/of it/key", put.Key);
        Assert.Contains(profile.IfAbsent.Key.ToLowerInvariant(), put.SignedHeaders.Split(';'));
        await PutAsync(store, "3", PutCondition.Always); // without the condition nobody objects
    }

    [Theory]
    [MemberData(nameof(Profiles))]
    public async Task Every_profile_reads_lists_and_deletes(string name)
    {
        using var store = await S3ObjectStore.OpenAsync(_fake.Options(S3Profile.Parse(name)), TimeProvider.System, Never);
        var put = await PutAsync(store, "content", PutCondition.Always);
        Assert.Equal("content"u8.ToArray(), (await store.GetAsync("key", Never)).ToArray());
        Assert.Equal("nt"u8.ToArray(), (await store.GetRangeAsync("key", 5, 99, Never)).ToArray());
        Assert.Equal(put, await store.HeadAsync("key", Never));
        Assert.Equal(put, Assert.Single(await store.ListAsync("k", Never).ToListAsync()));
        await store.DeleteAsync("key", Never);
        Assert.Null(await store.HeadAsync("key", Never));
    }

    [Theory]
    [InlineData("gcs")]
    [InlineData("oss")]
    public async Task A_put_bound_to_an_etag_is_refused_where_no_header_says_it(string name)
    {
        using var store = await S3ObjectStore.OpenAsync(_fake.Options(S3Profile.Parse(name)), TimeProvider.System, Never);
        var e = await Expect.KindAsync(ErrorKind.Invalid, () => PutAsync(store, "1", new PutCondition.IfMatch("abc")));
        Assert.Equal(ErrorReason.NotSupported, e.Reason);
        Assert.DoesNotContain(_fake.Requests, r => r.Method == "PUT");
    }

    [Fact]
    public async Task A_wrong_google_key_is_refused()
    {
        var options = _fake.Options(S3Profile.Gcs) with { Credentials = new S3Credentials(FakeS3.AccessKey, "wrong") };
        var e = await Expect.KindAsync(ErrorKind.Invalid, async () => await S3ObjectStore.OpenAsync(options, TimeProvider.System, Never));
        Assert.Contains("SignatureDoesNotMatch", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_is_tried_again_behind_the_callers_back_and_checksums_and_addresses_follow_the_profile()
    {
        foreach (var profile in S3Profile.All)
        {
            var config = S3Client.Configure(_fake.Options(profile));
            Assert.Equal((0, 0), (config.MaxErrorRetry, config.MaxStaleConnectionRetries));
            Assert.Equal(profile != S3Profile.S3 && profile != S3Profile.Oss, config.ForcePathStyle);
            Assert.Equal(profile == S3Profile.S3, config.RequestChecksumCalculation == RequestChecksumCalculation.WHEN_SUPPORTED);
            Assert.Equal(profile == S3Profile.S3, config.ResponseChecksumValidation == ResponseChecksumValidation.WHEN_SUPPORTED);
        }

        Assert.Equal("https://storage.googleapis.com", S3Client.Configure(_fake.Options(S3Profile.Gcs) with { Endpoint = null }).ServiceURL.TrimEnd('/'));
        Assert.Equal("eu-west-1", S3Client.Configure(_fake.Options(S3Profile.S3) with { Endpoint = null, Region = "eu-west-1" }).RegionEndpoint.SystemName);
    }

    [Fact]
    public async Task A_bucket_is_created_where_the_options_say_so()
    {
        var options = _fake.Options(S3Profile.Minio) with { Bucket = "another" };
        await Expect.KindAsync(ErrorKind.Invalid, async () => await S3ObjectStore.OpenAsync(options, TimeProvider.System, Never));
        using var store = await S3ObjectStore.OpenAsync(options with { CreatesBucket = true }, TimeProvider.System, Never);
        await PutAsync(store, "1", PutCondition.Always);
    }

    public static TheoryData<string, S3Options> BadOptions
    {
        get
        {
            var good = new S3Options { Profile = S3Profile.Generic, Bucket = "bucket", Endpoint = new Uri("http://127.0.0.1:1") };
            return new()
            {
                { "Bucket", good with { Bucket = "" } },
                { "Bucket", good with { Bucket = "Upper" } },
                { "Endpoint", good with { Endpoint = null } },
                { "Endpoint", good with { Endpoint = new Uri("ftp://127.0.0.1") } },
                { "Endpoint", good with { Endpoint = new Uri("http://127.0.0.1/path") } },
                { "Endpoint", good with { Endpoint = new Uri("http://user:pass-word@127.0.0.1") } },
                { "Region", good with { Profile = S3Profile.S3, Endpoint = null } },
                { "Credentials", good with { Credentials = new S3Credentials("id", "") } },
                { "Credentials", good with { Profile = S3Profile.Gcs } },
                { "RequestTimeout", good with { RequestTimeout = TimeSpan.Zero } },
                { "ConnectTimeout", good with { ConnectTimeout = TimeSpan.Zero } },
                { "BytesPerSecondMin", good with { BytesPerSecondMin = 0 } },
                { "ConnectionsMax", good with { ConnectionsMax = 0 } },
                { "ListPageKeys", good with { ListPageKeys = 1001 } },
                { "RootPath", good with { RootPath = "/absolute" } },
            };
        }
    }

    [Theory]
    [MemberData(nameof(BadOptions))]
    public void A_bad_setting_is_named(string setting, S3Options options)
    {
        var e = Expect.Kind(ErrorKind.Invalid, () => options.Validate());
        Assert.Contains(setting, e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("pass-word", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_profile_is_found_by_its_name()
    {
        Assert.Same(S3Profile.Oss, S3Profile.Parse("OSS"));
        Assert.Contains("s3, minio, gcs, oss, generic", Expect.Kind(ErrorKind.Invalid, () => S3Profile.Parse("azure")).Message, StringComparison.Ordinal);
    }

    private static Task<ObjectInfo> PutAsync(S3ObjectStore store, string content, PutCondition condition) =>
        store.PutAsync("key", new ReadOnlySequence<byte>(System.Text.Encoding.UTF8.GetBytes(content)), condition, Never).AsTask();
}
