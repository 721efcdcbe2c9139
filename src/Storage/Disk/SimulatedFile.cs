namespace MiniMilvus.Storage.Disk;

/// <summary>
/// A file of the simulated disk: what readers see, what is durable, and the unsynced steps between the two. Sectors of 512 bytes are written
/// whole or not at all; unsynced sectors survive a power cut in any combination.
/// </summary>
internal sealed class SimulatedFile
{
    public const int SectorBytes = 512;
    private readonly List<Unsynced> _unsynced = [];
    private byte[] _seen = [];
    private byte[] _durable = [];
    private int _durableLength;

    public int Length { get; private set; }

    public bool HasUnsynced => _unsynced.Count > 0;

    public int Read(long offset, Span<byte> buffer)
    {
        if (offset >= Length)
        {
            return 0;
        }

        var count = (int)Math.Min(buffer.Length, Length - offset);
        _seen.AsSpan((int)offset, count).CopyTo(buffer);
        return count;
    }

    public void Write(long offset, byte[] bytes)
    {
        Grow(ref _seen, (int)offset + bytes.Length);
        bytes.CopyTo(_seen, (int)offset);
        Length = Math.Max(Length, (int)offset + bytes.Length);
        _unsynced.Add(new Unsynced((int)offset, bytes, 0));
    }

    public void SetLength(long length)
    {
        if (length < Length)
        {
            Array.Clear(_seen, (int)length, Length - (int)length);
        }

        Grow(ref _seen, (int)length);
        Length = (int)length;
        _unsynced.Add(new Unsynced(0, null, (int)length));
    }

    /// <summary>Only what is unsynced reaches the medium: what an earlier flush failed to write stays lost.</summary>
    public void Flush() => Settle(static () => true);

    /// <summary>What a failed flush leaves: the pages count as clean, so no later flush writes them.</summary>
    public void ForgetUnsynced() => _unsynced.Clear();

    /// <summary>Flips bits on the medium, under the file system's nose.</summary>
    public void Damage(long offset, byte mask)
    {
        _seen[offset] ^= mask;
        if (offset < _durableLength)
        {
            _durable[offset] ^= mask;
        }
    }

    /// <summary>Becomes what the medium holds: durable bytes and a random choice of unsynced sectors.</summary>
    public void LosePower(Random random, double survival)
    {
        Settle(() => random.NextDouble() < survival);
        _seen = (byte[])_durable.Clone();
        Length = _durableLength;
    }

    /// <summary>Brings the unsynced steps that survive to the medium, in order, sector by sector.</summary>
    private void Settle(Func<bool> survives)
    {
        foreach (var step in _unsynced)
        {
            if (step.Bytes is { } bytes)
            {
                SettleBytes(step.Offset, bytes, survives);
            }
            else if (survives())
            {
                if (step.Length < _durableLength)
                {
                    Array.Clear(_durable, step.Length, _durableLength - step.Length);
                }

                Grow(ref _durable, step.Length);
                _durableLength = step.Length;
            }
        }

        _unsynced.Clear();
    }

    private void SettleBytes(int offset, byte[] bytes, Func<bool> survives)
    {
        for (var at = 0; at < bytes.Length;)
        {
            var count = Math.Min(bytes.Length - at, SectorBytes - ((offset + at) % SectorBytes));
            if (survives())
            {
                Grow(ref _durable, offset + at + count);
                bytes.AsSpan(at, count).CopyTo(_durable.AsSpan(offset + at));
                _durableLength = Math.Max(_durableLength, offset + at + count);
            }

            at += count;
        }
    }

    private static void Grow(ref byte[] bytes, int length)
    {
        if (bytes.Length < length)
        {
            Array.Resize(ref bytes, Math.Max(length, Math.Min(bytes.Length * 2, int.MaxValue / 2)));
        }
    }

    /// <summary>Bytes at an offset, or (without bytes) a new length.</summary>
    private sealed record Unsynced(int Offset, byte[]? Bytes, int Length);
}
