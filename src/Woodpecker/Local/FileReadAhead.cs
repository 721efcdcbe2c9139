using MiniMilvus.Storage.Disk;

namespace MiniMilvus.Woodpecker.Local;

/// <summary>
/// A file read in large pieces: while one is used the next few are on their way, once somebody has read on from one into the next. What a
/// piece holds may be older than the file: <see cref="ForgetAsync"/> makes the next look a fresh one.
/// </summary>
internal sealed class FileReadAhead(IDiskFile file, int pieceBytes) : IAsyncDisposable
{
    private const int PiecesAhead = 3;
    private readonly Queue<(byte[] Piece, Task<int> Read)> _ahead = new(PiecesAhead);
    private readonly Stack<byte[]> _spare = new();
    private byte[] _piece = new byte[pieceBytes];
    private long _offset;
    private int _bytes;

    private long End => _offset + _bytes;

    /// <summary>Reads up to the buffer's length; returns less only at the end of the file.</summary>
    public async ValueTask<int> ReadAsync(long offset, Memory<byte> to, CancellationToken ct)
    {
        var total = 0;
        while (total < to.Length)
        {
            var at = offset + total;
            if ((at < _offset || at >= End) && !await MoveToAsync(at, ct))
            {
                break;
            }

            var part = (int)Math.Min(to.Length - total, End - at);
            _piece.AsSpan((int)(at - _offset), part).CopyTo(to.Span[total..]);
            total += part;
        }

        return total;
    }

    public async ValueTask ForgetAsync()
    {
        _bytes = 0;
        while (_ahead.TryPeek(out var next))
        {
            await Task.WhenAny(next.Read); // until it has ended, however it ends, it writes into its piece
            _ = next.Read.Exception; // nobody wanted what it read
            _spare.Push(_ahead.Dequeue().Piece);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await ForgetAsync();
        await file.DisposeAsync();
    }

    private async ValueTask<bool> MoveToAsync(long offset, CancellationToken ct)
    {
        var readsOn = offset == End && _bytes == pieceBytes;
        if (readsOn && _ahead.TryPeek(out var next))
        {
            await Task.WhenAny(next.Read).WaitAsync(ct);
            _ahead.Dequeue();
            _spare.Push(_piece);
            (_piece, _offset, _bytes) = (next.Piece, offset, 0);
            _bytes = await next.Read;
        }
        else
        {
            await ForgetAsync();
            (_offset, _bytes) = (offset, await file.ReadAtAsync(offset, _piece, ct));
        }

        while (readsOn && _bytes == pieceBytes && _ahead.Count < PiecesAhead)
        {
            var piece = _spare.TryPop(out var spare) ? spare : new byte[pieceBytes];
            _ahead.Enqueue((piece, file.ReadAtAsync(End + ((long)_ahead.Count * pieceBytes), piece, CancellationToken.None).AsTask()));
        }

        return _bytes > 0;
    }
}
