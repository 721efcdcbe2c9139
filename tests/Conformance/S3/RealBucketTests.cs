using MiniMilvus.Conformance.Objects;
using MiniMilvus.Conformance.Support;
using MiniMilvus.Conformance.Tools;
using MiniMilvus.Conformance.Woodpecker;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Events;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Storage.S3;
using MiniMilvus.Woodpecker;

namespace MiniMilvus.Conformance.S3;

[NeedsTool("radosgw", Unless = TestBucket.Variable)]
[Collection(TestBucketTests.Name)]
public sealed class RealBucketObjectStoreTests(TestBucket bucket) : ObjectStoreConformance
{
    protected override async ValueTask<IObjectStore> OpenAsync() => await S3ObjectStore.OpenAsync(await bucket.OptionsAsync() with { ListPageKeys = 3 }, TimeProvider.System, CancellationToken.None);

    protected override async ValueTask CloseAsync()
    {
        await TestBucket.CleanAsync(Store);
        ((S3ObjectStore)Store).Dispose();
    }
}

[NeedsTool("radosgw", Unless = TestBucket.Variable)]
[Collection(TestBucketTests.Name)]
public sealed class RealBucketWoodpeckerTests(TestBucket bucket) : WoodpeckerConformance
{
    private S3ObjectStore _objects = null!;

    public override async Task InitializeAsync()
    {
        await base.InitializeAsync();
        _objects = await S3ObjectStore.OpenAsync(await bucket.OptionsAsync(), TimeProvider.System, CancellationToken.None);
    }

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        await TestBucket.CleanAsync(_objects);
        _objects.Dispose();
    }

    protected override IWoodpecker Create(WoodpeckerOptions options, IStationSink stations, string writerId) =>
        new ObjectWoodpecker(_objects, LogMeta, options, Time, stations, writerId);
}

/// <summary>What only a real server can say.</summary>
[NeedsTool("radosgw", Unless = TestBucket.Variable)]
[Collection(TestBucketTests.Name)]
public sealed class RealBucketProbeTests(TestBucket bucket)
{
    private static readonly CancellationToken Never = CancellationToken.None;

    [Fact]
    public async Task The_bucket_honours_the_condition_of_its_profile_and_shows_what_was_written()
    {
        using var store = await S3ObjectStore.OpenAsync(await bucket.OptionsAsync(), TimeProvider.System, Never);
        var found = (await new ConditionalPutProbe(store, new Random()).RunAsync(Never)).RequireSafe();
        Assert.Equal(ConditionalPuts.Honoured, found.ConditionalPuts);
        Assert.Empty(await store.ListAsync("", Never).ToListAsync());
    }

    [Fact]
    public async Task A_header_that_the_server_has_not_heard_of_is_found_to_be_ignored()
    {
        var options = await bucket.OptionsAsync();
        if (options.Profile.Name is not ("generic" or "minio" or "s3"))
        {
            return; // a server that may know it
        }

        var asOss = options with { Profile = S3Profile.Oss, Region = options.Region ?? "us-east-1", PathStyle = options.PathStyle ?? options.Profile.PathStyle };
        using var store = await S3ObjectStore.OpenAsync(asOss, TimeProvider.System, Never);
        var found = await new ConditionalPutProbe(store, new Random()).RunAsync(Never);
        Assert.Contains("x-oss-forbid-overwrite", Expect.Kind(ErrorKind.Invalid, () => found.RequireSafe()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wrong_secret_is_refused_and_named()
    {
        var options = await bucket.OptionsAsync() with { Credentials = new S3Credentials("test-access", "not-the-secret") };
        var e = await Expect.KindAsync(ErrorKind.Invalid, async () => await S3ObjectStore.OpenAsync(options, TimeProvider.System, Never));
        Assert.Contains("test-access", e.Message, StringComparison.Ordinal);
        Assert.Contains(options.Bucket, e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("not-the-secret", e.ToString(), StringComparison.Ordinal);
    }
}

public sealed class TestBucketParsingTests
{
    [Fact]
    public void A_bucket_is_described_in_one_line()
    {
        var options = TestBucket.Parse("profile=minio;endpoint=http://127.0.0.1:9000;bucket=tests;accessKey=id;secretKey=a=b;rootPath=r;createBucket=true;pathStyle=false");
        Assert.Equal(("minio", "tests", "http://127.0.0.1:9000/", "r", true, false), (options.Profile.Name, options.Bucket, options.Endpoint!.ToString(), options.RootPath, options.CreatesBucket, options.PathStyle));
        Assert.Equal(new S3Credentials("id", "a=b"), options.Credentials);
        Assert.Null(TestBucket.Parse("profile=s3;region=eu-west-1;bucket=tests").Credentials);
        foreach (var bad in new[] { "bucket=tests", "profile=s3;region=a;bucket=tests;sekret=1", "profile=s3;bucket" })
        {
            Assert.Throws<FormatException>(() => TestBucket.Parse(bad));
        }
    }
}
