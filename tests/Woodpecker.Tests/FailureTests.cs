using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Woodpecker.Blocks;

namespace MiniMilvus.Woodpecker.Tests;

public sealed class FailureTests
{
    private static readonly CancellationToken Never = CancellationToken.None;

    [Fact]
    public async Task The_first_failure_is_final_and_fails_everything_queued_behind_it()
    {
        var test = new Simulated();
        var writer = await test.CreateAsync(test.Start());
        await TestLog.AppendAsync(writer, 0);
        var flushes = 0;
        test.Disk.OnStep = step => step.Kind == DiskStepKind.Flush && flushes++ == 0 ? new DiskFault.FailBefore() : null;
        var pending = new List<PendingAppend>();
        for (var i = 1; i < 50; i++)
        {
            try
            {
                pending.Add(await writer.EnqueueAsync(TestLog.Entry(i), Never));
            }
            catch (MiniMilvusException e) when (e.Kind == ErrorKind.Unavailable)
            {
                // It has failed already.
            }
        }

        foreach (var append in pending)
        {
            var error = await Assert.ThrowsAsync<MiniMilvusException>(() => append.Durable);
            Assert.Equal(ErrorKind.Unavailable, error.Kind);
            Assert.Contains(TestLog.Name, error.Message, StringComparison.Ordinal);
        }

        await writer.Stopped;
        Assert.NotNull(writer.Failure);
        Assert.Equal(new LogPosition(0, 1), writer.Confirmed);
        Assert.Equal(1, flushes); // a failed flush is never tried again
        await Assert.ThrowsAsync<MiniMilvusException>(() => writer.EnqueueAsync(TestLog.Entry(1), Never).AsTask());
    }

    /// <summary>W1: the bytes, and the name of the file that holds them.</summary>
    [Fact]
    public async Task An_acked_entry_and_its_file_survive_a_power_cut()
    {
        for (var seed = 0; seed < 20; seed++)
        {
            var test = new Simulated(seed);
            await TestLog.AppendAsync(await test.CreateAsync(test.Start()), 0);
            test.Disk.PowerCut(seed);
            var after = test.Start();
            var next = await after.OpenWriterAsync(TestLog.Name, new Term(2), Never);
            Assert.Equal([0], await TestLog.ReadAsync(after, LogPosition.Beginning, next.Confirmed));
        }
    }

    /// <summary>
    /// W16: the footer vouches for the blocks before it, so they are durable before it is written. Else a power cut may keep the footer and
    /// lose the blocks, and the log is Corrupted for ever.
    /// </summary>
    [Fact]
    public async Task A_power_cut_at_any_flush_of_a_recovery_leaves_a_log_that_opens_again()
    {
        var cuts = 0;
        for (var at = 1; at <= 6; at++)
        {
            for (var seed = 0; seed < 100; seed++)
            {
                var test = new Simulated((at * 1000) + seed);
                var writer = await test.CreateAsync(test.Start());
                await TestLog.AppendAsync(writer, 0, bytes: 1500);
                var flushes = 0;
                test.Disk.OnStep = step => step.Kind == DiskStepKind.Flush && flushes++ == 0 ? new DiskFault.FailBefore() : null;
                var unacked = await writer.EnqueueAsync(TestLog.Entry(1, 1500), Never);
                await Assert.ThrowsAsync<MiniMilvusException>(() => unacked.Durable);
                test.Disk.Kill();

                var steps = 0;
                test.Disk.OnStep = step => step.Kind == DiskStepKind.Flush && ++steps == at ? new DiskFault.Cut() : null;
                try
                {
                    await test.Start().OpenWriterAsync(TestLog.Name, new Term(2), Never);
                }
                catch (MiniMilvusException e) when (e.Kind == ErrorKind.Unavailable)
                {
                    cuts++;
                }

                test.Disk.OnStep = null;
                test.Disk.Kill();
                var after = test.Start();
                var next = await after.OpenWriterAsync(TestLog.Name, new Term(3), Never);
                var found = await TestLog.ReadAsync(after, LogPosition.Beginning, next.Confirmed);
                Assert.True(found is [0] or [0, 1], string.Join(' ', found));
            }
        }

        Assert.True(cuts > 200, $"{cuts} cuts");
    }

    [Fact]
    public async Task What_a_failed_flush_left_in_memory_is_made_durable_before_it_is_served()
    {
        for (var seed = 0; seed < 20; seed++)
        {
            var test = new Simulated(seed);
            var writer = await test.CreateAsync(test.Start());
            await TestLog.AppendAsync(writer, 0);
            var flushes = 0;
            test.Disk.OnStep = step => step.Kind == DiskStepKind.Flush && flushes++ == 0 ? new DiskFault.FailBefore() : null;
            var lost = await writer.EnqueueAsync(TestLog.Entry(1), Never);
            await Assert.ThrowsAsync<MiniMilvusException>(() => lost.Durable);
            test.Disk.OnStep = null;
            test.Disk.Kill();

            // Only bytes that are written again are sure to be flushed: the pages of a failed flush may count as clean.
            var unproven = SegmentHeader.Bytes + BlockHeader.Bytes + BlockHeader.EntryPrefixBytes + 16;
            var rewritten = 0L;
            test.Disk.OnStep = step =>
            {
                rewritten += step.Kind == DiskStepKind.Write && step.Path == Simulated.SegmentPath(0) && step.Offset == unproven ? step.Bytes : 0;
                return null;
            };
            var second = test.Start();
            var next = await second.OpenWriterAsync(TestLog.Name, new Term(2), Never);
            Assert.Equal(unproven - SegmentHeader.Bytes, rewritten);
            var served = await TestLog.ReadAsync(second, LogPosition.Beginning, next.Confirmed);
            test.Disk.PowerCut(seed);

            var third = test.Start();
            var last = await third.OpenWriterAsync(TestLog.Name, new Term(3), Never);
            Assert.Equal(served, await TestLog.ReadAsync(third, LogPosition.Beginning, last.Confirmed));
        }
    }

