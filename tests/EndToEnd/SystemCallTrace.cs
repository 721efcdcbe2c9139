using System.Text.RegularExpressions;

namespace MiniMilvus.EndToEnd;

/// <summary>
/// What strace saw (-f -y, one line a call, or an unfinished and a resumed one), in the order of the lines. For a marker that travels
/// in a row's key: when its bytes were written to the log file, when a sync of that file that started later had returned, and when the
/// marker left through a socket, which only the answer does.
/// </summary>
internal sealed partial class SystemCallTrace
{
    private readonly List<Call> _calls = [];

    public SystemCallTrace(IEnumerable<string> lines)
    {
        var open = new Dictionary<string, Call>();
        var at = 0;
        foreach (var line in lines)
        {
            at++;
            if (Resumed().Match(line) is { Success: true } resumed)
            {
                if (open.Remove(resumed.Groups["pid"].Value, out var call))
                {
                    _calls.Add(call with { Ended = at, Succeeded = Ok(line) });
                }
            }
            else if (Started().Match(line) is { Success: true } started)
            {
                var text = started.Groups["rest"].Value;
                var call = new Call(started.Groups["name"].Value, text, at, at, Ok(line));
                if (line.EndsWith("<unfinished ...>", StringComparison.Ordinal))
                {
                    open[started.Groups["pid"].Value] = call;
                }
                else
                {
                    _calls.Add(call);
                }
            }
        }

        _calls.AddRange(open.Values.Select(c => c with { Ended = int.MaxValue, Succeeded = false }));
    }

    public int Syncs => _calls.Count(c => c.IsSync);

    /// <summary>null when the ack of this marker came after the sync of its bytes; otherwise what is wrong.</summary>
    public string? Complaint(string marker)
    {
        var written = _calls.Where(c => c.IsFileWrite && c.Text.Contains(marker, StringComparison.Ordinal)).OrderBy(c => c.Ended).FirstOrDefault();
        if (written is null)
        {
            return $"{marker}: its bytes were never written to a .wal file";
        }

        var answer = _calls.Where(c => c.IsSocketWrite && c.Text.Contains(marker, StringComparison.Ordinal)).OrderBy(c => c.Started).FirstOrDefault();
        if (answer is null)
        {
            return $"{marker}: its answer was never sent";
        }

        var synced = _calls.Where(c => c.IsSync && c.Succeeded && c.File == written.File && c.Started > written.Ended).OrderBy(c => c.Ended).FirstOrDefault();
        return synced is null ? $"{marker}: {written.File} was never synced after line {written.Ended}"
            : answer.Started < synced.Ended ? $"{marker}: written at line {written.Ended}, answered at line {answer.Started}, synced only at line {synced.Ended}"
            : null;
    }

    private static bool Ok(string line) => Result().Match(line) is { Success: true } result && !result.Groups[1].Value.StartsWith('-');

    private sealed record Call(string Name, string Text, int Started, int Ended, bool Succeeded)
    {
        public string File => Descriptor().Match(Text).Groups[1].Value;

        public bool IsSync => Name is "fdatasync" or "fsync";

        public bool IsFileWrite => Name is "pwrite64" or "pwritev" or "write" or "writev" && File.EndsWith(".wal", StringComparison.Ordinal);

        public bool IsSocketWrite => Name is "sendto" or "sendmsg" or "write" or "writev" && File.StartsWith("socket:", StringComparison.Ordinal);
    }

    [GeneratedRegex(@"^(?<pid>\d+)\s+(?<name>\w+)\((?<rest>.*)$")]
    private static partial Regex Started();

    [GeneratedRegex(@"^(?<pid>\d+)\s+<\.\.\. \w+ resumed>")]
    private static partial Regex Resumed();

    [GeneratedRegex(@"^\d+<([^>]*)>")]
    private static partial Regex Descriptor();

    [GeneratedRegex(@"\)\s+= (-?\d+)[^)]*$")]
    private static partial Regex Result();
}
