using System.Collections.Immutable;
using System.Globalization;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Etcd.Wire;

namespace MiniMilvus.Storage.Etcd;

/// <summary>How one member of an etcd cluster does, as it says itself. Asking writes nothing.</summary>
/// <param name="Latency">Of a call on an open connection.</param>
/// <param name="Cluster">Equal for all members of a cluster.</param>
/// <param name="HasLeader">Without one the cluster takes no writes.</param>
/// <param name="Errors">Alarms, such as "NOSPACE".</param>
/// <param name="ClockAhead">How far its clock is ahead of ours, to about a second; null when it does not say what time it is.</param>
public sealed record EtcdMember(
    string Endpoint, TimeSpan Latency, string Version, string Cluster, bool HasLeader, long DatabaseBytes, ImmutableArray<string> Errors, TimeSpan? ClockAhead)
{
    /// <summary>Asks one endpoint of the options. Errors: as <see cref="EtcdMetaStore.OpenAsync"/>.</summary>
    public static async Task<EtcdMember> AskAsync(EtcdOptions options, string endpoint, TimeProvider time, CancellationToken ct)
    {
        var only = options with { Endpoints = [endpoint] };
        using var client = new EtcdClient(only, new EtcdKeys(only.Root), time);
        await client.ReadAsync("status", async (e, call) => (await e.Maintenance.StatusAsync(new StatusRequest(), call)).Checked(), ct);
        var began = time.GetTimestamp();
        var status = await client.ReadAsync("status", async (e, call) => (await e.Maintenance.StatusAsync(new StatusRequest(), call)).Checked(), ct);
        var latency = time.GetElapsedTime(began);
        return new EtcdMember(
            client.Current.Name, latency, status.Version, status.Header.ClusterId.ToString("x", CultureInfo.InvariantCulture), status.Leader != 0, status.DbSize,
            [.. status.Errors], await ServerClock.AskAsync(new Uri(only.AddressOf(endpoint), "version"), EtcdTls.CreateHandler(only), only.RequestTimeout, time, ct));
    }
}
