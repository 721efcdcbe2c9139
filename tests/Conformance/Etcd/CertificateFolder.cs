using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using MiniMilvus.Conformance.Support;

namespace MiniMilvus.Conformance.Etcd;

/// <summary>A certificate authority of the test's own, and what it signed for 127.0.0.1 and for a client: PEM files.</summary>
internal sealed class CertificateFolder : IDisposable
{
    private static readonly DateTimeOffset From = DateTimeOffset.UtcNow.AddDays(-1);
    private static readonly DateTimeOffset Until = From.AddDays(30);
    private readonly TemporaryFolder _folder = new(isUnderTest: false);

    public CertificateFolder()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=MiniMilvus test authority", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));
        using var authority = request.CreateSelfSigned(From, Until);
        File.WriteAllText(Authority, authority.ExportCertificatePem());
        Sign(authority, "server", Server, ServerKey, 1);
        Sign(authority, "client", Client, ClientKey, 2);
    }

    public string Authority => Path.Combine(_folder.Path, "ca.pem");

    public string Server => Path.Combine(_folder.Path, "server.pem");

    public string ServerKey => Path.Combine(_folder.Path, "server.key");

    public string Client => Path.Combine(_folder.Path, "client.pem");

    public string ClientKey => Path.Combine(_folder.Path, "client.key");

    public void Dispose() => _folder.Delete();

    private static void Sign(X509Certificate2 authority, string name, string file, string keyFile, byte serial)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        // For servers and clients: etcd calls itself with the server's certificate.
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new("1.3.6.1.5.5.7.3.1"), new("1.3.6.1.5.5.7.3.2")], false));
        using var signed = request.Create(authority, From, Until, [serial]);
        File.WriteAllText(file, signed.ExportCertificatePem());
        File.WriteAllText(keyFile, key.ExportPkcs8PrivateKeyPem());
    }
}
