using System.Buffers;
using MiniMilvus.Conformance.Support;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Storage.Objects;

namespace MiniMilvus.Storage.Tests.Objects;

public sealed class LocalObjectStoreTests
{
    private static CancellationToken None => CancellationToken.None;

    private static ReadOnlySequence<byte> Content(byte value) => new(Enumerable.Repeat(value, 3000).ToArray());

    [Theory]
    [InlineData("cut")]
    [InlineData("cut-after")]
    [InlineData("torn-cut")]
    [InlineData("fail-before")]
    [InlineData("fail-after")]
    public void Stopped_at_any_step_a_put_leaves_the_old_object_or_the_new_one_whole(string fault)
    {
        for (var at = 1; at <= 40; at++)
        {
            Pump.Run(() => RunAsync(at));
        }

        async Task RunAsync(int at)
        {
            var disk = new SimulatedDisk(TimeProvider.System, at);
            disk.OnStep = step => step.Number == at
                ? fault switch
                {
                    "cut" => new DiskFault.Cut(),
                    "cut-after" => new DiskFault.CutAfter(),
                    "torn-cut" => new DiskFault.Torn(1000, true),
                    "fail-before" => new DiskFault.FailBefore(),
                    _ => new DiskFault.FailAfter(),
                }
                : null;
            var acked = 0;
            try
            {
                var store = await LocalObjectStore.OpenAsync(disk.Mount(), "o", None);
                for (byte i = 1; i <= 4; i++)
                {
                    await store.PutAsync("a/b", Content(i), PutCondition.Always, None);
                    acked = i;
                }
            }
            catch (MiniMilvusException e) when (e.Kind == ErrorKind.Unavailable)
            {
                // The put that was struck may or may not have happened.
            }

            disk.OnStep = null;
            disk.PowerCut(at);
            var mount = disk.Mount();
            var again = await LocalObjectStore.OpenAsync(mount, "o", None);
            Assert.Empty(await mount.ListFilesAsync("o/.staging", None));
            if (acked == 0 && await again.HeadAsync("a/b", None) is null)
            {
                return;
            }

            var found = (await again.GetAsync("a/b", None)).ToArray();
            Assert.Equal(3000, found.Length);
            Assert.InRange(found[0], acked, acked + 1);
            Assert.Equal(-1, found.AsSpan().IndexOfAnyExcept(found[0]));
        }
    }

    [Fact]
    public async Task Damage_anywhere_in_an_object_is_found_and_a_new_put_repairs_it()
    {
        for (var at = 0; at < 3032; at += 97)
        {
            var disk = new SimulatedDisk(TimeProvider.System, 1);
            var store = await LocalObjectStore.OpenAsync(disk.Mount(), "", None);
            await store.PutAsync("a", Content(1), PutCondition.Always, None);
            disk.Damage("a", at, 0x80);
            var e = await Expect.KindAsync(ErrorKind.Corrupted, async () => await store.GetAsync("a", None));
            Assert.Contains("'a'", e.Message, StringComparison.Ordinal);
            e = await Expect.KindAsync(ErrorKind.Corrupted, async () => await store.ViewAsync("a", None));
            Assert.Contains("'a'", e.Message, StringComparison.Ordinal);
            await store.PutAsync("a", Content(2), PutCondition.Always, None);
            Assert.Equal(2, (await store.GetAsync("a", None)).Span[0]);
        }
    }

    [Theory, InlineData(3005), InlineData(100)]
    public async Task A_damaged_object_is_listed_and_can_be_deleted(long at)
    {
        var disk = new SimulatedDisk(TimeProvider.System, 1);
        var store = await LocalObjectStore.OpenAsync(disk.Mount(), "", None);
        foreach (var key in new[] { "f/a", "f/b", "f/c" })
        {
            await store.PutAsync(key, Content(1), PutCondition.Always, None);
        }

        disk.Damage("f/b", at, 0x80);
        Assert.Equal(["f/a", "f/b", "f/c"], await KeysAsync());
        await Expect.KindAsync(ErrorKind.Corrupted, async () => await store.GetAsync("f/b", None));
        await store.DeleteAsync("f/b", None);
        Assert.Equal(["f/a", "f/c"], await KeysAsync());

        async Task<List<string>> KeysAsync()
        {
            var keys = new List<string>();
            await foreach (var info in store.ListAsync("f/", None))
            {
                keys.Add(info.Key);
            }

            return keys;
        }
    }

    [Fact]
    public async Task An_error_of_the_disk_is_never_read_as_absent()
    {
        var disk = new SimulatedDisk(TimeProvider.System, 1);
        var store = await LocalObjectStore.OpenAsync(disk.Mount(), "", None);
        await store.PutAsync("a", Content(1), PutCondition.Always, None);
        disk.OnStep = static _ => new DiskFault.FailBefore();
        await Expect.KindAsync(ErrorKind.Unavailable, async () => await store.HeadAsync("a", None));
        await Expect.KindAsync(ErrorKind.Unavailable, async () => await store.GetAsync("a", None));
        await Expect.KindAsync(ErrorKind.Unavailable, async () => await store.PutAsync("a", Content(2), PutCondition.Absent, None));
    }

    [Fact]
    public async Task A_full_disk_is_unavailable_with_its_reason_and_leaves_no_litter()
    {
        var disk = new SimulatedDisk(TimeProvider.System, 1, capacityBytes: 5000);
        var mount = disk.Mount();
        var store = await LocalObjectStore.OpenAsync(mount, "", None);
        await store.PutAsync("a", Content(1), PutCondition.Always, None);
        var e = await Expect.KindAsync(ErrorKind.Unavailable, async () => await store.PutAsync("b", Content(2), PutCondition.Always, None));
        Assert.Equal(ErrorReason.DiskFull, e.Reason);
        Assert.Empty(await mount.ListFilesAsync(".staging", None));
        Assert.Equal(3032, disk.Mount().Space().TotalBytes - disk.Mount().Space().FreeBytes);
    }
}
