using System.Globalization;
using MiniMilvus.Simulation.Exploration;
using Xunit.Abstractions;

namespace MiniMilvus.Simulation;

/// <summary>
/// The log alone, on objects that fence, on objects under a lock and on a disk: writers, readers, truncation, kills and faults at turns that a
/// seed chooses. MINIMILVUS_LONG=1 walks a thousand seeds each, in slices.
/// </summary>
[Collection(nameof(Simulation))]
public sealed class WalkTests(ITestOutputHelper output)
{
    public static TheoryData<int, int> Slices => WorldProcess.Slices(50, 40);

    [Theory]
    [MemberData(nameof(Slices))]
    public void Logs_on_objects_keep_every_invariant_under_faults_that_all_have_struck(int first, int count) => Walk(Place.Objects, first, count);

    [Theory]
    [MemberData(nameof(Slices))]
    public void Logs_under_a_lock_keep_every_invariant_under_faults_that_all_have_struck(int first, int count) => Walk(Place.LockedObjects, first, count);

    [Theory]
    [MemberData(nameof(Slices))]
    public void Logs_on_a_disk_keep_every_invariant_under_faults_that_all_have_struck(int first, int count) => Walk(Place.Local, first, count);

    [Theory]
    [InlineData(nameof(Place.Objects))]
    [InlineData(nameof(Place.LockedObjects))]
    [InlineData(nameof(Place.Local))]
    public void One_seed_of_a_log_gives_one_trace(string place)
    {
        var (first, second) = (WorldProcess.Run(output, "walk", place, "7", "1"), WorldProcess.Run(output, "walk", place, "7", "1"));
        Assert.Contains("trace", first, StringComparison.Ordinal);
        Assert.Equal(first, second);
    }

    private void Walk(Place place, int first, int count) =>
        WorldProcess.Run(output, "walk", place.ToString(), first.ToString(CultureInfo.InvariantCulture), count.ToString(CultureInfo.InvariantCulture));
}
