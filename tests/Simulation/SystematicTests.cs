using System.Globalization;
using MiniMilvus.Simulation.Faults;
using Xunit.Abstractions;

namespace MiniMilvus.Simulation;

/// <summary>
/// The fixed story with a fault at every step of the disk, one run a step. With MINIMILVUS_LONG=1 every kind of fault at
/// every step, else at every second or so, from a step that each run chooses anew.
/// </summary>
[Collection(nameof(Simulation))]
public sealed class SystematicTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData(FaultKinds.Cut, 2)]
    [InlineData(FaultKinds.CutAfter, 8)]
    [InlineData(FaultKinds.Torn, 1)]
    [InlineData(FaultKinds.Kill, 11)]
    [InlineData(FaultKinds.FailBefore, 6)]
    [InlineData(FaultKinds.FailAfter, 6)]
    [InlineData(FaultKinds.NoSpace, 5)]
    [InlineData(FaultKinds.Slow, 11)]
    public void A_fault_at_any_step_loses_nothing_acked(string kind, int stride)
    {
        var step = WorldProcess.IsLong ? 1 : stride;
        var first = 1 + (DateTime.UtcNow.Ticks / TimeSpan.TicksPerSecond % step);
        WorldProcess.Run(output, "steps", kind, first.ToString(CultureInfo.InvariantCulture), step.ToString(CultureInfo.InvariantCulture));
    }

    [Fact]
    public void Every_fault_strikes_every_station_where_it_applies() => WorldProcess.Run(output, "stations");

    [Fact]
    public void A_log_that_is_never_flushed_is_found_out() => WorldProcess.Run(output, "mutant");
}
