using System.Diagnostics.Metrics;
using MiniMilvus.Conformance.Support;
using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Events;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Woodpecker.Tests;

/// <summary>Memory and disk that run short: appends of all logs of a process are slowed, then refused, and go on by themselves. By a clock that is moved by hand.</summary>
public sealed class RoomTests
{
    private const int EntryBytes = 1024;
    private const int EntriesMax = 64;
    private static readonly CancellationToken Never = CancellationToken.None;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private static readonly WoodpeckerOptions Options = TestLog.Small with
    {
        UnackedBytesMax = EntriesMax * EntryBytes, UnackedSlowFrom = 0.5, AppendDelayMax = TimeSpan.FromSeconds(1), DiskSlowBytes = 0,
    };

    [Fact]
    public async Task What_all_writers_of_a_process_hold_has_one_bound_and_what_is_more_is_refused_until_it_is_durable()
    {
        var world = new World(Options with { AppendDelayMax = TimeSpan.Zero });
        var (one, other) = (await world.OpenAsync("one"), await world.OpenAsync("other"));
        var release = world.HoldFlushes();
        var taken = new List<PendingAppend>();
        for (var i = 0; i < EntriesMax; i++)
        {
            taken.Add(await (i % 2 == 0 ? one : other).EnqueueAsync(TestLog.Entry(i, EntryBytes), Never));
        }

        Assert.Equal(Options.UnackedBytesMax, world.Log.Room.HeldBytes);
        foreach (var full in new[] { one, other })
        {
            var error = await Assert.ThrowsAsync<MiniMilvusException>(() => full.EnqueueAsync(TestLog.Entry(-1, EntryBytes), Never).AsTask());
            Assert.Equal((ErrorKind.Unavailable, ErrorReason.RateLimited, true), (error.Kind, error.Reason, error.IsRetriable));
            Assert.Contains($"log '{full.Log}': expected at most {Options.UnackedBytesMax} bytes", error.Message, StringComparison.Ordinal);
            Assert.Contains($"found {Options.UnackedBytesMax} and an entry of {EntryBytes}", error.Message, StringComparison.Ordinal);
            Assert.Equal(ErrorReason.RateLimited, Assert.Throws<MiniMilvusException>(full.RequireRoom).Reason);
            Assert.Null(full.Failure);
        }

        // What belongs behind an entry that was taken is not refused; it counts.
        taken.Add(await one.EnqueueOwedAsync(TestLog.Entry(EntriesMax, EntryBytes), Never));
        Assert.Equal(Options.UnackedBytesMax + EntryBytes, world.Log.Room.HeldBytes);

        release.SetResult();
        await Task.WhenAll(taken.Select(t => t.Durable)).WaitAsync(Patience);
        await (await one.EnqueueAsync(TestLog.Entry(1, EntryBytes), Never)).Durable.WaitAsync(Patience);
        await (await other.EnqueueAsync(TestLog.Entry(1, EntryBytes), Never)).Durable.WaitAsync(Patience);
        await world.Log.DisposeAsync();
        Assert.Equal(0, world.Log.Room.HeldBytes);
    }

    [Fact]
    public async Task Above_the_low_mark_an_append_keeps_its_place_and_returns_later_in_proportion_and_at_once_when_there_is_room_again()
    {
        var world = new World(Options);
        var writer = await world.OpenAsync("log");
        var release = world.HoldFlushes();
        var taken = new List<PendingAppend>();
        for (var i = 0; i < EntriesMax / 2; i++)
        {
            var atOnce = writer.EnqueueAsync(TestLog.Entry(i, EntryBytes), Never);
            Assert.True(atOnce.IsCompletedSuccessfully, $"entry {i} is below the low mark");
            taken.Add(await atOnce);
        }

        for (var over = 1; over <= EntriesMax / 2; over++)
        {
            var slowed = writer.EnqueueAsync(TestLog.Entry(taken.Count, EntryBytes), Never);
            var delay = Options.AppendDelayMax * over / (EntriesMax / 2);
            Assert.False(slowed.IsCompleted);
            world.Time.Advance(delay - TimeSpan.FromMilliseconds(1));
            Assert.False(slowed.IsCompleted, $"entry {taken.Count} came before its {delay}");
            world.Time.Advance(TimeSpan.FromMilliseconds(1));
            taken.Add(await slowed.AsTask().WaitAsync(Patience));
        }

        Assert.Equal(Enumerable.Range(0, EntriesMax), taken.Select(t => (int)t.Position.Entry));
        release.SetResult();
        await Task.WhenAll(taken.Select(t => t.Durable)).WaitAsync(Patience);
        await world.HoldsAsync(0);
        Assert.True(writer.EnqueueAsync(TestLog.Entry(taken.Count, EntryBytes), Never).AsTask().IsCompletedSuccessfully);
    }

