using MiniMilvus.Conformance.Support;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Etcd;

namespace MiniMilvus.Storage.Tests.Etcd;

public sealed class EtcdOptionsTests
{
    private static readonly EtcdOptions Good = new() { Endpoints = ["127.0.0.1:2379", "http://[::1]:2379"], User = "mini", Password = "very-secret" };

    public static TheoryData<string, EtcdOptions> Wrong => new()
    {
        { "Endpoints", Good with { Endpoints = [] } },
        { "Endpoints", Good with { Endpoints = [""] } },
        { "Endpoints", Good with { Endpoints = ["ftp://127.0.0.1:2379"] } },
        { "Endpoints", Good with { Endpoints = ["http://127.0.0.1:2379/path"] } },
        { "Endpoints", Good with { Endpoints = ["http://user@127.0.0.1:2379"] } },
        { "Endpoints", Good with { Endpoints = ["http://127.0.0.1:2379"], CaFile = "ca.pem" } },
        { "RootPath", Good with { RootPath = "" } },
        { "RootPath", Good with { RootPath = "mit Ü" } },
        { "RootPath", Good with { RootPath = new string('x', 129) } },
        { "User", Good with { User = "" } },
        { "User", Good with { Password = "" } },
        { "CertificateFile", Good with { Endpoints = ["etcd-0:2379"], CertificateFile = "client.pem" } },
        { "RequestTimeout", Good with { RequestTimeout = TimeSpan.Zero } },
        { "DialTimeout", Good with { DialTimeout = TimeSpan.FromDays(1) } },
        { "WatchOutageMax", Good with { WatchOutageMax = TimeSpan.FromSeconds(-1) } },
        { "ProgressDelay", Good with { ProgressDelay = TimeSpan.Zero } },
        { "RangePageEntries", Good with { RangePageEntries = 0 } },
        { "RangeBytesMax", Good with { RangeBytesMax = 0 } },
        { "MessageBytesMax", Good with { MessageBytesMax = 1024 } },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public void A_wrong_setting_is_named_with_what_was_expected_and_found(string setting, EtcdOptions options)
    {
        var failure = Expect.Kind(ErrorKind.Invalid, options.Validate);
        Assert.Contains($"{setting}: expected", failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("very-secret", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Good_options_pass_and_show_no_password()
    {
        Good.Validate();
        new EtcdOptions().Validate();
        Assert.DoesNotContain("very-secret", Good.ToString(), StringComparison.Ordinal);
        Assert.Contains("user 'mini'", Good.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void An_address_without_a_scheme_follows_the_certificates()
    {
        Assert.Equal("http", Good.AddressOf("etcd-0:2379").Scheme);
        Assert.Equal("https", (Good with { CaFile = "ca.pem" }).AddressOf("etcd-0:2379").Scheme);
    }

    [Theory]
    [InlineData("")]
    [InlineData("no certificate")]
    public async Task A_certificate_file_that_does_not_load_is_named(string content)
    {
        var folder = new TemporaryFolder();
        var file = Path.Combine(folder.Path, "ca.pem");
        await File.WriteAllTextAsync(file, content);
        var options = new EtcdOptions { CaFile = file };
        await Expect.KindAsync(ErrorKind.Invalid, () => EtcdMetaStore.OpenAsync(options, TimeProvider.System, CancellationToken.None).AsTask());
        folder.Delete();
        var absent = await Expect.KindAsync(ErrorKind.Invalid, () => EtcdMetaStore.OpenAsync(options, TimeProvider.System, CancellationToken.None).AsTask());
        Assert.Contains(file, absent.Message, StringComparison.Ordinal);
        Assert.Contains("CaFile", absent.Message, StringComparison.Ordinal);
    }
}
