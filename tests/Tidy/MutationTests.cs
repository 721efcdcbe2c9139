using System.Text.RegularExpressions;

namespace MiniMilvus.Tidy;

/// <summary>tests/Mutations: what its page says of the patches is what they say, and those that every run of CI needs are marked.</summary>
public sealed partial class MutationTests
{
    private const string Folder = "tests/Mutations";

    /// <summary>The log: checksum, fence on both kinds of store, order of acks, flush of data and of the name, look at the epoch. The readers: guarantee, deletes, handoff, checkpoint.</summary>
    private static readonly string[] s_everyRun =
    [
        "acks-out-of-order", "checkpoint-passes-a-buffer", "data-flush-left-out", "delete-files-not-applied", "directory-flush-left-out", "epoch-file-not-raised",
        "epoch-not-checked", "guarantee-not-waited-for", "handoff-forgets-buffered-deletes", "handoff-shows-both-forms", "object-fence-not-put", "payload-crc-not-checked",
    ];

    [Fact]
    public void The_page_has_a_row_for_each_patch_with_its_promise_its_tests_and_its_mark()
    {
        var rows = Row().Matches(Repository.Read($"{Folder}/README.md")).ToDictionary(m => m.Groups[1].Value, m => m.Groups[2].Value);
        var patches = Repository.Files(Folder, ".patch").ToDictionary(p => Path.GetFileNameWithoutExtension(p)!, Expected);
        Repository.None(patches.Keys.Except(rows.Keys), "These patches have no row:");
        Repository.None(rows.Keys.Except(patches.Keys), "These rows have no patch:");
        Repository.None(patches.Where(p => rows[p.Key] != p.Value).Select(p => $"{p.Key}: expected {p.Value}, found {rows[p.Key]}"), "These rows differ from their patches:");
    }

    [Fact]
    public void Every_run_of_continuous_integration_has_the_mutations_that_it_needs()
        => Assert.Equal(s_everyRun, Repository.Files(Folder, ".patch").Where(p => Header(p, "ci").Contains("yes")).Select(p => Path.GetFileNameWithoutExtension(p)));

    private static string Expected(string patch)
    {
        var tests = Header(patch, "test").Select(t => $"`{string.Join('.', t.Split('.').TakeLast(2))}`");
        return $"{Header(patch, "claim").Single()} | {string.Join("; ", tests)} | {(Header(patch, "ci").Contains("yes") ? "yes" : "")}";
    }

    private static List<string> Header(string patch, string key)
        => [.. Repository.Read(patch).Split('\n').TakeWhile(l => !l.StartsWith("diff --git", StringComparison.Ordinal))
            .Where(l => l.StartsWith($"# {key}:", StringComparison.Ordinal)).Select(l => l[(key.Length + 3)..].Trim())];

    [GeneratedRegex(@"^\| `([a-z0-9-]+)` \| (.*?) ?\|$", RegexOptions.Multiline)]
    private static partial Regex Row();
}