    [Fact]
    public async Task A_full_disk_stops_the_writer_with_its_reason()
    {
        var test = new Simulated();
        var writer = await test.CreateAsync(test.Start());
        test.Disk.OnStep = step => step.Kind == DiskStepKind.Write ? new DiskFault.NoSpace() : null;
        var append = await writer.EnqueueAsync(TestLog.Entry(1), Never);
        var error = await Assert.ThrowsAsync<MiniMilvusException>(() => append.Durable);
        Assert.Equal((ErrorKind.Unavailable, ErrorReason.DiskFull), (error.Kind, error.Reason));
        await writer.Stopped;
    }

    [Fact]
    public async Task A_disk_that_is_nearly_full_refuses_appends_until_there_is_room_again()
    {
        var options = TestLog.Small with { DiskFreeBytesMin = 1L << 40, DiskSpaceLookInterval = TimeSpan.Zero };
        var test = new Simulated();
        var log = test.Start(options);
        var writer = await test.CreateAsync(log); // it takes some bytes of the disk's 2^40, so fewer are free than wanted
        var error = await Assert.ThrowsAsync<MiniMilvusException>(() => writer.EnqueueAsync(TestLog.Entry(1), Never).AsTask());
        Assert.Equal((ErrorKind.Unavailable, ErrorReason.DiskFull, true), (error.Kind, error.Reason, error.IsRetriable));
        Assert.Null(writer.Failure);

        var files = test.Disk.Mount();
        await files.DeleteFileAsync(Simulated.SegmentPath(0), Never);
        await files.DeleteFileAsync($"logs/{TestLog.Name}/EPOCH", Never);
        await TestLog.AppendAsync(writer, 1);
    }

    [Fact]
    public async Task A_full_queue_makes_the_caller_wait_and_its_wait_can_be_cancelled()
    {
        var test = new Simulated();
        var writer = await test.CreateAsync(test.Start(TestLog.Small with { QueueEntriesMax = 1 }));
        var disk = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        test.Disk.OnStep = step => step.Kind == DiskStepKind.Flush ? new DiskFault.Held(disk.Task) : null;
        var first = await writer.EnqueueAsync(TestLog.Entry(0), Never);
        using var cancel = new CancellationTokenSource();
        var second = writer.EnqueueAsync(TestLog.Entry(1), cancel.Token).AsTask();
        var third = writer.EnqueueAsync(TestLog.Entry(2), Never).AsTask();
        Assert.False(second.IsCompleted);
        cancel.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second);
        disk.SetResult();
        Assert.Equal(first.Position.Next, (await third).Position);
        await (await third).Durable;
    }

    [Fact]
    public async Task An_opener_that_stalled_and_writes_a_lower_epoch_neither_passes_for_the_newest_nor_deposes_it()
    {
        var test = new Simulated();
        var writer = await test.CreateAsync(test.Start());
        var newest = test.Start();
        var second = await newest.OpenWriterAsync(TestLog.Name, new Term(7), Never);

        // A stalled opener of term 5 comes to its write only now: the file says 5, the metadata 7.
        var metadata = new Metadata.LogMetadata(test.Meta, TestLog.Small, TimeProvider.System, "stalled");
        await using (await Local.EpochFile.WriteAsync(test.Disk.Mount(), metadata, TestLog.Name, new Term(5), Never))
        {
        }

        await TestLog.AppendAsync(second, 1);
        var late = await writer.EnqueueAsync(TestLog.Entry(2), Never);
        Assert.Equal(ErrorKind.Fenced, (await Assert.ThrowsAsync<MiniMilvusException>(() => late.Durable)).Kind);
        Assert.Equal([1], await TestLog.ReadAsync(newest, LogPosition.Beginning, second.Confirmed));
    }

    [Fact]
    public async Task A_writer_that_wakes_up_in_the_middle_of_its_write_changes_nothing_that_was_decided()
    {
        for (var seed = 0; seed < 10; seed++)
        {
            var test = new Simulated(seed);
            var old = await test.CreateAsync(test.Start());
            await TestLog.AppendAsync(old, 0);

            // Its write sleeps in the kernel while the log is taken over.
            var asleep = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            var wakesUp = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            test.Disk.OnStep = step => step.Kind == DiskStepKind.Write && asleep.TrySetResult() ? new DiskFault.Held(wakesUp.Task) : null;
            var late = await old.EnqueueAsync(TestLog.Entry(1), Never);
            await asleep.Task;

            var second = test.Start();
            var writer = await second.OpenWriterAsync(TestLog.Name, new Term(2), Never);
            await TestLog.AppendAsync(writer, 2);
            Assert.Equal([0, 2], await TestLog.ReadAsync(second, LogPosition.Beginning, writer.Confirmed));
            Assert.False(late.Durable.IsCompleted);
            wakesUp.SetResult();
            Assert.Equal(ErrorKind.Fenced, (await Assert.ThrowsAsync<MiniMilvusException>(() => late.Durable)).Kind);
            await old.Stopped;
            Assert.Equal([0, 2], await TestLog.ReadAsync(test.Start(), LogPosition.Beginning, writer.Confirmed));
        }
    }
}
