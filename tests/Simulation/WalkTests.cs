using System.Globalization;
using MiniMilvus.Simulation.Exploration;
using Xunit.Abstractions;

namespace MiniMilvus.Simulation;

/// <summary>
/// The log alone, on objects that fence and on objects under a lock: writers, readers, truncation, kills and faults at turns that a seed chooses.
/// MINIMILVUS_LONG=1 walks a thousand seeds each.
/// </summary>
[Collection(nameof(Simulation))]
public sealed class WalkTests(ITestOutputHelper output)
{
    private static int Seeds => WorldProcess.Setting("MINIMILVUS_LONG") == 1 ? 1_000 : 40;

    [Theory]
    [InlineData(nameof(Place.Objects))]
    [InlineData(nameof(Place.LockedObjects))]
    public void Logs_on_objects_keep_every_invariant_under_faults_that_all_have_struck(string place) =>
        WorldProcess.Run(output, "walk", place, "1", Seeds.ToString(CultureInfo.InvariantCulture));

    [Theory]
    [InlineData(nameof(Place.Objects))]
    [InlineData(nameof(Place.LockedObjects))]
    public void One_seed_of_a_log_gives_one_trace(string place)
    {
        var (first, second) = (WorldProcess.Run(output, "walk", place, "7", "1"), WorldProcess.Run(output, "walk", place, "7", "1"));
        Assert.Contains("trace", first, StringComparison.Ordinal);
        Assert.Equal(first, second);
    }
}
