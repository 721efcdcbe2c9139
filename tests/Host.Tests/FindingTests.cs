using System.Collections.Immutable;
using System.Text.Json;
using MiniMilvus.Host.Doctor;
using MiniMilvus.Storage.Etcd;
using MiniMilvus.Storage.S3;
using MiniMilvus.Woodpecker;

namespace MiniMilvus.Host.Tests;

/// <summary>What the doctor makes of folders, leases, disks, buckets and members, and how it says so.</summary>
public sealed class FindingTests
{
    private static readonly WoodpeckerOptions Disk = new() { DiskFreeBytesMin = 1L << 30, DiskUsedFractionMax = 0.98 };

    [Theory]
    [InlineData(100L << 30, 400L << 30, "Ok")]
    [InlineData(9L << 30, 400L << 30, "Warning")] // 2 % are 8 GiB, and as much again is near
    [InlineData((8L << 30) + (1L << 29), 400L << 30, "Warning")] // half a GiB until refused: slowed
    [InlineData(7L << 30, 400L << 30, "Problem")] // more than 98 % used
    [InlineData(1L << 29, 2L << 30, "Problem")]   // less than 1 GiB
    public void A_disk_is_judged_by_the_rule_that_refuses_appends(long free, long total, string expected)
    {
        var finding = DiskFindings.Of("/data", free, total, Disk);
        Assert.Equal(expected, finding.Level.ToString());
        Assert.Equal(expected == "Problem", Disk.RefusesWith(free, total));
        Assert.Equal(expected == "Ok", finding.Advice is null);
        Assert.Equal(Disk.DiskPressure(free, total) is > 0 and < 1, finding.Found.Contains("slowed", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(10L << 30, 400L << 30, 0.0)]
    [InlineData(9L << 30, 400L << 30, 0.0)]
    [InlineData((8L << 30) + (1L << 28), 400L << 30, 0.75)]
    [InlineData(8L << 30, 400L << 30, 1.0)]
    [InlineData(0L, 400L << 30, 1.0)]
    [InlineData((1L << 30) + (1L << 29), 2L << 30, 0.5)] // 2 % are next to nothing: what counts is the GiB that is to be free
    public void A_disk_presses_by_what_is_left_until_appends_are_refused(long free, long total, double expected) =>
        Assert.Equal(expected, Disk.DiskPressure(free, total), precision: 6);

    [Theory]
    [InlineData(2L << 30, "Ok")]
    [InlineData(1L << 29, "Warning")]
    public void The_memory_of_the_log_is_judged_by_that_of_the_machine(long machine, string expected)
    {
        var finding = MemoryFindings.Of(new WoodpeckerOptions(), machine);
        Assert.Equal(expected, finding.Level.ToString());
        Assert.Contains("slowed above 384 MiB, refused above 512 MiB", finding.Found, StringComparison.Ordinal);
    }

    [Fact]
    public void A_lease_whose_process_has_ended_is_a_warning_and_one_that_lives_is_not()
    {
        Assert.Equal(FindingLevel.Ok, OwnerFindings.OfLease(null, false, TimeSpan.FromSeconds(10)).Level);
        Assert.Equal(FindingLevel.Ok, OwnerFindings.OfLease("host/17/then", true, TimeSpan.FromSeconds(10)).Level);
        var dead = OwnerFindings.OfLease("host/17/then", false, TimeSpan.FromSeconds(10));
        Assert.Equal(FindingLevel.Warning, dead.Level);
        Assert.Contains("within 10 s", dead.Advice, StringComparison.Ordinal);
        Assert.Contains("held by process 17", OwnerFindings.OfFolder("/data/meta", "process 17").Found, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ConditionalPuts.Honoured, true, "Ok")]
    [InlineData(ConditionalPuts.Ignored, true, "Problem")]
    [InlineData(ConditionalPuts.NotSupported, true, "Ok")]
    [InlineData(ConditionalPuts.NotSupported, false, "Problem")]
    [InlineData(ConditionalPuts.Honoured, false, "Problem")]
    public void A_store_that_does_not_fence_is_a_problem(ConditionalPuts puts, bool reads, string expected)
    {
        var finding = StoreFindings.OfProbe(new StoreCapabilities("bucket 'b'", "If-None-Match: *", puts, reads, "as seen"));
        Assert.Equal(expected, finding.Level.ToString());
        Assert.Contains("as seen", finding.Found, StringComparison.Ordinal);
    }

    [Fact]
    public void Members_of_two_clusters_without_a_leader_or_with_an_alarm_are_problems()
    {
        var whole = new EtcdMember("http://a:1", TimeSpan.FromMilliseconds(1.5), "3.5.1", "c1", true, 20_480, [], TimeSpan.Zero);
        Assert.All(StoreFindings.OfMembers([whole, whole with { Endpoint = "http://b:1" }]), f => Assert.Equal(FindingLevel.Ok, f.Level));
        Assert.Contains(StoreFindings.OfMembers([whole with { HasLeader = false }]), f => f.Level == FindingLevel.Problem && f.Found.Contains("no leader", StringComparison.Ordinal));
        Assert.Contains(StoreFindings.OfMembers([whole with { Errors = ["memberID:1 alarm:NOSPACE "] }]), f => f.Level == FindingLevel.Problem && f.Found.Contains("NOSPACE", StringComparison.Ordinal));
        Assert.Contains(StoreFindings.OfMembers([whole, whole with { Cluster = "c2" }]), f => f.Level == FindingLevel.Problem && f.What == "etcd cluster");
    }

    [Theory]
    [InlineData(0.4, false, "Ok")]
    [InlineData(-30, false, "Warning")]
    [InlineData(-1000, false, "Warning")]
    [InlineData(1000, true, "Problem")]
    public void Clocks_apart_are_a_warning_and_a_problem_where_requests_are_signed(double seconds, bool signed, string expected)
    {
        Assert.Equal(expected, StoreFindings.OfClock("clock of a", TimeSpan.FromSeconds(seconds), signed)!.Level.ToString());
        Assert.Null(StoreFindings.OfClock("clock of a", null, signed));
    }

    [Fact]
    public void Findings_print_as_lines_and_as_json()
    {
        Finding[] findings = [Finding.Ok("a", "fine"), Finding.Problem("longer", "3 \"found\"", "2", "repair it")];
        Assert.Equal(
            ["ok       a       fine", "problem  longer  3 \"found\" (expected 2)  -> repair it", "1 ok, 0 warnings, 1 problems"], FindingText.Lines(findings));
        using var json = JsonDocument.Parse(FindingText.Json(findings));
        Assert.Equal(1, json.RootElement.GetProperty("problems").GetInt32());
        var second = json.RootElement.GetProperty("findings")[1];
        Assert.Equal(("problem", "longer", "3 \"found\"", "2", "repair it"),
            (second.GetProperty("level").GetString(), second.GetProperty("what").GetString(), second.GetProperty("found").GetString(), second.GetProperty("expected").GetString(), second.GetProperty("advice").GetString()));
        Assert.Equal(JsonValueKind.Null, json.RootElement.GetProperty("findings")[0].GetProperty("advice").ValueKind);
    }

    [Theory]
    [InlineData(0, "0 bytes")]
    [InlineData(999, "999 bytes")]
    [InlineData(1536, "1.5 KiB")]
    [InlineData(1L << 30, "1 GiB")]
    [InlineData(812L << 20, "812 MiB")]
    public void Bytes_are_said_in_three_digits(long bytes, string expected) => Assert.Equal(expected, FindingText.Bytes(bytes));

    [Fact]
    public void Settings_are_taken_out_before_a_verb_sees_its_arguments()
    {
        var (settings, others) = Cli.CommandLine.TakeSettings(["inspect", "log", "--storageType", "remote", "by-dev_0", "--minio.bucketName=b", "--segment", "3", "--data", "d", "--nonsense", "x"]);
        Assert.Equal(["--storageType", "remote", "--minio.bucketName=b"], settings);
        Assert.Equal(["inspect", "log", "by-dev_0", "--segment", "3", "--data", "d", "--nonsense", "x"], others);
    }
}
