using MiniMilvus.Woodpecker;

namespace MiniMilvus.Host.Doctor;

/// <summary>What the log may hold in memory against what the machine has: the bound helps only where it is reached before memory ends.</summary>
internal static class MemoryFindings
{
    public static Finding Of(WoodpeckerOptions options, long machineBytes)
    {
        const string What = "memory of the log";
        var found = FormattableString.Invariant(
            $"slowed above {FindingText.Bytes((long)(options.UnackedBytesMax * options.UnackedSlowFrom))}, refused above {FindingText.Bytes(options.UnackedBytesMax)} that are not durable; {FindingText.Bytes(machineBytes)} in all");
        return options.UnackedBytesMax > machineBytes / 2
            ? Finding.Warning(What, found, $"at most half of it, {FindingText.Bytes(machineBytes / 2)}", "lower Woodpecker:UnackedBytesMax")
            : Finding.Ok(What, found);
    }
}
