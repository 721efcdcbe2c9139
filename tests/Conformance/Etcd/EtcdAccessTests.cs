using MiniMilvus.Conformance.Support;
using MiniMilvus.Conformance.Tools;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Etcd;

namespace MiniMilvus.Conformance.Etcd;

/// <summary>Users, passwords and certificates.</summary>
[NeedsTool("etcd")]
public sealed class EtcdAccessTests : EtcdScenario
{
    private const string Password = "correct-horse-battery";
    private const string RootPassword = "root-secret";

    [Fact]
    public async Task A_user_works_below_its_root_path_and_comes_back_after_its_token_is_lost()
    {
        var (server, options) = await StartWithUsersAsync();
        var store = await OpenAsync(options);
        var first = await PutAsync(store, "a", "1");
        await using var watch = await WatchAsync(store, "", first);
        Assert.Equal(first, (await NextAsync(watch)).Revision);
        var lease = await store.GrantLeaseAsync(TimeSpan.FromMinutes(1), Soon);
        await DropTokensAsync(options);
        Assert.Equal("1", Text(await store.GetAsync("a", Soon)));
        await DropTokensAsync(options);
        var second = await PutAsync(store, "a", "2");
        Assert.Equal(second, (await NextAsync(watch)).Revision);
        await DropTokensAsync(options);
        await store.KeepAliveAsync(lease, Soon);
        await server.KillAsync();
        await server.RestartAsync();
        Assert.Equal("2", Text(await store.GetAsync("a", Soon)));
    }

    [Fact]
    public async Task A_watch_alone_comes_back_after_its_token_is_lost()
    {
        var (server, options) = await StartWithUsersAsync();
        await using var proxy = new LossyProxy(server.Endpoint);
        var store = await OpenAsync(options with { Endpoints = [proxy.Endpoint] });
        await using var watch = await WatchAsync(store, "", 2);
        await DropTokensAsync(options);
        proxy.Break();
        var other = await OpenAsync(options);
        var at = await PutAsync(other, "a");
        Assert.Equal(at, (await NextAsync(watch)).Revision);
    }

    [Theory]
    [InlineData("mini", "wrong-secret")]
    [InlineData("nobody", "wrong-secret")]
    public async Task Wrong_credentials_are_refused_with_endpoint_and_user_and_without_the_password(string user, string password)
    {
        var (server, options) = await StartWithUsersAsync();
        var failure = await Expect.KindAsync(ErrorKind.Invalid, () => OpenAsync(options with { User = user, Password = password }));
        Assert.Contains(server.Endpoint, failure.Message, StringComparison.Ordinal);
        Assert.Contains($"'{user}'", failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(password, failure.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_user_or_outside_its_root_path_the_error_says_so()
    {
        var (server, options) = await StartWithUsersAsync();
        var nobody = await Expect.KindAsync(ErrorKind.Invalid, () => OpenAsync(options with { User = "", Password = "" }));
        Assert.Contains("asks for a user", nobody.Message, StringComparison.Ordinal);
        Assert.Contains(server.Endpoint, nobody.Message, StringComparison.Ordinal);
        var outside = await Expect.KindAsync(ErrorKind.Invalid, () => OpenAsync(options with { RootPath = "elsewhere" }));
        Assert.Contains("user 'mini' may not", outside.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(Password, outside.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Users_that_the_server_does_not_know_yet_do_no_harm()
    {
        var server = await StartAsync();
        var options = server.Options with { User = "mini", Password = Password };
        var store = await OpenAsync(options);
        await PutAsync(store, "a", "1");
        await EnableAsync(options);
        Assert.Equal("1", Text(await store.GetAsync("a", Soon)));
    }

    [Fact]
    public async Task TLS_with_certificates_on_both_sides()
    {
        using var files = new CertificateFolder();
        var server = await StartAsync("https", "--cert-file", files.Server, "--key-file", files.ServerKey, "--client-cert-auth", "--trusted-ca-file", files.Authority);
        var options = server.Options with { CaFile = files.Authority, CertificateFile = files.Client, KeyFile = files.ClientKey };
        var store = await OpenAsync(options);
        var at = await PutAsync(store, "a", "1");
        await using var watch = await WatchAsync(store, "", at);
        Assert.Equal(at, (await NextAsync(watch)).Revision);

        var distrusted = await Expect.KindAsync(ErrorKind.Invalid, () => OpenAsync(options with { CaFile = "" }));
        Assert.Contains(server.Endpoint, distrusted.Message, StringComparison.Ordinal);
        var unknown = await Assert.ThrowsAsync<MiniMilvusException>(() => OpenAsync(options with { CertificateFile = "", KeyFile = "" }));
        Assert.Contains(server.Endpoint, unknown.Message, StringComparison.Ordinal);
    }

    private async Task<(EtcdServer Server, EtcdOptions Options)> StartWithUsersAsync()
    {
        var server = await StartAsync();
        var options = server.Options with { User = "mini", Password = Password };
        await EnableAsync(options);
        return (server, options);
    }

    private static async Task EnableAsync(EtcdOptions options)
    {
        using var raw = new RawEtcd(options);
        await raw.AddRoleAsync("minimilvus", options.RootPath + "/");
        await raw.AddUserAsync("mini", Password, "minimilvus");
        await raw.EnableAuthAsync(RootPassword);
    }

    private static async Task DropTokensAsync(EtcdOptions options)
    {
        using var raw = new RawEtcd(options);
        await raw.DropTokensAsync(RootPassword);
    }
}
