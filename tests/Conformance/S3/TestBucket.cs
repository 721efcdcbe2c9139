using MiniMilvus.Storage.Objects;
using MiniMilvus.Storage.S3;

namespace MiniMilvus.Conformance.S3;

/// <summary>
/// A bucket of a real server: the one that MINIMILVUS_TEST_S3 describes, else a radosgw that runs as long as the tests that share it.
/// The variable has settings with semicolons between: profile=minio;endpoint=http://127.0.0.1:9000;bucket=tests;accessKey=…;secretKey=…
/// (also region, sessionToken, rootPath, pathStyle, createBucket; without keys those of the environment are taken).
/// </summary>
public sealed class TestBucket : IAsyncLifetime
{
    public const string Variable = "MINIMILVUS_TEST_S3";
    private static int s_roots;
    private readonly string _run = Path.GetRandomFileName();
    private Radosgw? _radosgw;
    private S3Options? _options;

    /// <summary>Whether the bucket is a user's, which is left as it was found.</summary>
    public static bool IsForeign => !string.IsNullOrEmpty(Environment.GetEnvironmentVariable(Variable));

    public Task InitializeAsync() => Task.CompletedTask;

    /// <summary>Each time another root path.</summary>
    public async Task<S3Options> OptionsAsync()
    {
        _options ??= IsForeign ? Parse(Environment.GetEnvironmentVariable(Variable)!) : (_radosgw = await Radosgw.StartAsync()).Options;
        return _options with { RootPath = $"{(_options.RootPath.Length > 0 ? _options.RootPath + "/" : "")}minimilvus-tests/{_run}/{Interlocked.Increment(ref s_roots)}" };
    }

    /// <summary>Removes what a test left in a user's bucket.</summary>
    public static async Task CleanAsync(IObjectStore store)
    {
        if (!IsForeign)
        {
            return;
        }

        await foreach (var info in store.ListAsync("", CancellationToken.None))
        {
            await store.DeleteAsync(info.Key, CancellationToken.None);
        }
    }

    public async Task DisposeAsync()
    {
        if (_radosgw is not null)
        {
            await _radosgw.DisposeAsync();
        }
    }

    public static S3Options Parse(string text)
    {
        var settings = text.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Select(part => part.Split('=', 2) is [var name, var value] ? (name, value) : throw new FormatException($"{Variable}: expected name=value, found '{part.Split('=')[0]}'"))
            .ToDictionary(s => s.name, s => s.value, StringComparer.OrdinalIgnoreCase);
        string? Take(string name) => settings.Remove(name, out var value) ? value : null;
        string Need(string name) => Take(name) ?? throw new FormatException($"{Variable}: {name} is missing");
        var options = new S3Options
        {
            Profile = S3Profile.Parse(Need("profile")),
            Bucket = Need("bucket"),
            Endpoint = Take("endpoint") is { } endpoint ? new Uri(endpoint) : null,
            Region = Take("region"),
            RootPath = Take("rootPath") ?? "",
            PathStyle = Take("pathStyle") is { } style ? bool.Parse(style) : null,
            CreatesBucket = Take("createBucket") is { } creates && bool.Parse(creates),
            Credentials = Take("accessKey") is { } id ? new S3Credentials(id, Need("secretKey"), Take("sessionToken")) : null,
        };
        return settings.Count == 0 ? options.Validate() : throw new FormatException($"{Variable}: nothing is called {string.Join(", ", settings.Keys)}");
    }
}

[CollectionDefinition(Name)]
public sealed class TestBucketTests : ICollectionFixture<TestBucket>
{
    public const string Name = "a real S3 server";
}
