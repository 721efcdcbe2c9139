using MiniMilvus.Simulation.Golden;
using Xunit.Abstractions;

namespace MiniMilvus.Simulation;

/// <summary>
/// Scripts that tell a protocol as a story, carried out on the production code in twenty worlds that differ in the order of everything that is
/// ready at the same time: each has to give the transcript in the file. Set MINIMILVUS_WRITE_GOLDEN to a folder to write the files again.
/// </summary>
[Collection(nameof(Simulation))]
public sealed class GoldenTests(ITestOutputHelper output)
{
    private const int Worlds = 20;

    [Theory]
    [InlineData("tick")]
    [InlineData("delete")]
    [InlineData("transaction")]
    [InlineData("handoff")]
    [InlineData("compaction")]
    public void A_script_gives_the_transcript_of_its_file_in_every_world(string topic)
    {
        var file = Path.Combine(AppContext.BaseDirectory, "Golden", $"{topic}.golden");
        if (Environment.GetEnvironmentVariable("MINIMILVUS_WRITE_GOLDEN") is { Length: > 0 } folder)
        {
            File.WriteAllText(Path.Combine(folder, $"{topic}.golden"), WorldProcess.Run(output, "transcript", file));
            return;
        }

        WorldProcess.Run(output, "golden", file, $"{Worlds}");
    }

    [Fact]
    public void A_difference_names_the_line_and_shows_the_step_both_ways()
    {
        string[] expected = ["# S6", "> delete a", "  acked at t2", "> search @now", "  sees b"];
        Assert.Null(GoldenScript.Difference("x", expected, [.. expected]));
        var difference = GoldenScript.Difference("x", expected, [.. expected[..4], "  sees a b"]);
        Assert.Equal("x, line 5: expected '  sees b', found '  sees a b'\n--- expected\n> search @now\n  sees b\n--- found\n> search @now\n  sees a b", difference);
        Assert.Contains("expected '(the end)'", GoldenScript.Difference("x", expected, [.. expected, "  more"]), StringComparison.Ordinal);
        Assert.Contains("found '(the end)'", GoldenScript.Difference("x", expected, expected[..4]), StringComparison.Ordinal);
    }
}
