using MiniMilvus.Rag.Embedding;

namespace MiniMilvus.Rag.Answering;

/// <summary>
/// Decides whether the passages found are near enough to answer from. Confidence is the mean of two numbers between 0 and 1 for a passage:
/// its score, and the share of the question's word weight that it covers (a misspelt word counts by the n-grams it shares).
/// With embeddings from elsewhere the score alone decides. The default thresholds were calibrated on a set of their own (Evaluation/calibration.json).
/// </summary>
internal sealed class ConfidenceGate(ITermWeights weights, bool useCoverage, double threshold)
{
    public const double OfflineThreshold = 0.43;
    public const double RemoteThreshold = 0.35;
    private const double SharedGramsMin = 0.5;

    public double Threshold => threshold;

    public static ConfidenceGate For(Embedder embedder, double? threshold) =>
        new(embedder.Weights, embedder.IsOffline, threshold ?? (embedder.IsOffline ? OfflineThreshold : RemoteThreshold));

    public double Confidence(string question, IReadOnlyList<Passage> passages) =>
        passages.Count == 0 ? 0 : passages.Max(p => Confidence(question, p));

    public double Confidence(string question, Passage passage)
    {
        var score = Math.Clamp(passage.Score, 0, 1);
        return useCoverage ? (score + Coverage(question, $"{passage.Heading}\n{passage.Text}")) / 2 : score;
    }

    /// <summary>The share, by weight, of the question's words that the text holds.</summary>
    public double Coverage(string question, string text)
    {
        var present = Tokenizer.Stems(text).ToHashSet(StringComparer.Ordinal);
        double total = 0;
        double covered = 0;
        foreach (var stem in Tokenizer.Stems(question).Distinct(StringComparer.Ordinal))
        {
            var weight = weights.WeightOf(stem);
            total += weight;
            covered += weight * (present.Contains(stem) ? 1 : Nearest(stem, present));
        }
        return total == 0 ? 0 : covered / total;
    }

    private static double Nearest(string stem, HashSet<string> present)
    {
        var grams = FeatureHash.Grams(stem).ToHashSet();
        double best = 0;
        foreach (var candidate in present)
        {
            if (Math.Abs(candidate.Length - stem.Length) > 3 || candidate[0] != stem[0])
            {
                continue;
            }
            var shared = 0;
            var count = 0;
            foreach (var gram in FeatureHash.Grams(candidate))
            {
                count++;
                shared += grams.Contains(gram) ? 1 : 0;
            }
            best = Math.Max(best, 2.0 * shared / (grams.Count + count));
        }
        return best >= SharedGramsMin ? best : 0;
    }
}
