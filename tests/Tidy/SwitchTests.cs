using System.Text.Json;

namespace MiniMilvus.Tidy;

/// <summary>-p:UseGrpcAspNetCore=true swaps src/Rpc for the packages; without it restore never hears of them.</summary>
public sealed class SwitchTests
{
    [Fact]
    public async Task With_the_switch_Rpc_is_the_packages_and_compiles_nothing()
    {
        var items = await EvaluateAsync("src/Rpc/Rpc.csproj", "-p:UseGrpcAspNetCore=true");
        Assert.Contains("Grpc.AspNetCore.Server", Identities(items, "PackageReference"));
        Assert.Contains("Grpc.Net.Client", Identities(items, "PackageReference"));
        Assert.Empty(Identities(items, "Compile"));
    }

    [Fact]
    public async Task Without_the_switch_Rpc_is_source_and_names_no_gRPC_package()
    {
        var items = await EvaluateAsync("src/Rpc/Rpc.csproj");
        Assert.DoesNotContain(Identities(items, "PackageReference"), id => id.StartsWith("Grpc.", StringComparison.Ordinal));
        Assert.NotEmpty(Identities(items, "Compile"));
    }

    [Fact]
    public async Task With_the_switch_Protobuf_is_lifted_to_what_the_packages_want()
    {
        var items = await EvaluateAsync("src/Contracts/Contracts.csproj", "-p:UseGrpcAspNetCore=true");
        var protobuf = items.GetProperty("PackageVersion").EnumerateArray().Single(i => i.GetProperty("Identity").GetString() == "Google.Protobuf");
        Assert.True(Version.Parse(protobuf.GetProperty("Version").GetString()!) > new Version(3, 25, 1));
    }

    private static async Task<JsonElement> EvaluateAsync(string project, params string[] properties)
    {
        string[] arguments = ["msbuild", project, "-nologo", "-getItem:PackageReference", "-getItem:PackageVersion", "-getItem:Compile", .. properties];
        var (code, output) = await Tools.RunAsync("dotnet", arguments);
        Assert.True(code == 0, output);
        using var json = JsonDocument.Parse(output);
        return json.RootElement.GetProperty("Items").Clone();
    }

    private static List<string> Identities(JsonElement items, string kind)
        => [.. items.GetProperty(kind).EnumerateArray().Select(i => i.GetProperty("Identity").GetString()!)];
}
