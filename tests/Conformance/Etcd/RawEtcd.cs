using Grpc.Core;
using Grpc.Net.Client;
using MiniMilvus.Storage.Etcd;
using MiniMilvus.Storage.Etcd.Wire;

namespace MiniMilvus.Conformance.Etcd;

/// <summary>An administrator: the calls that a store does not make.</summary>
internal sealed class RawEtcd(EtcdOptions options) : IDisposable
{
    private readonly GrpcChannel _channel = GrpcChannel.ForAddress(options.Endpoints[0]);

    public KV.KVClient Kv => new(_channel);

    public async Task AddUserAsync(string name, string password, string role)
    {
        await Auth.UserAddAsync(new AuthUserAddRequest { Name = name, Password = password });
        await Auth.UserGrantRoleAsync(new AuthUserGrantRoleRequest { User = name, Role = role });
    }

    /// <summary>A role that may read and write below a root path.</summary>
    public async Task AddRoleAsync(string role, string root)
    {
        await Auth.RoleAddAsync(new AuthRoleAddRequest { Name = role });
        var keys = new EtcdKeys(root);
        var permission = new Permission { PermType = Permission.Types.Type.Readwrite, Key = keys.WatchFirst, RangeEnd = keys.End };
        await Auth.RoleGrantPermissionAsync(new AuthRoleGrantPermissionRequest { Name = role, Perm = permission });
    }

    public async Task EnableAuthAsync(string rootPassword)
    {
        await Auth.RoleAddAsync(new AuthRoleAddRequest { Name = "root" });
        await AddUserAsync("root", rootPassword, "root");
        await Auth.AuthEnableAsync(new AuthEnableRequest());
    }

    /// <summary>Every token given so far is invalid.</summary>
    public async Task DropTokensAsync(string rootPassword)
    {
        var token = (await Auth.AuthenticateAsync(new AuthenticateRequest { Name = "root", Password = rootPassword })).Token;
        await Auth.AuthDisableAsync(new AuthDisableRequest(), new Metadata { { "token", token } });
        await Auth.AuthEnableAsync(new AuthEnableRequest());
    }

    public void Dispose() => _channel.Dispose();

    private Auth.AuthClient Auth => new(_channel);
}
