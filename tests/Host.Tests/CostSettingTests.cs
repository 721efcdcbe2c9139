using MiniMilvus.Core.Errors;
using MiniMilvus.Host.Configuration;

namespace MiniMilvus.Host.Tests;

/// <summary>The settings that bound and price the requests to an object store.</summary>
public sealed class CostSettingTests
{
    private const string MaxInterval = "Woodpecker:Logstore:SegmentSyncPolicy:MaxInterval";

    [Fact]
    public void The_interval_of_puts_has_its_name_in_Milvus_and_is_shown_with_its_source()
    {
        var standard = Settings.Load(new Dictionary<string, string?>(), null);
        Assert.Equal(new EffectiveSetting(MaxInterval, "00:00:00.2000000", "default"), standard.Effective.Single(s => s.Key == MaxInterval));
        var given = Settings.Load(new Dictionary<string, string?> { ["woodpecker:logstore:segmentsyncpolicy:maxinterval"] = "00:00:00" }, null);
        Assert.Equal(TimeSpan.Zero, given.Options.Woodpecker.SyncIntervalMax);
        Assert.Equal("command line", given.Effective.Single(s => s.Key == MaxInterval).Source);
    }

    [Theory]
    [InlineData(MaxInterval, "-00:00:01", "00:00:00 to 00:01:00")]
    [InlineData(MaxInterval, "00:02:00", "00:00:00 to 00:01:00")]
    [InlineData(MaxInterval, "soon", "TimeSpan")]
    [InlineData("Tariff:Per1000Puts", "-1", "0 to 1000000")]
    [InlineData("Tariff:Per1000Gets", "much", "Decimal")]
    public void A_bad_value_names_key_value_and_bounds(string key, string value, string bounds)
    {
        var e = Assert.Throws<MiniMilvusException>(() => Settings.Load(new Dictionary<string, string?> { [key] = value }, null));
        Assert.Equal(ErrorKind.Invalid, e.Kind);
        Assert.Contains(key, e.Message, StringComparison.Ordinal);
        Assert.Contains($"'{value}'", e.Message, StringComparison.Ordinal);
        Assert.Contains(bounds, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_tariff_is_a_setting()
    {
        var tariff = Settings.Load(new Dictionary<string, string?> { ["Tariff:Per1000Puts"] = "0.0051", ["Tariff:PerGigabyteMonth"] = "0" }, null).Options.Tariff;
        Assert.Equal((0.0051m, 0.0004m, 0m), (tariff.Per1000Puts, tariff.Per1000Gets, tariff.PerGigabyteMonth));
    }
}
