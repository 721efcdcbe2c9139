namespace MiniMilvus.Woodpecker.Objects;

/// <summary>What is read in order, by number: the objects of a segment, or ranges of them.</summary>
internal interface IPrefetchSource
{
    /// <summary>What to set aside for a unit that is read ahead; it may turn out smaller.</summary>
    int ReserveFor(long unit);

    /// <summary>Gets a unit before it is asked for, at most <paramref name="bytesMax"/> of it. Not tried again here.</summary>
    ValueTask<AheadAnswer> GetAheadAsync(long unit, int bytesMax, CancellationToken ct);

    /// <summary>Gets a unit; null when it is absent now.</summary>
    ValueTask<ReadOnlyMemory<byte>?> GetAsync(long unit, CancellationToken ct);
}

/// <param name="Exists">Then everything before it exists too, as a rule.</param>
/// <param name="Bytes">All of it; null when it does not exist, or is larger than what was set aside.</param>
internal readonly record struct AheadAnswer(bool Exists, ReadOnlyMemory<byte>? Bytes);
