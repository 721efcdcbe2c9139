using System.Globalization;
using MiniMilvus.Simulation.Exploration;
using Xunit.Abstractions;

namespace MiniMilvus.Simulation;

/// <summary>
/// The small model of the log, whole: two writers, three entries, every order of their calls of disk, metadata and objects, and a crash at
/// every state between two of them. MINIMILVUS_LONG=1 takes the larger plots too, and every one call that fails, or happens and loses its reply.
/// </summary>
[Collection(nameof(Simulation))]
public sealed class ExplorationTests(ITestOutputHelper output)
{
    /// <summary>A plot that grows beyond this is to be made smaller, not cut.</summary>
    private const int RunsMax = 3_000_000;

    public static TheoryData<string, int> OnADisk => Plots((Plot.Takeover, 0, false), (Plot.TakeoverDuringRoll, 0, true));

    public static TheoryData<string, int> OnObjects => Plots((Plot.Takeover, 0, false), (Plot.TakeoverDuringRoll, 0, false), (Plot.Race, 0, true), (Plot.TakeoverDuringRoll, 1, true));

    [Theory]
    [MemberData(nameof(OnADisk))]
    public void On_a_disk_no_order_of_steps_loses_an_acked_entry_or_lets_an_older_writer_in(string plot, int faults) => Explore(Place.Local, plot, faults);

    [Theory]
    [MemberData(nameof(OnObjects))]
    public void On_objects_no_order_of_steps_loses_an_acked_entry_or_lets_an_older_writer_in(string plot, int faults) => Explore(Place.Objects, plot, faults);

    [Theory]
    [MemberData(nameof(OnObjects))]
    public void Under_a_lock_no_order_of_steps_loses_an_acked_entry_or_lets_an_older_writer_in(string plot, int faults) => Explore(Place.LockedObjects, plot, faults);

    private static TheoryData<string, int> Plots(params (Plot Plot, int Faults, bool IsLarge)[] plots)
    {
        var data = new TheoryData<string, int>();
        foreach (var (plot, faults, isLarge) in plots.Where(p => WorldProcess.IsLong || !p.IsLarge))
        {
            data.Add(plot.ToString(), faults);
        }

        return data;
    }

    private void Explore(Place place, string plot, int faults) =>
        WorldProcess.Run(output, "explore", place.ToString(), plot, faults.ToString(CultureInfo.InvariantCulture), RunsMax.ToString(CultureInfo.InvariantCulture));
}