    [Fact]
    public async Task Who_is_slowed_can_give_the_waiting_up_and_keeps_the_place()
    {
        var world = new World(Options);
        var writer = await world.OpenAsync("log");
        var release = world.HoldFlushes();
        for (var i = 0; i < EntriesMax / 2; i++)
        {
            await writer.EnqueueAsync(TestLog.Entry(i, EntryBytes), Never);
        }

        using var impatient = new CancellationTokenSource();
        var slowed = writer.EnqueueAsync(TestLog.Entry(EntriesMax / 2, EntryBytes), impatient.Token).AsTask();
        var admission = writer.AdmitAsync(impatient.Token).AsTask();
        Assert.False(slowed.IsCompleted || admission.IsCompleted);
        impatient.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => admission.WaitAsync(Patience));
        var pending = await slowed.WaitAsync(Patience);
        Assert.Equal(EntriesMax / 2, pending.Position.Entry);
        release.SetResult();
        await pending.Durable.WaitAsync(Patience);
    }

    [Fact]
    public async Task What_was_given_up_or_failed_is_not_held()
    {
        var world = new World(Options with { QueueEntriesMax = 2 });
        var writer = await world.OpenAsync("log");
        var release = world.HoldFlushes();
        var taken = await writer.EnqueueAsync(TestLog.Entry(0, EntryBytes), Never);
        await writer.EnqueueAsync(TestLog.Entry(1, EntryBytes), Never);
        using var impatient = new CancellationTokenSource();
        var abandoned = writer.EnqueueAsync(TestLog.Entry(2, EntryBytes), impatient.Token).AsTask();
        var waiting = writer.EnqueueAsync(TestLog.Entry(3, EntryBytes), Never).AsTask();
        Assert.Equal(4 * EntryBytes, world.Log.Room.HeldBytes);
        impatient.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => abandoned);
        Assert.Equal(3 * EntryBytes, world.Log.Room.HeldBytes);

        release.SetException(new IOException("the flush failed"));
        await Assert.ThrowsAsync<MiniMilvusException>(() => taken.Durable.WaitAsync(Patience));
        await Assert.ThrowsAsync<MiniMilvusException>(() => waiting.WaitAsync(Patience));
        await writer.Stopped.WaitAsync(Patience);
        Assert.Equal(0, world.Log.Room.HeldBytes);
    }

    [Fact]
    public async Task A_disk_that_fills_up_slows_then_refuses_and_goes_on_when_there_is_room()
    {
        var options = Options with { DiskFreeBytesMin = 256 * 1024, DiskSlowBytes = 512 * 1024, DiskSpaceLookInterval = TimeSpan.Zero };
        var world = new World(options, capacityBytes: 1024 * 1024);
        var files = world.Disk.Mount();
        var writer = await world.OpenAsync("log");
        Assert.True(writer.EnqueueAsync(TestLog.Entry(0), Never).AsTask().IsCompletedSuccessfully);

        await using (var filler = await files.OpenAsync("filler", DiskOpenMode.CreateNew, Never))
        {
            await filler.WriteAtAsync(0, new byte[500 * 1024], Never);
            var (free, total) = files.Space();
            Assert.InRange(options.DiskPressure(free, total), 0.3, 0.7);
            var slowed = writer.EnqueueAsync(TestLog.Entry(1), Never);
            Assert.False(slowed.IsCompleted);
            world.Time.Advance(options.AppendDelayMax * 0.3);
            Assert.False(slowed.IsCompleted);
            world.Time.Advance(options.AppendDelayMax * 0.4);
            await (await slowed.AsTask().WaitAsync(Patience)).Durable.WaitAsync(Patience);

            await filler.WriteAtAsync(500 * 1024, new byte[270 * 1024], Never);
            var error = await Assert.ThrowsAsync<MiniMilvusException>(() => writer.EnqueueAsync(TestLog.Entry(2), Never).AsTask());
            Assert.Equal((ErrorReason.DiskFull, true), (error.Reason, error.IsRetriable));
            Assert.Contains($"expected at least {options.DiskFreeBytesMin} bytes free", error.Message, StringComparison.Ordinal);
        }

        await files.DeleteFileAsync("filler", Never);
        Assert.Null(writer.Failure);
        Assert.True(writer.EnqueueAsync(TestLog.Entry(2), Never).AsTask().IsCompletedSuccessfully);
    }

    [Fact]
    public async Task The_metrics_tell_what_is_held_slowed_and_refused()
    {
        using var listener = new MeterListener();
        var found = new Dictionary<string, double>();
        void Record(Instrument instrument, double value)
        {
            lock (found)
            {
                found[instrument.Name] = Math.Max(value, found.GetValueOrDefault(instrument.Name));
            }
        }

        listener.InstrumentPublished = (instrument, l) =>
        {
            if (instrument.Meter.Name == "MiniMilvus.Woodpecker")
            {
                l.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<long>((i, v, _, _) => Record(i, v));
        listener.SetMeasurementEventCallback<double>((i, v, _, _) => Record(i, v));
        listener.Start();
        var world = new World(Options with { AppendDelayMax = TimeSpan.FromTicks(1) });
        var writer = await world.OpenAsync("log");
        var release = world.HoldFlushes();
        for (var i = 0; i < EntriesMax; i++)
        {
            _ = writer.EnqueueAsync(TestLog.Entry(i, EntryBytes), Never).AsTask();
        }

        await Assert.ThrowsAsync<MiniMilvusException>(() => writer.EnqueueAsync(TestLog.Entry(-1, EntryBytes), Never).AsTask());
        listener.RecordObservableInstruments();
        lock (found)
        {
            Assert.True(found["minimilvus_woodpecker_unacked_bytes"] >= Options.UnackedBytesMax);
            Assert.Equal(1, found["minimilvus_woodpecker_memory_pressure"]);
            Assert.Equal(1, found["minimilvus_woodpecker_refused_appends"]);
            Assert.Equal(1, found["minimilvus_woodpecker_slowed_appends"]);
            Assert.Contains("minimilvus_woodpecker_disk_pressure", found.Keys);
        }

        release.SetResult();
    }

    private sealed class World(WoodpeckerOptions options, long capacityBytes = 1L << 40)
    {
        private LocalWoodpecker? _log;

        public ManualTime Time { get; } = new();

        public SimulatedDisk Disk { get; } = new(TimeProvider.System, 1, capacityBytes);

        public LocalWoodpecker Log => _log ??= new LocalWoodpecker(Disk.Mount(), new DeafMetaStore(new MemoryMetaStore(Time)), options, Time, NoStations.Instance, "writer");

        public async Task<ILogWriter> OpenAsync(string name)
        {
            await Log.CreateAsync(name, Never);
            return await Log.OpenWriterAsync(name, new Term(1), Never);
        }

        /// <summary>Nothing becomes durable until it is told to, or fails.</summary>
        public TaskCompletionSource HoldFlushes()
        {
            var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            Disk.OnStep = step => step.Kind == DiskStepKind.Flush ? new DiskFault.Held(release.Task) : null;
            return release;
        }

        /// <summary>Room returns right after the ack.</summary>
        public async Task HoldsAsync(long bytes)
        {
            using var limit = new CancellationTokenSource(Patience);
            while (Log.Room.HeldBytes != bytes)
            {
                limit.Token.ThrowIfCancellationRequested();
                await Task.Yield();
            }
        }
    }
}
