using System.Buffers;
using MiniMilvus.Conformance.Support;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Storage.Objects;

namespace MiniMilvus.Storage.Tests.Disk;

/// <summary>Real files, mapped.</summary>
public sealed class FileViewTests : IDisposable
{
    private static readonly byte[] s_content = [.. Enumerable.Range(0, 3_000_000).Select(i => (byte)(i * 31))];
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Delete();

    [Fact]
    public async Task An_object_is_mapped_whole_and_stays_as_it_was_when_its_key_is_put_again_or_deleted()
    {
        var store = await OpenAsync();
        using var view = await store.ViewAsync("a", default);
        Assert.Equal(!OperatingSystem.IsWindows(), view.IsMapped);
        await store.PutAsync("a", new ReadOnlySequence<byte>(new byte[] { 1 }), PutCondition.Always, default);
        using (var second = await store.ViewAsync("a", default))
        {
            Assert.Equal([1], second.Bytes.ToArray());
        }

        await store.DeleteAsync("a", default);
        Assert.True(view.Bytes.Span.SequenceEqual(s_content));
    }

    [Fact]
    public async Task Bytes_that_are_pinned_stay_mapped_although_the_view_is_gone_and_unpinned_ones_cannot_be_reached()
    {
        var view = await (await OpenAsync()).ViewAsync("a", default);
        var pin = view.Bytes[64..].Pin();
        view.Dispose();
        Assert.True(Same(pin));
        if (view.IsMapped)
        {
            Assert.Throws<ObjectDisposedException>(() => view.Bytes.Span.Length);
        }

        pin.Dispose();
        if (OperatingSystem.IsLinux())
        {
            Assert.DoesNotContain(await File.ReadAllLinesAsync("/proc/self/maps"), line => line.Contains(_folder.Path, StringComparison.Ordinal));
        }
    }

    private static unsafe bool Same(MemoryHandle pin) => new ReadOnlySpan<byte>(pin.Pointer, s_content.Length - 64).SequenceEqual(s_content.AsSpan(64));

    private async Task<LocalObjectStore> OpenAsync()
    {
        var store = await LocalObjectStore.OpenAsync(new RealDisk(_folder.Path), "objects", default);
        await store.PutAsync("a", new ReadOnlySequence<byte>(s_content), PutCondition.Always, default);
        return store;
    }
}
