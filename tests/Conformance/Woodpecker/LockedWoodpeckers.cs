using System.Buffers;
using MiniMilvus.Conformance.S3;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Events;
using MiniMilvus.Storage.Objects;
using MiniMilvus.Storage.S3;
using MiniMilvus.Woodpecker;

namespace MiniMilvus.Conformance.Woodpecker;

/// <summary>A store that answers "not supported" to every condition.</summary>
internal sealed class UnconditionalObjects(IObjectStore inner) : IObjectStore
{
    public ValueTask<ObjectInfo> PutAsync(string key, ReadOnlySequence<byte> content, PutCondition condition, CancellationToken ct) => condition is PutCondition.None
        ? inner.PutAsync(key, content, condition, ct)
        : throw MiniMilvusException.Invalid(ErrorReason.NotSupported, $"put of {key}: 501");

    public ValueTask<ReadOnlyMemory<byte>> GetAsync(string key, CancellationToken ct) => inner.GetAsync(key, ct);

    public ValueTask<ReadOnlyMemory<byte>> GetRangeAsync(string key, long offset, long bytes, CancellationToken ct) => inner.GetRangeAsync(key, offset, bytes, ct);

    public ValueTask<ObjectInfo?> HeadAsync(string key, CancellationToken ct) => inner.HeadAsync(key, ct);

    public IAsyncEnumerable<ObjectInfo> ListAsync(string prefix, CancellationToken ct) => inner.ListAsync(prefix, ct);

    public ValueTask DeleteAsync(string key, CancellationToken ct) => inner.DeleteAsync(key, ct);
}

public sealed class LockedMemoryWoodpeckerTests : WoodpeckerConformance
{
    private readonly UnconditionalObjects _objects = new(new MemoryObjectStore());

    protected override IWoodpecker Create(WoodpeckerOptions options, IStationSink stations, string writerId) =>
        new ObjectWoodpecker(_objects, LogMeta, options, Time, stations, writerId, ObjectFence.Lock);
}

public sealed class LockedDisorderlyWoodpeckerTests : WoodpeckerConformance
{
    private readonly DisorderlyObjects _objects = new(new UnconditionalObjects(new MemoryObjectStore()), seed: 11, lostReplies: 0.1, failures: 0.05);

    protected override IWoodpecker Create(WoodpeckerOptions options, IStationSink stations, string writerId) =>
        new ObjectWoodpecker(_objects, LogMeta, options with { ObjectAttemptsMax = 50 }, Time, stations, writerId, ObjectFence.Lock);
}

/// <summary>A server that answers 501, and the probe's own word for what follows.</summary>
public sealed class LockedS3WoodpeckerOnFakeTests : WoodpeckerConformance
{
    private FakeS3 _fake = null!;
    private S3ObjectStore _objects = null!;
    private ObjectFence _fence;

    public override async Task InitializeAsync()
    {
        await base.InitializeAsync();
        _fake = await FakeS3.StartAsync();
        _fake.Conditions[S3Profile.Generic.IfAbsent.Key] = OnCondition.Rejects;
        _objects = await S3ObjectStore.OpenAsync(_fake.Options(S3Profile.Generic), TimeProvider.System, CancellationToken.None);
        _fence = await ObjectFences.DecideAsync(Meta, await new ConditionalPutProbe(_objects, new Random(1)).RunAsync(CancellationToken.None), CancellationToken.None);
        Assert.Equal(ObjectFence.Lock, _fence);
    }

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        _objects.Dispose();
        await _fake.DisposeAsync();
    }

    protected override IWoodpecker Create(WoodpeckerOptions options, IStationSink stations, string writerId) =>
        new ObjectWoodpecker(_objects, LogMeta, options, Time, stations, writerId, _fence);
}
