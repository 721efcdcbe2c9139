using MiniMilvus.Core.Errors;

namespace MiniMilvus.Storage.Etcd;

/// <summary>Where etcd is, who we are there, and how long we wait. <see cref="Validate"/> names the setting that is wrong.</summary>
public record EtcdOptions
{
    private const int EndpointsMax = 16;
    private const int RootPathMax = 128;

    /// <summary>Members of one cluster: <c>http://host:port</c>, <c>https://host:port</c>, or <c>host:port</c> (https when a certificate file is set).</summary>
    public IReadOnlyList<string> Endpoints { get; init; } = ["127.0.0.1:2379"];

    /// <summary>Put before every key, so that several deployments share one etcd; a slash is added at its end. No root path may lie within another's.</summary>
    public string RootPath { get; init; } = "minimilvus/";

    /// <summary>Empty = no authentication.</summary>
    public string User { get; init; } = "";

    public string Password { get; init; } = "";

    /// <summary>PEM file of the authorities that may have signed the servers' certificates; empty = the system's.</summary>
    public string CaFile { get; init; } = "";

    /// <summary>PEM files of our own certificate and its key, for servers that ask for one.</summary>
    public string CertificateFile { get; init; } = "";

    public string KeyFile { get; init; } = "";

    /// <summary>What a connection may take.</summary>
    public TimeSpan DialTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>What a call may take, over all the endpoints that it tries.</summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a watch tries to come back before it ends in Unavailable.</summary>
    public TimeSpan WatchOutageMax { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>How long a watch may lie behind a revision that this store has shown before it asks for proof (see <see cref="EtcdMetaStore"/>).</summary>
    public TimeSpan ProgressDelay { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>Entries asked for at once by a range.</summary>
    public int RangePageEntries { get; init; } = 1000;

    /// <summary>Keys and values of one range; more is Invalid.</summary>
    public long RangeBytesMax { get; init; } = 256L * 1024 * 1024;

    /// <summary>The largest message taken from the server; pages of a range shrink until they fit.</summary>
    public int MessageBytesMax { get; init; } = 64 * 1024 * 1024;

    internal bool HasTls => CaFile.Length > 0 || CertificateFile.Length > 0;

    internal string Root => RootPath.EndsWith('/') ? RootPath : RootPath + '/';

    /// <summary>Throws Invalid with setting, expectation and finding.</summary>
    public void Validate()
    {
        Check(Endpoints.Count is > 0 and <= EndpointsMax, nameof(Endpoints), $"1 to {EndpointsMax} addresses", $"{Endpoints.Count}");
        foreach (var endpoint in Endpoints)
        {
            AddressOf(endpoint);
        }

        Check(RootPath.Length is > 0 and <= RootPathMax && RootPath.All(c => c is > ' ' and <= '~'), nameof(RootPath), $"1 to {RootPathMax} printable ASCII characters without spaces", $"'{RootPath}'");
        Check(User.Length == 0 == (Password.Length == 0), nameof(User), "user and password, or neither", User.Length > 0 ? $"user '{User}' without a password" : "a password without a user");
        Check(CertificateFile.Length == 0 == (KeyFile.Length == 0), nameof(CertificateFile), "a certificate and its key, or neither", $"'{CertificateFile}' and '{KeyFile}'");
        CheckTime(DialTimeout, nameof(DialTimeout));
        CheckTime(RequestTimeout, nameof(RequestTimeout));
        CheckTime(WatchOutageMax, nameof(WatchOutageMax));
        CheckTime(ProgressDelay, nameof(ProgressDelay));
        Check(RangePageEntries is > 0 and <= 100_000, nameof(RangePageEntries), "1 to 100,000", $"{RangePageEntries}");
        Check(RangeBytesMax > 0, nameof(RangeBytesMax), "at least 1", $"{RangeBytesMax}");
        Check(MessageBytesMax >= 4 * 1024 * 1024, nameof(MessageBytesMax), "at least 4 MiB (etcd's largest response)", $"{MessageBytesMax}");
    }

    /// <summary>The password stays out of logs.</summary>
    public sealed override string ToString() => $"etcd {string.Join(", ", Endpoints)}, root path '{Root}', {(User.Length > 0 ? $"user '{User}'" : "no user")}";

    internal Uri AddressOf(string endpoint)
    {
        var full = endpoint.Contains("://", StringComparison.Ordinal) ? endpoint : $"{(HasTls ? "https" : "http")}://{endpoint}";
        var valid = Uri.TryCreate(full, UriKind.Absolute, out var address) && address.Scheme is "http" or "https" && address.Host.Length > 0 && address.PathAndQuery == "/" && address.UserInfo.Length == 0;
        Check(valid, nameof(Endpoints), "http://host:port, https://host:port or host:port", $"'{endpoint}'");
        Check(!HasTls || address!.Scheme == "https", nameof(Endpoints), "https, for a certificate file is set", $"'{endpoint}'");
        return address!;
    }

    private static void CheckTime(TimeSpan time, string name) =>
        Check(time > TimeSpan.Zero && time <= TimeSpan.FromHours(1), name, "more than 0 and at most an hour", $"{time}");

    private static void Check(bool holds, string name, string expected, string found)
    {
        if (!holds)
        {
            throw MiniMilvusException.Invalid($"etcd: {name}: expected {expected}, found {found}");
        }
    }
}
