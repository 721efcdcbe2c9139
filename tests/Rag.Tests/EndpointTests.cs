using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.AI;
using MiniMilvus.Rag.Answering;
using MiniMilvus.Rag.Embedding;

namespace MiniMilvus.Rag.Tests;

/// <summary>The two OpenAI-shaped endpoints, against a server of that shape on the loopback address.</summary>
public sealed class EndpointTests : IAsyncLifetime
{
    private readonly List<(string Path, string? Key, JsonElement Body)> _requests = [];
    private readonly Queue<(int Status, string Body)> _replies = new();
    private readonly HttpClient _http = HttpEmbeddingGenerator.CreateClient("secret");
    private WebApplication? _server;
    private Uri? _address;

    public async Task InitializeAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0));
        _server = builder.Build();
        _server.Run(async context =>
        {
            var body = await JsonSerializer.DeserializeAsync<JsonElement>(context.Request.Body);
            _requests.Add((context.Request.Path, context.Request.Headers.Authorization, body));
            (context.Response.StatusCode, var reply) = _replies.Dequeue();
            context.Response.ContentType = "application/json";
            await context.Response.WriteAsync(reply);
        });
        await _server.StartAsync();
        _address = new Uri(_server.Urls.Single() + "/v1/");
    }

    public async Task DisposeAsync()
    {
        _http.Dispose();
        await _server!.DisposeAsync();
    }

    [Fact]
    public async Task Embeddings_come_back_in_the_order_of_the_texts_and_with_length_one()
    {
        _replies.Enqueue((503, "busy"));
        _replies.Enqueue((200, """{"data":[{"index":1,"embedding":[0,2]},{"index":0,"embedding":[3,4]}]}"""));
        using var generator = new HttpEmbeddingGenerator(_http, _address!, "tiny");
        var found = await generator.GenerateAsync(["a", "b"]);
        Assert.Equal([[0.6f, 0.8f], [0f, 1f]], found.Select(e => e.Vector.ToArray()));
        Assert.Equal(2, _requests.Count); // the busy answer was tried again
        Assert.All(_requests, r => Assert.Equal(("/v1/embeddings", "Bearer secret"), (r.Path, r.Key)));
        Assert.Equal("tiny", _requests[1].Body.GetProperty("model").GetString());
        Assert.Equal(["a", "b"], _requests[1].Body.GetProperty("input").EnumerateArray().Select(e => e.GetString()!));
    }

    [Theory]
    [InlineData(401, "no such key", "401: no such key")]
    [InlineData(200, """{"data":[]}""", "0 embeddings for 1 texts")]
    public async Task A_wrong_answer_of_the_embeddings_endpoint_is_an_error_in_its_own_words(int status, string reply, string expected)
    {
        _replies.Enqueue((status, reply));
        using var generator = new HttpEmbeddingGenerator(_http, _address!, "tiny");
        var error = await Assert.ThrowsAnyAsync<Exception>(() => generator.GenerateAsync(["a"]));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.Single(_requests);
    }

    [Fact]
    public async Task A_chat_endpoint_writes_the_answer_from_the_numbered_passages()
    {
        _replies.Enqueue((200, """{"choices":[{"message":{"role":"assistant","content":" The log is durable [1]. "}}]}"""));
        var answer = await Answerer().AnswerAsync("Is the log durable?", [Near], CancellationToken.None);
        Assert.Equal((true, "The log is durable [1]."), (answer.IsKnown, answer.Prose));
        var (path, _, body) = Assert.Single(_requests);
        Assert.Equal("/v1/chat/completions", path);
        var user = body.GetProperty("messages")[1].GetProperty("content").GetString()!;
        Assert.Contains("[1] a.md:1-2", user, StringComparison.Ordinal);
        Assert.Contains(Near.Text, user, StringComparison.Ordinal);
        Assert.EndsWith("Question: Is the log durable?", user, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_model_that_does_not_know_and_a_question_that_nothing_is_near_to_are_both_unknown()
    {
        _replies.Enqueue((200, """{"choices":[{"message":{"content":"I don't know."}}]}"""));
        Assert.False((await Answerer().AnswerAsync("What is the price?", [Near], CancellationToken.None)).IsKnown);
        Assert.False((await Answerer().AnswerAsync("What is the price?", [Near with { Score = 0.1f }], CancellationToken.None)).IsKnown);
        Assert.Single(_requests); // nothing near: the model is not even asked
    }

    [Fact]
    public async Task A_chat_endpoint_that_fails_is_an_error_with_its_address_and_words()
    {
        _replies.Enqueue((429, "quota exceeded"));
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => Answerer().AnswerAsync("Is it?", [Near], CancellationToken.None));
        Assert.Contains("/v1/chat/completions answered 429: quota exceeded", error.Message, StringComparison.Ordinal);
    }

    private static Passage Near => new("1", "a.md", "Log", 1, 2, "What is acked is durable.", false, 0.9f);

    private ChatAnswerer Answerer() => new(_http, _address!, "chat", new ConfidenceGate(new UniformTermWeights(), useCoverage: false, 0.35));
}
