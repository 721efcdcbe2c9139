using MiniMilvus.Client;

// dotnet run -c Release --project samples/HelloVectors -- [--address HOST:PORT]; start a server first: dotnet run -c Release --project src/Host
var address = args is ["--address", var given] ? given : "127.0.0.1:19530";
using var client = new MilvusClient(new Uri($"http://{address}"));
Console.WriteLine($"Server {await client.GetVersionAsync()} at {address}");

if (await client.HasCollectionAsync("hello_vectors"))
{
    await client.DropCollectionAsync("hello_vectors");
}
var colours = await client.CreateCollectionAsync("hello_vectors",
[
    FieldSchema.Create<long>("id", isPrimaryKey: true),
    FieldSchema.CreateVarchar("name", maxLength: 50),
    FieldSchema.CreateFloatVector("rgb", dimension: 3),
]);
await colours.CreateIndexAsync("rgb", IndexType.Hnsw, SimilarityMetricType.L2);
await colours.LoadAsync();
await colours.WaitForCollectionLoadAsync();

await colours.InsertAsync(
[
    FieldData.Create("id", new long[] { 1, 2, 3, 4 }),
    FieldData.CreateVarChar("name", ["crimson", "forest green", "navy", "orange"]),
    FieldData.CreateFloatVector("rgb", new float[] { 0.86f, 0.08f, 0.24f, 0.13f, 0.55f, 0.13f, 0, 0, 0.5f, 1, 0.65f, 0 }, dimension: 3),
]);

ReadOnlyMemory<float> red = new float[] { 1, 0, 0 };
var found = await colours.SearchAsync("rgb", [red], SimilarityMetricType.L2, limit: 2, new SearchParameters { OutputFields = { "name" } });
foreach (var (name, distance) in found.Field<string>("name").Data.Zip(found.Scores))
{
    Console.WriteLine($"{name,-14} {distance:F3}");
}
