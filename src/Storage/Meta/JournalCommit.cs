using System.Buffers;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Disk;

namespace MiniMilvus.Storage.Meta;

/// <summary>
/// Group commit into the journal: a flush starts at once when none is running, and what arrives meanwhile is the next group (decision 4).
/// When a journal is full the next group opens a new one, and a snapshot follows; it may be ahead of the journal by what is about to be
/// written, which recovery skips.
/// The first failure is sticky: nothing is known of what was being written, so nothing is written after it.
/// </summary>
internal sealed class JournalCommit(IDisk disk, string folder, EmbeddedMetaStoreOptions options) : IMetaCommit
{
    private readonly Lock _lock = new();
    private List<Waiting> _waiting = [];
    private bool _running;
    private Exception? _failure;
    private TaskCompletionSource? _idle;

    // Owned by whoever runs the loop.
    private IDiskFile? _file;
    private long _generation;
    private long _offset;
    private long _durable;
    private long _snapshotGeneration;

    /// <summary>Encodes the state as a snapshot of a generation; set before the first append.</summary>
    public Func<long, byte[]>? CaptureSnapshot { get; set; }

    /// <summary>Told once, with the first failure.</summary>
    public Action<Exception>? Failed { get; set; }

    /// <summary>Starts a new generation: the recovered state as a snapshot, made durable before anything is served (W16), and an empty journal.</summary>
    public async ValueTask BeginAsync(MetaRecovered recovered, CancellationToken ct)
    {
        _durable = recovered.State.Sequence;
        var generation = recovered.HighestGeneration + 1;
        await MetaFiles.WriteWholeAsync(disk, MetaFiles.Snapshot(folder, generation), MetaSnapshotFormat.Encode(generation, recovered.State), ct);
        await OpenJournalAsync(generation, _durable + 1, ct);
        _snapshotGeneration = generation;
        await DeleteBelowAsync(recovered.Generation, ct);
    }

    public Task Append(MetaRecord record, Action publish, CancellationToken ct) => Enqueue(new Waiting(record, publish), ct);

    public Task SettledAsync(CancellationToken ct) => Enqueue(new Waiting(null, null), ct);

    public void Kick()
    {
        lock (_lock)
        {
            if (_running || _waiting.Count == 0)
            {
                return;
            }

            _running = true;
        }

        _ = CommitAsync();
    }

    /// <summary>Ends when no flush is running; closes the journal.</summary>
    public async ValueTask CloseAsync()
    {
        TaskCompletionSource? idle = null;
        lock (_lock)
        {
            _failure ??= MiniMilvusException.Unavailable("the store is closed");
            if (_running)
            {
                idle = _idle ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            }
        }

        if (idle is not null)
        {
            await idle.Task;
        }

        if (_file is not null)
        {
            await _file.DisposeAsync();
        }
    }

    private Task Enqueue(Waiting waiting, CancellationToken ct)
    {
        lock (_lock)
        {
            if (_failure is not null)
            {
                return Task.FromException(Unavailable(_failure));
            }

            // Decided in the same step: once the loop has ended nobody would come for who only waits.
            if (waiting.Record is null && !_running && _waiting.Count == 0)
            {
                return Task.CompletedTask;
            }

            _waiting.Add(waiting);
        }

        waiting.CancelWith(ct);
        return waiting.Task;
    }

    private async Task CommitAsync()
    {
        var buffer = new ArrayBufferWriter<byte>();
        while (true)
        {
            List<Waiting> group;
            lock (_lock)
            {
                group = _waiting;
                if (group.Count == 0)
                {
                    _running = false;
                    _idle?.TrySetResult();
                    return;
                }

                _waiting = [];
            }

            try
            {
                await WriteGroupAsync(group, buffer);
                foreach (var waiting in group)
                {
                    waiting.Publish?.Invoke();
                    waiting.Complete();
                }

                await WriteSnapshotAsync();
            }
            catch (Exception e)
            {
                Fail(e, group);
                return;
            }
        }
    }

