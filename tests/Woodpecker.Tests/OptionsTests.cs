using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Events;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Storage.Meta;

namespace MiniMilvus.Woodpecker.Tests;

/// <summary>A log that is given nothing of what it needs some of says so at once: it would wait for ever.</summary>
public sealed class OptionsTests
{
    public static TheoryData<string> Needed =>
    [
        nameof(WoodpeckerOptions.QueueBytesMax), nameof(WoodpeckerOptions.QueueEntriesMax), nameof(WoodpeckerOptions.ObjectGroupsInFlightMax), nameof(WoodpeckerOptions.ReadBytes),
        nameof(WoodpeckerOptions.ForeignPollInterval), nameof(WoodpeckerOptions.ForeignPollsPerMetadataLook), nameof(WoodpeckerOptions.StepTimeMax), nameof(WoodpeckerOptions.SegmentAgeMax),
    ];

    [Theory]
    [MemberData(nameof(Needed))]
    public void Nothing_of_what_is_needed_is_refused_by_name_value_and_bounds(string name)
    {
        var options = new WoodpeckerOptions();
        var property = typeof(WoodpeckerOptions).GetProperty(name)!;
        var nothing = Activator.CreateInstance(property.PropertyType)!;
        property.SetValue(options, nothing);
        var e = Assert.Throws<MiniMilvusException>(() => Start(options));
        Assert.Equal(ErrorKind.Invalid, e.Kind);
        Assert.Matches($@"^WoodpeckerOptions\.{name}: expected \S+ to \S+, found '{nothing}'$", e.Message);
    }

    private static LocalWoodpecker Start(WoodpeckerOptions options) => new(
        new SimulatedDisk(TimeProvider.System, seed: 1).Mount(), new MemoryMetaStore(TimeProvider.System), options, TimeProvider.System, NoStations.Instance, "writer");
}
