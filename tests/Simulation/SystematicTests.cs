using System.Globalization;
using MiniMilvus.Simulation.Faults;
using Xunit.Abstractions;

namespace MiniMilvus.Simulation;

/// <summary>
/// The fixed story with a fault at every step of the disk, one run a step. With MINIMILVUS_LONG=1 every kind of fault at
/// every step, else some kinds at every third or so.
/// </summary>
[Collection(nameof(Simulation))]
public sealed class SystematicTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData(FaultKinds.Cut, 1)]
    [InlineData(FaultKinds.CutAfter, 5)]
    [InlineData(FaultKinds.Torn, 1)]
    [InlineData(FaultKinds.Kill, 7)]
    [InlineData(FaultKinds.FailBefore, 3)]
    [InlineData(FaultKinds.FailAfter, 3)]
    [InlineData(FaultKinds.NoSpace, 3)]
    [InlineData(FaultKinds.Slow, 11)]
    public void A_fault_at_any_step_loses_nothing_acked(string kind, int stride)
    {
        var step = WorldProcess.IsLong ? 1 : stride;
        WorldProcess.Run(output, "steps", kind, step.ToString(CultureInfo.InvariantCulture));
    }

    [Fact]
    public void Every_fault_strikes_every_station_where_it_applies() => WorldProcess.Run(output, "stations");

    [Fact]
    public void A_log_that_is_never_flushed_is_found_out() => WorldProcess.Run(output, "mutant");
}
