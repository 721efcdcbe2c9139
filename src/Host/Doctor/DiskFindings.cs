using MiniMilvus.Woodpecker;

namespace MiniMilvus.Host.Doctor;

/// <summary>Free room on the log's disk, by the rule that makes the log refuse appends.</summary>
internal static class DiskFindings
{
    public static Finding Of(string folder, long freeBytes, long totalBytes, WoodpeckerOptions options)
    {
        var what = $"disk of {folder}";
        var found = $"{FindingText.Bytes(freeBytes)} of {FindingText.Bytes(totalBytes)} free";
        var limit = FormattableString.Invariant($"at least {FindingText.Bytes(options.DiskFreeBytesMin)} free and at most {options.DiskUsedFractionMax * 100:0.#} % used");
        if (options.RefusesWith(freeBytes, totalBytes))
        {
            return Finding.Problem(what, $"{found}: appends are refused", limit, "make room: flush, drop collections, remove what is not ours; appends go on by themselves");
        }

        if (options.DiskPressure(freeBytes, totalBytes) is > 0 and var pressure)
        {
            return Finding.Warning(what, FormattableString.Invariant($"{found}: appends are slowed by up to {FindingText.Milliseconds(options.AppendDelayMax * pressure)} each"),
                $"{limit}, and {FindingText.Bytes(options.DiskSlowBytes)} more", "make room now: soon appends are refused; they go on by themselves");
        }

        // One more of what is needed: the log would refuse after so much more.
        return options.RefusesWith(freeBytes - Math.Max(options.DiskFreeBytesMin, totalBytes / 50), totalBytes)
            ? Finding.Warning(what, $"{found}: little more, and appends are refused", limit, "make room soon")
            : Finding.Ok(what, $"{found}; the log asks for {limit}");
    }
}
