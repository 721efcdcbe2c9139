using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using MiniMilvus.Core.Errors;

namespace MiniMilvus.Storage.Etcd;

/// <summary>The connections to an endpoint, with the certificates that the options name.</summary>
internal static class EtcdTls
{
    public static SocketsHttpHandler CreateHandler(EtcdOptions options)
    {
        var handler = new SocketsHttpHandler
        {
            EnableMultipleHttp2Connections = true,
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = false,
            AutomaticDecompression = DecompressionMethods.None,
            ConnectTimeout = options.DialTimeout,
            PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan,
            // Finds a vanished server below a silent watch. etcd ends connections that ask more often than every 5 s, or without a call.
            KeepAlivePingDelay = TimeSpan.FromSeconds(10),
            KeepAlivePingTimeout = TimeSpan.FromSeconds(5),
            KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests,
        };
        if (options.CaFile.Length > 0)
        {
            var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            Load(nameof(EtcdOptions.CaFile), options.CaFile, () => policy.CustomTrustStore.ImportFromPemFile(options.CaFile));
            if (policy.CustomTrustStore.Count == 0)
            {
                throw MiniMilvusException.Invalid($"etcd: {nameof(EtcdOptions.CaFile)}: expected certificates in '{options.CaFile}', found none");
            }

            handler.SslOptions.CertificateChainPolicy = policy;
        }

        if (options.CertificateFile.Length > 0)
        {
            Load(nameof(EtcdOptions.CertificateFile), options.CertificateFile, () =>
            {
                using var pem = X509Certificate2.CreateFromPemFile(options.CertificateFile, options.KeyFile);
                // Through PKCS #12: some platforms do not present a key that was never stored.
                var own = X509CertificateLoader.LoadPkcs12(pem.Export(X509ContentType.Pkcs12), null);
                handler.SslOptions.ClientCertificateContext = SslStreamCertificateContext.Create(own, null, offline: true);
            });
        }

        return handler;
    }

    private static void Load(string setting, string file, Action load)
    {
        try
        {
            load();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            throw new MiniMilvusException(ErrorKind.Invalid, ErrorReason.InvalidParameter, $"etcd: {setting}: expected a PEM file, '{file}' does not load: {e.Message}", e);
        }
    }
}
