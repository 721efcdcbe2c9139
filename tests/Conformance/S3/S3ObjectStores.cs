using MiniMilvus.Conformance.Objects;
using MiniMilvus.Conformance.Woodpecker;
using MiniMilvus.Core.Events;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Storage.S3;
using MiniMilvus.Woodpecker;

namespace MiniMilvus.Conformance.S3;

public sealed class S3ObjectStoreOnFakeTests : ObjectStoreConformance
{
    private FakeS3 _fake = null!;

    protected override async ValueTask<IObjectStore> OpenAsync()
    {
        _fake = (await FakeS3.StartAsync()).As(S3Profile.S3);
        return await S3ObjectStore.OpenAsync(_fake.Options(S3Profile.S3), TimeProvider.System, CancellationToken.None);
    }

    protected override ValueTask CloseAsync() => _fake.DisposeAsync();
}

public sealed class MinioObjectStoreOnFakeTests : ObjectStoreConformance
{
    private FakeS3 _fake = null!;

    protected override async ValueTask<IObjectStore> OpenAsync()
    {
        _fake = (await FakeS3.StartAsync()).As(S3Profile.Minio);
        return await S3ObjectStore.OpenAsync(_fake.Options(S3Profile.Minio) with { ListPageKeys = 2 }, TimeProvider.System, CancellationToken.None);
    }

    protected override ValueTask CloseAsync() => _fake.DisposeAsync();
}

public sealed class S3WoodpeckerOnFakeTests : WoodpeckerConformance
{
    private FakeS3 _fake = null!;
    private S3ObjectStore _objects = null!;

    public override async Task InitializeAsync()
    {
        await base.InitializeAsync();
        _fake = (await FakeS3.StartAsync()).As(S3Profile.Oss);
        _objects = await S3ObjectStore.OpenAsync(_fake.Options(S3Profile.Oss), TimeProvider.System, CancellationToken.None);
    }

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        _objects.Dispose();
        await _fake.DisposeAsync();
    }

    protected override IWoodpecker Create(WoodpeckerOptions options, IStationSink stations, string writerId) =>
        new ObjectWoodpecker(_objects, LogMeta, options, Time, stations, writerId);
}
