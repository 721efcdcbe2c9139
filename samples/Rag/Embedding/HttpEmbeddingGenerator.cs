using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Serialization;
using Microsoft.Extensions.AI;

namespace MiniMilvus.Rag.Embedding;

/// <summary>
/// Embeddings from any endpoint that speaks the OpenAI shape: POST {base}/embeddings. Vectors are brought to length 1.
/// Busy and failing answers (429, 5xx) and broken connections are tried again, at most <see cref="AttemptsMax"/> times; anything else is an error with the endpoint's own words.
/// </summary>
internal sealed class HttpEmbeddingGenerator(HttpClient http, Uri baseAddress, string model) : IEmbeddingGenerator<string, Embedding<float>>
{
    public const int BatchMax = 64;
    public const int AttemptsMax = 5;

    private readonly EmbeddingGeneratorMetadata _metadata = new("openai-compatible", baseAddress, model);

    public static HttpClient CreateClient(string? key)
    {
        var http = new HttpClient { Timeout = TimeSpan.FromSeconds(100) };
        if (!string.IsNullOrEmpty(key))
        {
            http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        }
        return http;
    }

    public async Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
        IEnumerable<string> values, EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        var result = new GeneratedEmbeddings<Embedding<float>>();
        foreach (var batch in values.Chunk(BatchMax))
        {
            var reply = await PostAsync(batch, cancellationToken);
            if (reply.Data.Length != batch.Length)
            {
                throw new InvalidDataException($"{baseAddress} returned {reply.Data.Length} embeddings for {batch.Length} texts.");
            }
            foreach (var item in reply.Data.OrderBy(d => d.Index))
            {
                result.Add(new Embedding<float>(Normalised(item.Embedding)) { ModelId = model });
            }
        }
        return result;
    }

    public object? GetService(Type serviceType, object? serviceKey = null) =>
        serviceKey is not null ? null
        : serviceType == typeof(EmbeddingGeneratorMetadata) ? _metadata
        : serviceType.IsInstanceOfType(this) ? this
        : null;

    public void Dispose() => http.Dispose();

    private async Task<Reply> PostAsync(string[] batch, CancellationToken ct)
    {
        var address = new Uri($"{baseAddress.ToString().TrimEnd('/')}/embeddings");
        for (var attempt = 1; ; attempt++)
        {
            var wait = TimeSpan.FromMilliseconds(250 * Math.Pow(2, attempt - 1));
            try
            {
                using var response = await http.PostAsJsonAsync(address, new { model, input = batch }, ct);
                if (response.IsSuccessStatusCode)
                {
                    return await response.Content.ReadFromJsonAsync<Reply>(ct)
                        ?? throw new InvalidDataException($"{address} returned an empty body.");
                }
                var mayRetry = response.StatusCode == HttpStatusCode.TooManyRequests || (int)response.StatusCode >= 500;
                if (!mayRetry || attempt == AttemptsMax)
                {
                    var body = await response.Content.ReadAsStringAsync(ct);
                    throw new InvalidOperationException($"{address} answered {(int)response.StatusCode}: {body[..Math.Min(body.Length, 300)]}");
                }
                wait = response.Headers.RetryAfter?.Delta is { } asked && asked < TimeSpan.FromMinutes(1) ? asked : wait;
            }
            catch (HttpRequestException) when (attempt < AttemptsMax)
            {
                // Tried again below; the last attempt lets the exception out.
            }
            await Task.Delay(wait, ct);
        }
    }

    private static float[] Normalised(float[] vector)
    {
        double squares = 0;
        foreach (var value in vector)
        {
            squares += (double)value * value;
        }
        var scale = squares == 0 ? 0f : (float)(1 / Math.Sqrt(squares));
        return [.. vector.Select(v => v * scale)];
    }

    private sealed record Reply([property: JsonPropertyName("data")] Item[] Data);

    private sealed record Item([property: JsonPropertyName("index")] int Index, [property: JsonPropertyName("embedding")] float[] Embedding);
}
