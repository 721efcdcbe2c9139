namespace MiniMilvus.Fuzzing.Harness;

/// <summary>One format under test: whole files of it, how the production code reads one, and what may be answered to a damaged one.</summary>
/// <param name="Name">What an error must name: the file, the key, the entry.</param>
/// <param name="Samples">Whole files; parts of two may be spliced, so there are at least two.</param>
/// <param name="Read">Reads bytes with the production code and says what was read, so that two readings can be compared.</param>
internal sealed record Subject(string Name, IReadOnlyList<byte[]> Samples, Func<byte[], ValueTask<string>> Read)
{
    /// <summary>Makes the checksums fit the bytes, so that what lies behind them is reached; null where there are none.</summary>
    public Action<byte[]>? Reseal { get; init; }

    /// <summary>Why changed bytes of this format may be read as they are: who vouches for them instead. Null where the format itself does.</summary>
    public string? VouchedElsewhere { get; init; }

    /// <summary>Whether this answer is right for these damaged bytes (not resealed); null: only what was written is. Index, damaged bytes, answer.</summary>
    public Func<int, byte[], string, bool>? IsRight { get; init; }

    /// <summary>What reading may allocate beside 64 bytes for each byte read.</summary>
    public long AllocatedBytesMax { get; init; } = 256 * 1024;

    public int Cases { get; init; } = 800;
}
