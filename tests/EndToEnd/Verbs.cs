using System.Security.Cryptography;

namespace MiniMilvus.EndToEnd;

/// <summary>The verbs that only look, and what they must leave as it is.</summary>
internal static class Verbs
{
    public static Task<(int Code, string Output)> RunAsync(params string[] arguments) =>
        Tools.RunAsync(TimeSpan.FromSeconds(60), "dotnet", [ServerProcess.Executable, .. arguments]);

    public static SortedDictionary<string, string> Hashes(string folder) => new(
        Directory.GetFiles(folder, "*", SearchOption.AllDirectories).ToDictionary(f => f, f => Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(f)))), StringComparer.Ordinal);

    public static void Flip(string file, int at)
    {
        var bytes = File.ReadAllBytes(file);
        bytes[at] ^= 1;
        File.WriteAllBytes(file, bytes);
    }
}
