using System.Buffers;

namespace MiniMilvus.Storage.S3;

/// <summary>A sequence as a stream that is read without a copy of the whole; it can be read again from its start (once for the hash, once for the wire).</summary>
internal sealed class SequenceStream(ReadOnlySequence<byte> content) : Stream
{
    private SequencePosition _at = content.Start;
    private long _position;
    private volatile bool _ended;

    public override bool CanRead => true;

    public override bool CanSeek => true;

    public override bool CanWrite => false;

    public override long Length => content.Length;

    public override long Position
    {
        get => _position;
        set
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, content.Length);
            _at = content.GetPosition(value);
            _position = value;
        }
    }

    public override int Read(Span<byte> buffer)
    {
        ObjectDisposedException.ThrowIf(_ended, this);
        var take = (int)Math.Min(buffer.Length, content.Length - _position);
        var end = content.GetPosition(take, _at);
        content.Slice(_at, end).CopyTo(buffer);
        (_at, _position) = (end, _position + take);
        return take;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        cancellationToken.IsCancellationRequested ? ValueTask.FromCanceled<int>(cancellationToken) : new(Read(buffer.Span));

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override async Task CopyToAsync(Stream destination, int bufferSize, CancellationToken cancellationToken)
    {
        foreach (var part in content.Slice(_at))
        {
            ObjectDisposedException.ThrowIf(_ended, this);
            await destination.WriteAsync(part, cancellationToken);
        }

        Position = content.Length;
    }

    public override long Seek(long offset, SeekOrigin origin) => Position = origin switch
    {
        SeekOrigin.Begin => offset,
        SeekOrigin.Current => _position + offset,
        _ => content.Length + offset,
    };

    public override void Flush()
    {
        // Nothing is ever written.
    }

    protected override void Dispose(bool disposing)
    {
        _ended = true;
        base.Dispose(disposing);
    }

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
