using MiniMilvus.Host.Wiring;
using MiniMilvus.Storage.Disk;

namespace MiniMilvus.Host.Tests;

public sealed class ComputePoolTests
{
    private const int QueueMax = 4096;
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Work_from_many_callers_is_all_done_on_the_threads_of_the_pool()
    {
        using var pool = new ThreadComputePool("work", 3);
        var done = await Task.WhenAll(Enumerable.Range(0, 1_000).Select(i => Task.Run(() => pool.RunAsync(() => (i, Thread.CurrentThread.Name!), CancellationToken.None)))).WaitAsync(Soon);
        Assert.Equal(Enumerable.Range(0, 1_000), done.Select(d => d.i));
        Assert.All(done, d => Assert.StartsWith("work-", d.Item2, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Who_finds_the_queue_full_waits_until_there_is_room_or_the_wait_is_cancelled()
    {
        using var pool = new ThreadComputePool("work", 1);
        using var hold = new ManualResetEventSlim();
        using var begun = new ManualResetEventSlim();
        var first = pool.RunAsync(() => { begun.Set(); return hold.Wait(Soon); }, CancellationToken.None);
        Assert.True(begun.Wait(Soon));
        var queued = Enumerable.Range(0, QueueMax).Select(i => pool.RunAsync(() => i, CancellationToken.None)).ToList();
        using var stop = new CancellationTokenSource();
        var refused = Task.Run(() => pool.RunAsync(() => -1, stop.Token));
        var waiting = Task.Run(() => pool.RunAsync(() => -2, CancellationToken.None));
        stop.CancelAfter(TimeSpan.FromMilliseconds(50));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => refused.WaitAsync(Soon));
        Assert.False(waiting.IsCompleted);
        hold.Set();
        Assert.True(await first);
        Assert.Equal(-2, await waiting.WaitAsync(Soon));
        Assert.Equal(Enumerable.Range(0, QueueMax), await Task.WhenAll(queued).WaitAsync(Soon));
    }

    [Fact]
    public async Task What_was_queued_is_done_before_the_pool_ends_and_nothing_is_taken_afterwards()
    {
        var pool = new ThreadComputePool("work", 1, BackgroundThread.Graphs);
        var queued = Enumerable.Range(0, 100).Select(i => pool.RunAsync(() => i, CancellationToken.None)).ToList();
        await Task.Run(pool.Dispose).WaitAsync(Soon);
        Assert.All(queued, q => Assert.True(q.IsCompletedSuccessfully));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => pool.RunAsync(() => 0, CancellationToken.None));
    }

    [Fact]
    public async Task A_failure_is_its_callers_and_the_thread_goes_on()
    {
        using var pool = new ThreadComputePool("work", 1);
        await Assert.ThrowsAsync<InvalidDataException>(() => pool.RunAsync<int>(() => throw new InvalidDataException("found nothing"), CancellationToken.None));
        Assert.Equal(7, await pool.RunAsync(() => 7, CancellationToken.None).WaitAsync(Soon));
    }
}
