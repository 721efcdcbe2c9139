using System.Net.Sockets;
using System.Text;
using MiniMilvus.Core.Concurrency;
using MiniMilvus.Core.Errors;
using MiniMilvus.Host.Cli;
using MiniMilvus.Host.Wiring;
using MiniMilvus.Storage;
using MiniMilvus.Storage.Catalog;
using MiniMilvus.Storage.Disk;
using MiniMilvus.Storage.Etcd;
using MiniMilvus.Storage.Meta;
using MiniMilvus.Storage.S3;
using MiniMilvus.Woodpecker;
using MiniMilvus.Woodpecker.Inspection;

namespace MiniMilvus.Host.Doctor;

/// <summary>
/// Looks at everything that the settings name, one after the other, each within a bound. It takes nothing and changes nothing; the one thing it writes
/// are the scratch objects of the probe, which it removes.
/// </summary>
internal sealed class Examination(HostOptions options, TimeProvider time)
{
    private static readonly TimeSpan AnswerTime = TimeSpan.FromSeconds(5);
    private readonly List<Finding> _findings = [];
    private bool _isUp;
    private StoreCapabilities? _probed;

    public async Task<IReadOnlyList<Finding>> RunAsync(CancellationToken ct)
    {
        await GuardAsync("bucket", LookAtBucketAsync, ct);
        await GuardAsync("etcd", LookAtEtcdAsync, ct);
        LookAtFolder();
        _findings.Add(MemoryFindings.Of(options.Woodpecker, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes));
        await GuardAsync("metadata and log", LookInsideAsync, ct);
        return _findings;
    }

    private async Task LookAtBucketAsync(CancellationToken ct)
    {
        if (options.StorageType != StorageType.Remote)
        {
            return;
        }

        var settings = Stores.S3Of(options.Minio) with { CreatesBucket = false, RequestTimeout = AnswerTime };
        using var store = await S3ObjectStore.OpenAsync(settings, time, ct);
        var began = time.GetTimestamp();
        await store.HeadAsync("doctor", ct);
        _findings.Add(Finding.Ok("bucket", $"{store.Options.Name} answers in {FindingText.Milliseconds(time.GetElapsedTime(began))}"));
        if (settings.Endpoint is { } endpoint)
        {
            var handler = new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false, ConnectTimeout = AnswerTime };
            Add(StoreFindings.OfClock($"clock of {endpoint.Authority}", await ServerClock.AskAsync(endpoint, handler, AnswerTime, time, ct), isSigned: true));
        }

