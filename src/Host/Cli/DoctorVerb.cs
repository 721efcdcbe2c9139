using MiniMilvus.Host.Doctor;

namespace MiniMilvus.Host.Cli;

/// <summary><c>minimilvus doctor</c>: a line for each thing that it looked at. 1 when there is a problem.</summary>
internal static class DoctorVerb
{
    public static async Task<int> RunAsync(HostOptions options, bool json, TextWriter output, TimeProvider time, CancellationToken ct)
    {
        var findings = await new Examination(options, time).RunAsync(ct);
        foreach (var line in json ? [FindingText.Json(findings)] : FindingText.Lines(findings))
        {
            await output.WriteLineAsync(line);
        }

        return findings.Any(f => f.Level == FindingLevel.Problem) ? 1 : 0;
    }
}
