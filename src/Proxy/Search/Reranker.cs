using System.Collections.Immutable;
using System.Text.Json;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Schema;
using MiniMilvus.Proxy.Reading;

namespace MiniMilvus.Proxy.Search;

/// <summary>How the hits of several searches become one ranking: each hit of each search is given a share, and shares of one key add up.</summary>
internal abstract record Reranker
{
    private const double DefaultK = 60;

    /// <param name="search">Which search it is, from 0.</param>
    /// <param name="rank">The hit's place in it, from 1.</param>
    public abstract double Share(int search, int rank, float score, MetricType metric);

    public static Reranker Of(RequestParams parameters, int searches)
    {
        var strategy = parameters.Text("strategy") ?? "rrf";
        switch (strategy)
        {
            case "rrf":
                var k = parameters.Number("k") ?? DefaultK;
                return k is > 0 and < 16384 ? new ReciprocalRank(k) : throw MiniMilvusException.Invalid($"rrf: expected k above 0 and below 16384, found {k}");
            case "weighted":
                var weights = ParseWeights(parameters.Text("weights") ?? throw MiniMilvusException.Invalid("weighted: expected weights, found none"));
                if (weights.Length != searches)
                {
                    throw MiniMilvusException.Invalid($"weighted: expected {searches} weights, one a search, found {weights.Length}");
                }

                return new Weighted(weights, parameters.Text("norm_score") is null || parameters.Flag("norm_score"));
            default:
                throw MiniMilvusException.Invalid($"rank_params strategy: expected rrf or weighted, found '{strategy}'");
        }
    }

    private static ImmutableArray<double> ParseWeights(string json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            var weights = document.RootElement.EnumerateArray().Select(w => w.GetDouble()).ToImmutableArray();
            return weights.All(w => w is >= 0 and <= 1) ? weights : throw MiniMilvusException.Invalid($"weights: expected numbers from 0 to 1, found {json}");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            throw MiniMilvusException.Invalid($"weights: expected an array of numbers, found '{json}'");
        }
    }

    /// <summary>1 / (k + rank).</summary>
    public sealed record ReciprocalRank(double K) : Reranker
    {
        public override double Share(int search, int rank, float score, MetricType metric) => 1 / (K + rank);
    }

    /// <summary>weight × score, scores first brought to 0…1 with larger the better, so that metrics can be mixed.</summary>
    public sealed record Weighted(ImmutableArray<double> Weights, bool Normalise) : Reranker
    {
        public override double Share(int search, int rank, float score, MetricType metric) => Weights[search] * (Normalise ? Normalised(score, metric) : score);

        private static double Normalised(float score, MetricType metric) => metric switch
        {
            MetricType.Cosine => (1 + score) / 2,
            MetricType.IP => 0.5 + (Math.Atan(score) / Math.PI),
            _ => 1 - (2 * Math.Atan(score) / Math.PI),
        };
    }
}