        var random = new Random(HashCode.Combine(Environment.MachineName, Environment.ProcessId, time.GetTimestamp()));
        _probed = await new ConditionalPutProbe(store, random).RunAsync(ct);
        _findings.Add(StoreFindings.OfProbe(_probed));
    }

    private async Task LookAtEtcdAsync(CancellationToken ct)
    {
        if (options.MetaType != MetaType.Etcd)
        {
            return;
        }

        EtcdOptions settings = options.Etcd with { RequestTimeout = AnswerTime };
        settings.Validate();
        var members = new List<EtcdMember>();
        foreach (var endpoint in settings.Endpoints)
        {
            await GuardAsync($"etcd {endpoint}", async t => members.Add(await EtcdMember.AskAsync(settings, endpoint, time, t)), ct);
        }

        _findings.AddRange(StoreFindings.OfMembers(members));
    }

    private void LookAtFolder()
    {
        var isLocal = options.StorageType == StorageType.Local;
        if (!isLocal && options.MetaType == MetaType.Etcd)
        {
            return;
        }

        var folder = Path.GetFullPath(options.DataFolder);
        if (options.MetaType == MetaType.Embedded && Directory.Exists(Path.Combine(folder, "meta")))
        {
            var owner = FolderLock.FindOwner(Path.Combine(folder, "meta"));
            _isUp |= owner is not null;
            _findings.Add(OwnerFindings.OfFolder(Path.Combine(folder, "meta"), owner));
        }

        if (isLocal && Directory.Exists(Path.Combine(folder, "logs")))
        {
            _findings.Add(OwnerFindings.OfFolder(Path.Combine(folder, "logs"), FolderLock.FindOwner(Path.Combine(folder, "logs"))));
            var (free, total) = new RealDisk(folder).Space();
            _findings.Add(DiskFindings.Of(folder, free, total, options.Woodpecker));
        }
    }

    private async Task LookInsideAsync(CancellationToken ct)
    {
        using var said = new StringWriter();
        await using var place = await DataPlace.OpenAsync(options, said, time, ct);
        var began = time.GetTimestamp();
        var known = await place.Metadata.ReadAsync(ct);
        if (known is null)
        {
            _findings.Add(place.Metadata.Damage is { } damage
                ? Finding.Problem("metadata", damage, "records that verify", "run minimilvus verify; restore the folder from a copy")
                : Finding.Problem("metadata", place.Metadata.Unreachable!, "a store that answers", "check --data, --metaType, --etcd.endpoints or --coordinator, and that the store runs"));
            return;
        }

        _findings.Add(Finding.Ok("metadata", $"{place.Metadata.Place}: {known.Entries.Length} keys read in {FindingText.Milliseconds(time.GetElapsedTime(began))}, revision {known.Revision}"));
        if (_probed is not null && known.Entries.FirstOrDefault(e => e.Key == ObjectFences.Key) is { } decided)
        {
            _findings.Add(StoreFindings.OfFence(StoreCapabilities.Decode(decided.Value.Span), _probed));
        }

        if (options.MetaType == MetaType.Etcd)
        {
            LookAtLease(known);
        }

        _isUp |= options.MetaType == MetaType.Embedded && options.CoordinatorAddress.Length > 0; // it has just answered
        var catalog = CatalogSnapshot.Of(known);
        await LookAtNodesAsync(catalog, ct);
        var logs = new List<LogInspection>();
        await foreach (var log in place.Logs.InspectAllAsync(ct))
        {
            logs.Add(log);
        }

        _findings.AddRange(ChannelFindings.Of(catalog, _isUp, logs.ToDictionary(l => l.Name, l => l.Epoch)));
        foreach (var log in logs)
        {
            _findings.AddRange(log.Problems.Select(p => Finding.Problem($"log {log.Name}", p, "files that verify", "run minimilvus verify")));
            if (!log.IsDeleted)
            {
                Add(options.StorageType == StorageType.Remote ? CompactionFindings.Of(log, options.Woodpecker) : null);
                Add(CollectionFindings.Of(log, options.Woodpecker, _isUp, time.GetUtcNow()));
                _findings.Add(TruncationFindings.Of(log, catalog, known, _isUp, Watermarks.Of(options.StreamingNode.BacklogBytesMax, options.StreamingNode.BacklogSlowFrom)));
            }
        }
    }

    private void LookAtLease(MetaRange known)
    {
        var owner = known.Entries.FirstOrDefault(e => e.Key == OwnerLease.CoordinatorKey) is { } entry ? Encoding.UTF8.GetString(entry.Value.Span) : null;
        var isAlive = owner is not null && OwnerLease.IsAlive(owner);
        _isUp |= isAlive;
        _findings.Add(OwnerFindings.OfLease(owner, isAlive, options.Etcd.SessionTimeToLive));
    }

    private async Task LookAtNodesAsync(CatalogSnapshot catalog, CancellationToken ct)
    {
        // Sessions outlive the coordinator that granted them.
        foreach (var node in catalog.Sessions.Values.Where(s => _isUp && s.Address.Length > 0).DistinctBy(s => s.Address).OrderBy(s => s.NodeId))
        {
            var what = $"node {node.NodeId} ({node.Role})";
            var began = time.GetTimestamp();
            _findings.Add(await ConnectAsync(node.Address, ct) is { } failure
                ? Finding.Problem(what, $"{node.Address}: {failure}", "a node that answers: its session is alive", "see whether it runs, and whether this machine may reach it")
                : Finding.Ok(what, $"{node.Address} takes a connection in {FindingText.Milliseconds(time.GetElapsedTime(began))}"));
        }
    }

    /// <summary>Null when it takes a connection.</summary>
    private async Task<string?> ConnectAsync(string address, CancellationToken ct)
    {
        using var deadline = new CancellationTokenSource(AnswerTime, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, deadline.Token);
        using var client = new TcpClient();
        try
        {
            var uri = new Uri($"http://{address}");
            await client.ConnectAsync(uri.IdnHost, uri.Port, either.Token);
            return null;
        }
        catch (Exception e) when (e is SocketException or UriFormatException)
        {
            return e.Message;
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return $"no connection within {AnswerTime.TotalSeconds:0} s";
        }
    }

    private void Add(Finding? finding)
    {
        if (finding is not null)
        {
            _findings.Add(finding);
        }
    }

    /// <summary>What does not answer is a finding, and the next look is taken all the same; bad settings end it all.</summary>
    private async Task GuardAsync(string what, Func<CancellationToken, Task> look, CancellationToken ct)
    {
        try
        {
            await look(ct);
        }
        catch (MiniMilvusException e) when (e.Kind is ErrorKind.Unavailable or ErrorKind.Corrupted || e.InnerException is not null)
        {
            if (!_findings.Any(f => f.Level == FindingLevel.Problem && f.Found == e.Message))
            {
                _findings.Add(Finding.Problem(what, e.Message, e.Kind == ErrorKind.Corrupted ? "what verifies" : "an answer", e.Kind == ErrorKind.Corrupted ? "run minimilvus verify" : "see that it runs, and that the settings name it"));
            }
        }
    }
}
