using System.CommandLine;
using System.Globalization;

namespace MiniMilvus.Rag;

/// <summary>What the command line asks for.</summary>
internal sealed record RagOptions
{
    public string? Ask { get; init; }
    public bool Evaluate { get; init; }
    public bool Calibrate { get; init; }
    public IReadOnlyList<string> Documents { get; init; } = [];
    public required string DataFolder { get; init; }
    public string? Address { get; init; }
    public string Collection { get; init; } = "rag_passages";
    public bool Refit { get; init; }
    public int Passages { get; init; } = 6;
    public double? Threshold { get; init; }
    public Uri? EmbeddingsUrl { get; init; }
    public string EmbeddingsModel { get; init; } = "text-embedding-3-small";
    public Uri? ChatUrl { get; init; }
    public string ChatModel { get; init; } = "gpt-4o-mini";
    public bool Plain { get; init; }

    /// <summary>Keys come from the environment only, so that they don't end up in shell histories.</summary>
    public static string? Key => Environment.GetEnvironmentVariable("RAG_API_KEY") ?? Environment.GetEnvironmentVariable("OPENAI_API_KEY");

    public static RootCommand Command(string defaultDataFolder, Func<RagOptions, CancellationToken, Task<int>> run)
    {
        var ask = new Option<string?>("--ask") { Description = "Answer one question and leave." };
        var eval = new Option<bool>("--eval") { Description = "Ask the shipped questions and print hit@5, MRR and refusals." };
        var calibrate = new Option<bool>("--calibrate") { Description = "Find the threshold for \"I don't know\" on the calibration questions." };
        var documents = new Option<string[]>("--documents") { Description = "A folder of Markdown or text files to read as well; may be repeated." };
        var data = new Option<string>("--data") { Description = "Where the model and an in-process server keep their data.", DefaultValueFactory = _ => defaultDataFolder };
        var address = new Option<string?>("--address") { Description = "HOST:PORT of a running server. Without it: 127.0.0.1:19530, started here if nobody listens." };
        var collection = new Option<string>("--collection") { Description = "Alias under which the passages are kept.", DefaultValueFactory = _ => "rag_passages" };
        var refit = new Option<bool>("--refit") { Description = "Fit a new LSA model to the documents as they are, and embed everything again." };
        var passages = new Option<int>("--passages") { Description = "Passages to search for.", DefaultValueFactory = _ => 6 };
        var threshold = new Option<string?>("--threshold") { Description = "Confidence (0 to 1) below which the answer is \"I don't know\"." };
        var embeddingsUrl = new Option<Uri?>("--embeddings-url") { Description = "Base address of an OpenAI-compatible endpoint for embeddings; the key comes from RAG_API_KEY." };
        var embeddingsModel = new Option<string>("--embeddings-model") { Description = "Its model.", DefaultValueFactory = _ => "text-embedding-3-small" };
        var chatUrl = new Option<Uri?>("--chat-url") { Description = "Base address of an OpenAI-compatible chat endpoint that writes the answers." };
        var chatModel = new Option<string>("--chat-model") { Description = "Its model.", DefaultValueFactory = _ => "gpt-4o-mini" };
        var plain = new Option<bool>("--plain") { Description = "No colours or boxes, as when the output is redirected." };
        var root = new RootCommand("Ask documents questions: retrieval-augmented generation on MiniMilvus, offline.");
        foreach (var option in new Option[] { ask, eval, calibrate, documents, data, address, collection, refit, passages, threshold, embeddingsUrl, embeddingsModel, chatUrl, chatModel, plain })
        {
            root.Options.Add(option);
        }
        root.SetAction((parsed, ct) => run(
            new RagOptions
            {
                Ask = parsed.GetValue(ask),
                Evaluate = parsed.GetValue(eval),
                Calibrate = parsed.GetValue(calibrate),
                Documents = parsed.GetValue(documents) ?? [],
                DataFolder = parsed.GetValue(data)!,
                Address = parsed.GetValue(address),
                Collection = parsed.GetValue(collection)!,
                Refit = parsed.GetValue(refit),
                Passages = Math.Clamp(parsed.GetValue(passages), 1, 50),
                Threshold = parsed.GetValue(threshold) is { } text ? double.Parse(text, CultureInfo.InvariantCulture) : null,
                EmbeddingsUrl = parsed.GetValue(embeddingsUrl),
                EmbeddingsModel = parsed.GetValue(embeddingsModel)!,
                ChatUrl = parsed.GetValue(chatUrl),
                ChatModel = parsed.GetValue(chatModel)!,
                Plain = parsed.GetValue(plain),
            },
            ct));
        return root;
    }
}