    private async ValueTask WriteGroupAsync(List<Waiting> group, ArrayBufferWriter<byte> buffer)
    {
        buffer.ResetWrittenCount();
        long first = 0, last = 0;
        foreach (var waiting in group)
        {
            if (waiting.Record is { } record)
            {
                first = first == 0 ? record.Sequence : first;
                last = record.Sequence;
                MetaJournalFormat.Append(record, _durable, buffer);
            }
        }

        if (first == 0)
        {
            return;
        }

        if (first != _durable + 1)
        {
            throw MiniMilvusException.Internal($"metadata journal: expected record {_durable + 1}, found {first}");
        }

        if (_offset > MetaJournalFormat.FileHeaderBytes && _offset + buffer.WrittenCount > options.JournalBytesMax)
        {
            await OpenJournalAsync(_generation + 1, first, CancellationToken.None);
        }

        await _file!.WriteAtAsync(_offset, buffer.WrittenMemory, CancellationToken.None);
        await _file.FlushAsync(CancellationToken.None);
        _offset += buffer.WrittenCount;
        _durable = last;
    }

    private async ValueTask WriteSnapshotAsync()
    {
        if (_snapshotGeneration == _generation)
        {
            return;
        }

        await MetaFiles.WriteWholeAsync(disk, MetaFiles.Snapshot(folder, _generation), CaptureSnapshot!(_generation), CancellationToken.None);
        var keep = _snapshotGeneration;
        _snapshotGeneration = _generation;
        await DeleteBelowAsync(keep, CancellationToken.None);
    }

    private async ValueTask OpenJournalAsync(long generation, long baseSequence, CancellationToken ct)
    {
        var file = await disk.OpenAsync(MetaFiles.Journal(folder, generation), DiskOpenMode.CreateNew, ct);
        try
        {
            await file.PreallocateAsync(options.JournalBytesMax, ct);
            await file.WriteAtAsync(0, MetaJournalFormat.FileHeader(generation, baseSequence), ct);
            await file.FlushAsync(ct);
            await disk.FlushDirectoryAsync(folder, ct);
        }
        catch
        {
            await file.DisposeAsync();
            throw;
        }

        if (_file is not null)
        {
            await _file.DisposeAsync();
        }

        (_file, _generation, _offset) = (file, generation, MetaJournalFormat.FileHeaderBytes);
    }

    /// <summary>Removes what no recovery needs. A file that survives a cut between is removed the next time.</summary>
    private async ValueTask DeleteBelowAsync(long generation, CancellationToken ct)
    {
        foreach (var name in await disk.ListFilesAsync(folder, ct))
        {
            if ((MetaFiles.Generation(name, MetaFiles.JournalPrefix) ?? MetaFiles.Generation(name, MetaFiles.SnapshotPrefix)) < generation
                || name.EndsWith(MetaFiles.TemporarySuffix, StringComparison.Ordinal))
            {
                await disk.DeleteFileAsync(DiskPaths.Combine(folder, name), ct);
            }
        }
    }

    private void Fail(Exception failure, List<Waiting> group)
    {
        List<Waiting> rest;
        lock (_lock)
        {
            _failure ??= failure;
            rest = _waiting;
            _waiting = [];
            _running = false;
            _idle?.TrySetResult();
        }

        Failed?.Invoke(failure);
        foreach (var waiting in group.Concat(rest))
        {
            waiting.Fail(Unavailable(failure));
        }
    }

    private static MiniMilvusException Unavailable(Exception failure) => failure is IOException io
        ? DiskErrors.ToUnavailable(io, "metadata journal failed; what was being written may or may not be there")
        : MiniMilvusException.Unavailable($"metadata journal failed; what was being written may or may not be there: {failure.Message}", failure);

    /// <summary>One caller; without a record it only waits for what came before it.</summary>
    private sealed class Waiting(MetaRecord? record, Action? publish)
    {
        private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private CancellationTokenRegistration _cancel;

        public MetaRecord? Record => record;
        public Action? Publish => publish;
        public Task Task => _done.Task;

        public void CancelWith(CancellationToken ct) =>
            _cancel = ct.UnsafeRegister(static (state, token) => ((TaskCompletionSource)state!).TrySetCanceled(token), _done);

        public void Complete()
        {
            _cancel.Unregister();
            _done.TrySetResult();
        }

        public void Fail(Exception failure)
        {
            _cancel.Unregister();
            _done.TrySetException(failure);
        }
    }
}
