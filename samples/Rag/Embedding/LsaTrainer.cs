namespace MiniMilvus.Rag.Embedding;

/// <summary>
/// Fits a model to passages: document frequencies, the TF-IDF matrix of stems and hashed n-grams, and its truncated SVD
/// (latent semantic analysis, Deerwester and others, 1990). Deterministic: the same passages give the same model hash.
/// </summary>
internal static class LsaTrainer
{
    public static LsaModel Fit(IReadOnlyList<string> passages, LsaOptions options)
    {
        var frequencies = new SortedDictionary<string, int>(StringComparer.Ordinal);
        foreach (var passage in passages)
        {
            foreach (var stem in LsaModel.Count(passage).Keys)
            {
                frequencies[stem] = frequencies.GetValueOrDefault(stem) + 1;
            }
        }
        string[] terms = [.. frequencies
            .OrderByDescending(f => f.Value).ThenBy(f => f.Key, StringComparer.Ordinal)
            .Take(options.VocabularyMax)
            .Select(f => f.Key)
            .Order(StringComparer.Ordinal)];
        var numbers = new Dictionary<string, int>(terms.Length, StringComparer.Ordinal);
        var idf = new float[terms.Length];
        for (var i = 0; i < terms.Length; i++)
        {
            numbers.Add(terms[i], i);
            idf[i] = LsaModel.IdfOf(passages.Count, frequencies[terms[i]]);
        }
        var rows = passages.Select(p => LsaModel.Features(p, numbers, idf, options)).ToArray();
        var features = terms.Length + options.FittedGramBuckets;
        // More than half of the passages as directions would only learn them by heart.
        var rank = Math.Min(options.Rank, Math.Max(1, passages.Count / 2));
        var svd = TruncatedSvd.Compute(rows, features, rank);
        var projection = new float[features * options.Rank];
        for (var k = 0; k < svd.Right.Length; k++)
        {
            for (var f = 0; f < features; f++)
            {
                projection[(f * options.Rank) + k] = (float)svd.Right[k][f];
            }
        }
        var hash = LsaModelFile.HashOf(LsaModelFile.Body(options, passages.Count, terms, idf, projection));
        return new LsaModel(options, passages.Count, terms, idf, projection, hash);
    }
}
