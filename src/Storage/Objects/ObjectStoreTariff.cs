using System.ComponentModel.DataAnnotations;
using MiniMilvus.Core.Errors;

namespace MiniMilvus.Storage.Objects;

/// <summary>
/// What a store charges, in any one currency. Deletes and traffic within the region are free with the usual stores; a head costs as a get,
/// a list as a put. The defaults are a list price of Amazon S3 Standard (us-east-1, US dollars): set your own.
/// </summary>
public sealed record ObjectStoreTariff
{
    private const decimal BytesPerGigabyte = 1_000_000_000;

    [Range(typeof(decimal), "0", "1000000", ParseLimitsInInvariantCulture = true, ConvertValueInInvariantCulture = true)]
    public decimal Per1000Puts { get; init; } = 0.005m;

    [Range(typeof(decimal), "0", "1000000", ParseLimitsInInvariantCulture = true, ConvertValueInInvariantCulture = true)]
    public decimal Per1000Gets { get; init; } = 0.0004m;

    [Range(typeof(decimal), "0", "1000000", ParseLimitsInInvariantCulture = true, ConvertValueInInvariantCulture = true)]
    public decimal PerGigabyteMonth { get; init; } = 0.023m;

    public decimal OfRequests(ObjectRequestTotals totals) =>
        ((totals.Puts + totals.Lists) * Per1000Puts / 1000) + ((totals.Gets + totals.Heads) * Per1000Gets / 1000);

    /// <param name="held">How long the bytes lie there; a month has 30 days.</param>
    public decimal OfStorage(long bytes, TimeSpan held) => bytes / BytesPerGigabyte * PerGigabyteMonth * (decimal)(held / TimeSpan.FromDays(30));

    /// <summary>What the requests cost for each gigabyte (10^9 bytes) that they put; null when they put nothing.</summary>
    public decimal? PerGigabytePut(ObjectRequestTotals totals) => totals.PutBytes == 0 ? null : OfRequests(totals) / (totals.PutBytes / BytesPerGigabyte);

    /// <exception cref="MiniMilvusException">Invalid: a negative price.</exception>
    public ObjectStoreTariff Validate()
    {
        foreach (var (name, price) in new[] { (nameof(Per1000Puts), Per1000Puts), (nameof(Per1000Gets), Per1000Gets), (nameof(PerGigabyteMonth), PerGigabyteMonth) })
        {
            if (price < 0)
            {
                throw MiniMilvusException.Invalid($"tariff: {name}: expected 0 or more, found {price}");
            }
        }

        return this;
    }
}
