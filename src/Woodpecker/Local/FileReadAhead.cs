using MiniMilvus.Storage.Disk;
using MiniMilvus.Woodpecker.Blocks;
using MiniMilvus.Woodpecker.Reading;

namespace MiniMilvus.Woodpecker.Local;

/// <summary>
/// A file of blocks. Who has read on for a while is given copies out of large pieces, which are used again; while one is used the next few are on
/// their way, unless they lie in the page cache, where nobody waits for them. Whoever jumps, comes to the end, or finds no room in the budget has
/// a short look at each header and large payloads straight. What a piece holds may be older than the file: <see cref="ForgetAsync"/> makes the next look a fresh one.
/// </summary>
/// <param name="file">Disposed with this.</param>
/// <param name="budget">What all readers may hold in pieces.</param>
/// <param name="sizes">In bytes.</param>
internal sealed class FileReadAhead(IDiskFile file, ReadBudget budget, FileReadAhead.Sizes sizes) : IAsyncDisposable
{
    private const int PiecesAhead = 3;
    private readonly Queue<(byte[] Piece, Task<int> Read)> _ahead = new(PiecesAhead);
    private readonly Stack<byte[]> _spare = new();
    private readonly byte[] _head = new byte[sizes.Head];
    private byte[]? _piece;
    private long _offset;
    private int _bytes;
    private long _next;
    private long _run;
    private int _held;
    private bool _isStraight;

    /// <param name="Piece">Of a piece.</param>
    /// <param name="Head">Of a look.</param>
    /// <param name="Straight">What is at least as large is read straight at first.</param>
    /// <param name="Large">And who reads on for as long reads less than this in pieces.</param>
    internal readonly record struct Sizes(int Piece, int Head, int Straight, int Large)
    {
        public static Sizes Of(int piece) => new(piece, Math.Min(piece, 8 * 1024), 32 * 1024, Math.Max(32 * 1024, piece / 2));
    }

    /// <summary>The bytes of its pieces: what it has from the budget.</summary>
    public long Held => (long)_held * sizes.Piece;

    private long End => _offset + _bytes;

    /// <summary>Whether a range is at hand, which may be older than the file.</summary>
    public bool Holds(long offset, int bytes) => offset >= _offset && offset + bytes <= End;

    /// <summary>Reads up to the buffer's length; returns less only at the end of the file.</summary>
    public async ValueTask<int> ReadAsync(long offset, Memory<byte> to, CancellationToken ct)
    {
        _run = offset == _next ? _run : 0;
        if (to.Length > BlockHeader.Bytes)
        {
            _isStraight = to.Length >= (_run < sizes.Large ? sizes.Straight : sizes.Large); // the next is likely to be as this one; headers say nothing
        }

        var total = 0;
        while (total < to.Length)
        {
            var at = offset + total;
            if (at < _offset || at >= End)
            {
                if (_isStraight && to.Length - total >= sizes.Straight && (_ahead.Count == 0 || at != End))
                {
                    total += await file.ReadAtAsync(at, to[total..], ct);
                    break;
                }

                if (!await MoveToAsync(at, ct))
                {
                    break;
                }
            }

            var part = (int)Math.Min(to.Length - total, End - at);
            (_piece ?? _head).AsSpan((int)(at - _offset), part).CopyTo(to.Span[total..]);
            total += part;
        }

        _run += total;
        _next = offset + total;
        return total;
    }

    /// <summary>Gives back what it holds, too.</summary>
    public async ValueTask ForgetAsync()
    {
        await DropAheadAsync();
        Forget();
    }

    /// <summary>The same where no read is on its way; else nothing, for a disk that does not answer must hold nobody up.</summary>
    public void Rest()
    {
        if (_ahead.All(a => a.Read.IsCompleted))
        {
            while (_ahead.Count > 0)
            {
                DropNext();
            }

            Forget();
        }
    }

    private void Forget()
    {
        (_bytes, _run) = (0, 0);
        _spare.Clear();
        _piece = null;
        if (_held > 0)
        {
            budget.Give(Held);
            budget.Leave();
            _held = 0;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await ForgetAsync();
        await file.DisposeAsync();
    }

    private async ValueTask DropAheadAsync()
    {
        while (_ahead.TryPeek(out var next))
        {
            await Task.WhenAny(next.Read); // until it has ended, however it ends, it writes into its piece
            DropNext();
        }
    }

    private void DropNext()
    {
        var (piece, read) = _ahead.Dequeue();
        _ = read.Exception; // nobody wanted what it read
        _spare.Push(piece);
    }

    private async ValueTask<bool> MoveToAsync(long offset, CancellationToken ct)
    {
        var readsOn = offset == End && _bytes == (_piece ?? _head).Length;
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
            await DropAheadAsync();
            Use(readsOn && !_isStraight ? TryTakePiece() : null);
            (_offset, _bytes) = (offset, await file.ReadAtAsync(offset, _piece ?? _head, ct));
        }

        while (readsOn && !_isStraight && _bytes == _piece?.Length && _ahead.Count < PiecesAhead && TryTakePiece() is { } piece)
        {
            var read = file.ReadAtAsync(End + ((long)_ahead.Count * sizes.Piece), piece, CancellationToken.None).AsTask();
            _ahead.Enqueue((piece, read));
            if (read.IsCompleted)
            {
                break; // it was at hand, and so will the next be when its turn comes
            }
        }

        return _bytes > 0;
    }

    private byte[]? TryTakePiece()
    {
        if (_spare.TryPop(out var spare))
        {
            return spare;
        }

        if (_held == 0)
        {
            budget.Join();
        }

        if (!budget.TryTake(sizes.Piece, Held))
        {
            if (_held == 0)
            {
                budget.Leave();
            }

            return null;
        }

        _held++;
        return new byte[sizes.Piece];
    }

    private void Use(byte[]? piece)
    {
        _bytes = 0; // of the one before: should the read fail, nothing is here
        if (_piece is not null)
        {
            _spare.Push(_piece);
        }

        _piece = piece;
    }
}
