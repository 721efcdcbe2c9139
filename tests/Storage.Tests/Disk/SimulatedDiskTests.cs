using MiniMilvus.Conformance.Support;
using MiniMilvus.Storage.Disk;

namespace MiniMilvus.Storage.Tests.Disk;

/// <summary>The injector itself: what it must lose, keep, tear, refuse and count.</summary>
public sealed class SimulatedDiskTests
{
    private static CancellationToken None => CancellationToken.None;

    private static async Task<IDiskFile> CreateAsync(IDisk disk, string path, byte[]? durable = null)
    {
        var file = await disk.OpenAsync(path, DiskOpenMode.CreateNew, None);
        await file.WriteAtAsync(0, durable ?? [], None);
        await file.FlushAsync(None);
        await disk.FlushDirectoryAsync("", None);
        return file;
    }

    private static async Task<byte[]> ReadAsync(SimulatedDisk disk, string path)
    {
        var file = await disk.Mount().OpenAsync(path, DiskOpenMode.Read, None);
        var bytes = new byte[file.Length];
        await file.ReadAtAsync(0, bytes, None);
        return bytes;
    }

    [Fact]
    public async Task A_write_without_a_flush_can_be_lost_kept_and_torn_and_a_flushed_one_never()
    {
        var (lost, kept, torn) = (0, 0, 0);
        for (var seed = 0; seed < 60; seed++)
        {
            var disk = new SimulatedDisk(TimeProvider.System, 1);
            var file = await CreateAsync(disk.Mount(), "a", [.. Enumerable.Repeat((byte)1, 2048)]);
            await file.WriteAtAsync(2048, Enumerable.Repeat((byte)2, 4096).ToArray(), None);
            disk.PowerCut(seed);
            var bytes = await ReadAsync(disk, "a");
            Assert.Equal(-1, bytes.AsSpan(0, 2048).IndexOfAnyExcept((byte)1));
            for (var at = 2048; at < bytes.Length; at += SimulatedFile.SectorBytes)
            {
                var sector = bytes.AsSpan(at, Math.Min(SimulatedFile.SectorBytes, bytes.Length - at));
                Assert.True(sector.IndexOfAnyExcept((byte)2) < 0 || sector.IndexOfAnyExcept((byte)0) < 0, "a sector is whole or not there");
            }

            var survived = bytes.AsSpan(2048).Count((byte)2);
            (lost, kept, torn) = (lost + (survived == 0 ? 1 : 0), kept + (survived == 4096 ? 1 : 0), torn + (survived is > 0 and < 4096 ? 1 : 0));
        }

        Assert.True(lost > 0 && kept > 0 && torn > 0, $"lost {lost}, kept {kept}, torn {torn}");
    }

    [Fact]
    public async Task Unsynced_writes_survive_out_of_order()
    {
        var reordered = false;
        for (var seed = 0; seed < 60 && !reordered; seed++)
        {
            var disk = new SimulatedDisk(TimeProvider.System, 1);
            var file = await CreateAsync(disk.Mount(), "a", new byte[1024]);
            await file.WriteAtAsync(0, new byte[] { 1 }, None);
            await file.WriteAtAsync(512, new byte[] { 2 }, None);
            disk.PowerCut(seed);
            var bytes = await ReadAsync(disk, "a");
            reordered = bytes[0] == 0 && bytes[512] == 2;
        }

        Assert.True(reordered);
    }

    [Fact]
    public async Task A_name_without_a_directory_flush_can_be_lost_and_a_flushed_one_never()
    {
        var survivors = new HashSet<string>();
        for (var seed = 0; seed < 80; seed++)
        {
            var disk = new SimulatedDisk(TimeProvider.System, 1);
            var mount = disk.Mount();
            await CreateAsync(mount, "old", [1]);
            await CreateAsync(mount, "new", [2]);
            await CreateAsync(mount, "gone", [3]);
            await mount.RenameAsync("new", "old", None);
            await mount.DeleteFileAsync("gone", None);
            await (await mount.OpenAsync("created", DiskOpenMode.CreateNew, None)).FlushAsync(None);
            disk.PowerCut(seed);
            var names = await disk.Mount().ListFilesAsync("", None);
            Assert.Contains("old", names);
            Assert.Equal(names.Contains("new") ? 1 : 2, (await ReadAsync(disk, "old"))[0]);
            survivors.Add(string.Join(',', names));
        }

        Assert.Equal(8, survivors.Count);
    }

    [Fact]
    public async Task A_flush_that_failed_is_not_made_good_by_a_second_one()
    {
        var disk = new SimulatedDisk(TimeProvider.System, 1);
        var file = await CreateAsync(disk.Mount(), "a", [1]);
        await file.WriteAtAsync(0, new byte[] { 2 }, None);
        disk.OnStep = static step => step.Kind == DiskStepKind.Flush ? new DiskFault.FailBefore() : null;
        await Assert.ThrowsAsync<IOException>(async () => await file.FlushAsync(None));
        disk.OnStep = null;
        await file.WriteAtAsync(1, new byte[] { 3 }, None);
        await file.FlushAsync(None);
        Assert.Equal([2, 3], await ReadAsync(disk, "a"));
        disk.PowerCut(1);
        Assert.Equal([1, 3], await ReadAsync(disk, "a"));
    }

    [Fact]
    public async Task A_flush_that_failed_forgets_what_it_should_have_saved()
    {
        var disk = new SimulatedDisk(TimeProvider.System, 1);
        var file = await CreateAsync(disk.Mount(), "a", [1]);
        await file.WriteAtAsync(0, new byte[] { 2 }, None);
        disk.OnStep = static step => step.Kind == DiskStepKind.Flush ? new DiskFault.FailBefore() : null;
        await Assert.ThrowsAsync<IOException>(async () => await file.FlushAsync(None));
        disk.PowerCut(1);
        Assert.Equal([1], await ReadAsync(disk, "a"));
    }

