using MiniMilvus.Core;
using MiniMilvus.Core.Concurrency;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Woodpecker.Backends;
using MiniMilvus.Woodpecker.Blocks;

namespace MiniMilvus.Woodpecker.Local;

/// <summary>
/// Appends blocks to a segment's file. The file's end runs ahead of the data in zeros, grown in the background, so that flushing a block
/// writes no file metadata; data never passes that end while it grows.
/// </summary>
internal sealed class LocalSegmentWriter : ISegmentWriter
{
    /// <summary>From this size on a flush costs so much more than the file metadata it writes that zeros written first would only double the work.</summary>
    private const long LargeGroupBytes = 1024 * 1024;

    private readonly IDiskFile _file;
    private readonly string _log;
    private readonly WoodpeckerOptions _options;
    private readonly AsyncGate _flushing = new();
    private Task _written = Task.CompletedTask;
    private long _offset = SegmentHeader.Bytes;
    private long _zeroedUntil;
    private Task<long>? _growth;

    private LocalSegmentWriter(IDiskFile file, string log, WoodpeckerOptions options)
    {
        _file = file;
        _log = log;
        _options = options;
        _zeroedUntil = Math.Max(SegmentHeader.Bytes, options.PreallocateBytesFirst);
    }

    public static async ValueTask<LocalSegmentWriter> CreateAsync(IDisk disk, string log, long segment, Term epoch, WoodpeckerOptions options, CancellationToken ct)
    {
        // The metadata's record came first and is ours: a file of that name is what a crashed try of ours left, or an older one's.
        var file = await disk.OpenAsync(LocalPaths.Segment(log, segment), DiskOpenMode.OpenOrCreate, ct);
        try
        {
            var writer = new LocalSegmentWriter(file, log, options);
            await file.SetLengthAsync(0, ct);
            await file.PreallocateAsync(writer._zeroedUntil, ct);
            await file.WriteAtAsync(0, SegmentHeader.Encode(log, segment, epoch.Value), ct);
            await file.FlushAsync(ct);
            await disk.FlushDirectoryAsync(LocalPaths.Folder(log), ct);
            return writer;
        }
        catch
        {
            await file.DisposeAsync();
            throw;
        }
    }

    /// <summary>The place is taken at once, the bytes follow when those before them have been written; a flush of earlier ones may be under way.</summary>
    public ValueTask WriteAsync(IReadOnlyList<EncodedBlock> blocks, CancellationToken ct)
    {
        var parts = new List<ReadOnlyMemory<byte>>(blocks.Count * 2);
        var start = _offset;
        foreach (var block in blocks)
        {
            var header = new byte[BlockHeader.Bytes];
            block.Header.WriteTo(header, _log, _offset);
            parts.Add(header);
            parts.AddRange(block.Payload);
            _offset += block.Bytes;
        }

        _written = WriteBehindAsync(_written, start, _offset, parts, ct);
        return new ValueTask(_written);
    }

    private async Task WriteBehindAsync(Task earlier, long start, long end, List<ReadOnlyMemory<byte>> parts, CancellationToken ct)
    {
        await earlier;
        await HaveZeroedAsync(end);
        await _file.WriteAtAsync(start, parts, ct);
        if (end - start < LargeGroupBytes)
        {
            GrowAhead(end, ct);
        }
    }

    /// <summary>fdatasync of the file, one at a time.</summary>
    public async ValueTask FlushAsync(CancellationToken ct)
    {
        using var turn = await _flushing.EnterAsync(ct);
        await _file.FlushAsync(ct);
    }

    public async ValueTask FinishAsync(BlockHeader footer, CancellationToken ct)
    {
        await GrownAsync();
        var bytes = new byte[BlockHeader.Bytes];
        footer.WriteTo(bytes, _log, _offset);
        await _file.WriteAtAsync(_offset, bytes, ct);
        _offset += bytes.Length;
        await _file.SetLengthAsync(_offset, ct);
        await _file.FlushAsync(ct);
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            await GrownAsync();
        }
        finally
        {
            await _file.DisposeAsync();
        }
    }

    /// <summary>
    /// Data may go beyond the zeros (it makes the file longer itself), but never while zeros are being written there: those would fall on it.
    /// </summary>
    private async ValueTask HaveZeroedAsync(long end)
    {
        if (_growth is { IsCompleted: true } || end > _zeroedUntil)
        {
            await GrownAsync();
        }

        _zeroedUntil = Math.Max(_zeroedUntil, end);
    }

    /// <summary>As many zeros again as there is data: a log that says little holds little. Starts behind everything written, so that the next writes stay clear of it.</summary>
    private void GrowAhead(long end, CancellationToken ct)
    {
        var ahead = Math.Max(_options.PreallocateBytesFirst, Math.Min(end, _options.PreallocateBytesMax));
        if (_growth is null && _zeroedUntil - end < ahead && _zeroedUntil < _options.SegmentBytesMax)
        {
            _growth = GrowAsync(_zeroedUntil + ahead, ct);
        }
    }

    private async Task<long> GrowAsync(long length, CancellationToken ct)
    {
        try
        {
            await _file.PreallocateAsync(length, ct);
            return length;
        }
        catch (IOException e) when (DiskErrors.IsNoSpace(e))
        {
            return 0; // zeros are a convenience: whether there is room for data, the data's own write tells
        }
    }

    private async ValueTask GrownAsync()
    {
        if (_growth is { } growth)
        {
            _growth = null;
            _zeroedUntil = Math.Max(_zeroedUntil, await growth);
        }
    }
}
