using MiniMilvus.Core;

namespace MiniMilvus.Woodpecker.Writing;

/// <summary>Entries of one log segment that become durable together, with the one task that all of them wait for.</summary>
internal sealed class EntryGroup
{
    private readonly TaskCompletionSource _durable = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public EntryGroup(LogPosition first, List<ReadOnlyMemory<byte>> entries)
    {
        First = first;
        Entries = entries;

        // Nobody is obliged to wait: a failure that nobody awaited is not an unobserved exception.
        _ = _durable.Task.ContinueWith(static t => _ = t.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    public LogPosition First { get; }

    public LogPosition End => new(First.Segment, First.Entry + Entries.Count);

    /// <summary>Empty again when the group has been released.</summary>
    public List<ReadOnlyMemory<byte>> Entries { get; }

    /// <summary>Index of the first entry of each block.</summary>
    public List<int> BlockStarts { get; } = [];

    public long Bytes { get; private set; }

    private long _blockBytes;

    public Task Durable => _durable.Task;

    /// <summary>True when the entry began a block.</summary>
    public bool Add(ReadOnlyMemory<byte> entry, long blockBytesMax)
    {
        var startsBlock = Entries.Count == 0 || _blockBytes + entry.Length > blockBytesMax;
        if (startsBlock)
        {
            BlockStarts.Add(Entries.Count);
            _blockBytes = 0;
        }

        Entries.Add(entry);
        _blockBytes += entry.Length;
        Bytes += entry.Length;
        return startsBlock;
    }

    public void Complete() => _durable.SetResult();

    public void Fail(Exception why) => _durable.TrySetException(why);
}
