namespace MiniMilvus.Tidy;

/// <summary>A place where a left-over pattern is right: which file, which pattern, why.</summary>
internal sealed record Allowance(string Path, string Pattern, string Reason);

internal static class Allowances
{
    public static readonly Allowance[] All =
    [
        new("src/Rpc/Api/", "NotImplemented" + "Exception", "the documented behaviour of a virtual gRPC method that nobody overrides"),
    ];
}