    [Fact]
    public async Task Each_fault_does_what_it_says_and_is_counted()
    {
        DiskFault? next = null;
        var time = new ManualTime();
        var disk = new SimulatedDisk(time, 1) { OnStep = step => step.Kind == DiskStepKind.Write ? next : null };
        var file = await CreateAsync(disk.Mount(), "a", []);

        next = new DiskFault.FailBefore();
        await Assert.ThrowsAsync<IOException>(async () => await file.WriteAtAsync(0, new byte[] { 1 }, None));
        Assert.Equal(0, file.Length);

        next = new DiskFault.FailAfter();
        await Assert.ThrowsAsync<IOException>(async () => await file.WriteAtAsync(0, new byte[] { 1 }, None));
        Assert.Equal(1, file.Length);

        next = new DiskFault.NoSpace();
        Assert.True(DiskErrors.IsNoSpace(await Assert.ThrowsAsync<IOException>(async () => await file.WriteAtAsync(1, new byte[] { 1 }, None))));

        next = new DiskFault.Torn(2, ThenCut: false);
        await Assert.ThrowsAsync<IOException>(async () => await file.WriteAtAsync(1, new byte[] { 1, 2, 3, 4 }, None));
        Assert.Equal(3, file.Length);

        next = new DiskFault.Slow(TimeSpan.FromSeconds(1));
        var slow = file.WriteAtAsync(3, new byte[] { 1 }, None).AsTask();
        Assert.False(slow.IsCompleted);
        time.Advance(TimeSpan.FromSeconds(1));
        await slow;
        Assert.Equal(4, file.Length);

        var release = new TaskCompletionSource();
        next = new DiskFault.Held(release.Task);
        var held = file.WriteAtAsync(4, new byte[] { 1 }, None).AsTask();
        Assert.Equal(4, file.Length);
        Assert.False(held.IsCompleted);
        release.SetResult();
        await held;
        Assert.Equal(5, file.Length);

        next = new DiskFault.CutAfter();
        await Assert.ThrowsAsync<PowerCutException>(async () => await file.WriteAtAsync(4, new byte[] { 1 }, None));
        Assert.Throws<PowerCutException>(() => file.Length);

        next = new DiskFault.Cut();
        var again = await disk.Mount().OpenAsync("a", DiskOpenMode.ReadWrite, None);
        await Assert.ThrowsAsync<PowerCutException>(async () => await again.WriteAtAsync(4, new byte[] { 1 }, None));
        Assert.Equal(["Cut", "CutAfter", "FailAfter", "FailBefore", "Held", "NoSpace", "Slow", "Torn"], disk.Faults.Keys.Select(k => k.Fault));
        Assert.All(disk.Faults, f => Assert.Equal((DiskStepKind.Write, 1), (f.Key.Kind, f.Value)));
    }

    [Fact]
    public async Task After_a_cut_every_call_of_the_old_mount_fails_and_a_kill_loses_nothing()
    {
        var disk = new SimulatedDisk(TimeProvider.System, 1);
        var mount = disk.Mount();
        var file = await CreateAsync(mount, "a", [1]);
        await file.WriteAtAsync(0, new byte[] { 2 }, None);
        disk.Kill();
        await Assert.ThrowsAsync<PowerCutException>(async () => await file.WriteAtAsync(0, new byte[] { 3 }, None));
        await Assert.ThrowsAsync<PowerCutException>(async () => await file.FlushAsync(None));
        await Assert.ThrowsAsync<PowerCutException>(async () => await mount.OpenAsync("a", DiskOpenMode.Read, None));
        await Assert.ThrowsAsync<PowerCutException>(async () => await mount.DeleteFileAsync("a", None));
        Assert.Equal([2], await ReadAsync(disk, "a"));
    }

    [Fact]
    public async Task A_full_disk_refuses_growth_and_gives_space_back_after_a_delete()
    {
        var disk = new SimulatedDisk(TimeProvider.System, 1, capacityBytes: 1000);
        var mount = disk.Mount();
        var file = await CreateAsync(mount, "a", new byte[900]);
        var full = await Assert.ThrowsAsync<IOException>(async () => await file.WriteAtAsync(900, new byte[101], None));
        Assert.True(DiskErrors.IsNoSpace(full));
        await file.WriteAtAsync(0, new byte[900], None);
        await mount.DeleteFileAsync("a", None);
        Assert.Equal((1000, 1000), mount.Space());
        await CreateAsync(mount, "b", new byte[1000]);
    }

    [Fact]
    public void One_seed_gives_one_medium()
    {
        Assert.Equal(Medium(7), Medium(7));
        Assert.InRange(Enumerable.Range(0, 10).Select(Medium).Distinct().Count(), 5, 10);

        static string Medium(int cut)
        {
            var text = "";
            Pump.Run(async () =>
            {
                var disk = new SimulatedDisk(TimeProvider.System, 5);
                var mount = disk.Mount();
                for (var i = 0; i < 20; i++)
                {
                    var file = await mount.OpenAsync($"f{i}", DiskOpenMode.CreateNew, None);
                    await file.WriteAtAsync(0, Enumerable.Repeat((byte)i, 3000).ToArray(), None);
                }

                disk.PowerCut(cut);
                foreach (var name in await disk.Mount().ListFilesAsync("", None))
                {
                    text += $"{name}:{Convert.ToHexString(await ReadAsync(disk, name))};";
                }
            });
            return text;
        }
    }
}
