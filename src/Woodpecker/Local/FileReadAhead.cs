using MiniMilvus.Storage.Disk;
using MiniMilvus.Woodpecker.Blocks;

namespace MiniMilvus.Woodpecker.Local;

/// <summary>
/// A file of blocks. Large payloads are read straight to where they are wanted, with a short look at the header before each: one copy, into
/// memory that the processor still has at hand. Small ones are read in large pieces: while one is used the next few are on their way, once
/// somebody has read on from one into the next. What a piece holds may be older than the file: <see cref="ForgetAsync"/> makes the next look a fresh one.
/// </summary>
/// <param name="file">Disposed with this.</param>
/// <param name="pieceBytes">Of a piece.</param>
/// <param name="headBytes">Of a look.</param>
/// <param name="largeBytes">What is at least as large is read straight.</param>
internal sealed class FileReadAhead(IDiskFile file, int pieceBytes, int headBytes, int largeBytes) : IAsyncDisposable
{
    private const int PiecesAhead = 3;
    private readonly Queue<(byte[] Piece, Task<int> Read)> _ahead = new(PiecesAhead);
    private readonly Stack<byte[]> _spare = new();
    private byte[] _piece = new byte[headBytes];
    private long _offset;
    private int _bytes;
    private bool _isLarge;

    public FileReadAhead(IDiskFile file, int pieceBytes)
        : this(file, pieceBytes, Math.Min(pieceBytes, 8 * 1024), 32 * 1024)
    {
    }

    private long End => _offset + _bytes;

    /// <summary>Reads up to the buffer's length; returns less only at the end of the file.</summary>
    public async ValueTask<int> ReadAsync(long offset, Memory<byte> to, CancellationToken ct)
    {
        if (to.Length > BlockHeader.Bytes)
        {
            _isLarge = to.Length >= largeBytes; // the next is likely to be as this one; headers say nothing
        }

        var total = 0;
        while (total < to.Length)
        {
            var at = offset + total;
            if (at < _offset || at >= End)
            {
                if (to.Length - total >= largeBytes && (_ahead.Count == 0 || at != End))
                {
                    return total + await file.ReadAtAsync(at, to[total..], ct);
                }

                if (!await MoveToAsync(at, ct))
                {
                    break;
                }
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
        var readsOn = offset == End && _bytes == _piece.Length;
        if (readsOn && _ahead.TryPeek(out var next))
        {
            await Task.WhenAny(next.Read).WaitAsync(ct);
            _ahead.Dequeue();
            Use(next.Piece);
            _offset = offset;
            _bytes = await next.Read;
        }
        else
        {
            await ForgetAsync();
            if (_piece.Length != (readsOn && !_isLarge ? pieceBytes : headBytes))
            {
                Use(readsOn && !_isLarge ? TakePiece() : new byte[headBytes]);
            }

            (_offset, _bytes) = (offset, await file.ReadAtAsync(offset, _piece, ct));
        }

        while (readsOn && !_isLarge && _bytes == pieceBytes && _ahead.Count < PiecesAhead)
        {
            var piece = TakePiece();
            _ahead.Enqueue((piece, file.ReadAtAsync(End + ((long)_ahead.Count * pieceBytes), piece, CancellationToken.None).AsTask()));
        }

        return _bytes > 0;
    }

    private byte[] TakePiece() => _spare.TryPop(out var spare) ? spare : new byte[pieceBytes];

    private void Use(byte[] piece)
    {
        _bytes = 0; // of the one before: should the read fail, nothing is here
        if (_piece.Length == pieceBytes)
        {
            _spare.Push(_piece);
        }

        _piece = piece;
    }
}
