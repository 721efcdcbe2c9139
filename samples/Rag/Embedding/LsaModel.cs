namespace MiniMilvus.Rag.Embedding;

/// <summary>
/// A fitted model: word statistics and the projection of words and n-grams onto the leading singular directions.
/// Immutable; the same text gives the same vector, on any machine, for as long as <see cref="Hash"/> is the same.
/// </summary>
internal sealed class LsaModel : ITermWeights
{
    private readonly Dictionary<string, int> _terms;
    private readonly float _unseenIdf;

    public LsaModel(LsaOptions options, int documentCount, string[] terms, float[] idf, float[] projection, string hash)
    {
        Options = options;
        DocumentCount = documentCount;
        Terms = terms;
        Idf = idf;
        Projection = projection;
        Hash = hash;
        _terms = new Dictionary<string, int>(terms.Length, StringComparer.Ordinal);
        for (var i = 0; i < terms.Length; i++)
        {
            _terms.Add(terms[i], i);
        }
        _unseenIdf = IdfOf(documentCount, 0);
    }

    public LsaOptions Options { get; }
    /// <summary>How many passages it was fitted on.</summary>
    public int DocumentCount { get; }
    public string[] Terms { get; }
    public float[] Idf { get; }
    /// <summary>Row f (of <see cref="LsaOptions.Rank"/> floats) is feature f: first the terms, then the n-gram buckets.</summary>
    public float[] Projection { get; }
    public string Hash { get; }

    public static float IdfOf(int documentCount, int documentsWith) => (float)(Math.Log((1.0 + documentCount) / (1.0 + documentsWith)) + 1);

    public float WeightOf(string stem) => _terms.TryGetValue(stem, out var term) ? Idf[term] : _unseenIdf;

    public float[] Encode(string text)
    {
        var vector = new float[Options.Dimension];
        var meaning = vector.AsSpan(0, Options.Rank);
        var words = vector.AsSpan(Options.Rank, Options.WordBuckets);
        var grams = vector.AsSpan(Options.Rank + Options.WordBuckets, Options.GramBuckets);
        double features = 0;
        foreach (var (stem, count) in Count(text))
        {
            var weight = WeightOf(stem) * Dampened(count);
            features += weight * weight;
            var hash = FeatureHash.Hash(stem, seed: 1);
            words[FeatureHash.Bucket(hash, Options.WordBuckets)] += weight * FeatureHash.Sign(hash);
            var second = FeatureHash.Hash(stem, seed: 2);
            words[FeatureHash.Bucket(second, Options.WordBuckets)] += weight * FeatureHash.Sign(second);
            if (_terms.TryGetValue(stem, out var term))
            {
                Project(meaning, term, weight);
            }
            var share = weight / GramNorm(stem);
            foreach (var gram in FeatureHash.Grams(stem))
            {
                grams[FeatureHash.Bucket(gram, Options.GramBuckets)] += share * FeatureHash.Sign(gram);
                Project(meaning, Terms.Length + FeatureHash.Bucket(gram, Options.FittedGramBuckets), share * Options.FittedGramWeight);
            }
        }
        // A text of words the model never saw has little meaning to it: its hashed blocks must decide.
        var explained = features == 0 ? 0 : Math.Min(1, Math.Sqrt(SquaredLength(meaning) / features));
        Scale(meaning, (float)(Options.MeaningWeight * explained));
        Scale(words, Options.WordWeight);
        Scale(grams, Options.GramWeight);
        return vector;
    }

    /// <summary>The row of the term-passage matrix for a text; used for fitting.</summary>
    public static SparseRow Features(string text, IReadOnlyDictionary<string, int> terms, float[] idf, LsaOptions options)
    {
        var row = new SortedDictionary<int, float>();
        foreach (var (stem, count) in Count(text))
        {
            if (!terms.TryGetValue(stem, out var term))
            {
                continue;
            }
            var weight = idf[term] * Dampened(count);
            row[term] = weight;
            var share = weight / GramNorm(stem) * options.FittedGramWeight;
            foreach (var gram in FeatureHash.Grams(stem))
            {
                var column = terms.Count + FeatureHash.Bucket(gram, options.FittedGramBuckets);
                row[column] = row.GetValueOrDefault(column) + share;
            }
        }
        return SparseRow.FromCounts(row).Normalised();
    }

    /// <summary>Stems and how often each occurs, in ordinal order, so that sums are always taken in the same order.</summary>
    public static SortedDictionary<string, int> Count(string text)
    {
        var counts = new SortedDictionary<string, int>(StringComparer.Ordinal);
        foreach (var stem in Tokenizer.Stems(text))
        {
            counts[stem] = counts.GetValueOrDefault(stem) + 1;
        }
        return counts;
    }

    private void Project(Span<float> meaning, int feature, float weight)
    {
        var row = Projection.AsSpan(feature * Options.Rank, Options.Rank);
        for (var i = 0; i < row.Length; i++)
        {
            meaning[i] += weight * row[i];
        }
    }

    private static float Dampened(int count) => (float)(1 + Math.Log(count));

    private static float GramNorm(string stem) => (float)Math.Sqrt(Math.Max(1, (2 * stem.Length) - 1));

    private static void Scale(Span<float> block, float weight)
    {
        var squares = SquaredLength(block);
        if (squares == 0)
        {
            return;
        }
        var scale = (float)Math.Sqrt(weight / squares);
        for (var i = 0; i < block.Length; i++)
        {
            block[i] *= scale;
        }
    }

    private static double SquaredLength(ReadOnlySpan<float> block)
    {
        double squares = 0;
        foreach (var value in block)
        {
            squares += (double)value * value;
        }
        return squares;
    }
}
