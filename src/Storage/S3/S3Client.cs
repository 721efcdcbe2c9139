using Amazon;
using Amazon.Runtime;
using Amazon.S3;

namespace MiniMilvus.Storage.S3;

/// <summary>
/// AWSSDK's client, set up by the profile. It never tries again by itself: a conditional put whose first reply was lost would find its own
/// object and report a conflict, and a request that nobody counted would still be on the bill. The callers of IObjectStore retry.
/// </summary>
internal static class S3Client
{
    /// <summary>The client, and what must be disposed with it.</summary>
    public static (AmazonS3Client Client, IDisposable? Sockets) Create(S3Options options, TimeProvider time)
    {
        var config = Configure(options);
        OneHttpClient? sockets = null;
        if (options.Profile.SignsForGoogle)
        {
            var plain = new SocketsHttpHandler { MaxConnectionsPerServer = options.ConnectionsMax, ConnectTimeout = options.ConnectTimeout, AllowAutoRedirect = false };
            sockets = new OneHttpClient(new GoogleSigningHandler(options.Credentials!, options.EffectiveRegion, time, plain));
            config.HttpClientFactory = sockets;
        }

        return (Create(options, config), sockets);
    }

    private static AmazonS3Client Create(S3Options options, AmazonS3Config config) =>
        options.Credentials switch
        {
            null => new AmazonS3Client(config),
            { SessionToken: { } token } keys => new AmazonS3Client(new SessionAWSCredentials(keys.AccessKeyId, keys.SecretKey, token), config),
            var keys => new AmazonS3Client(new BasicAWSCredentials(keys.AccessKeyId, keys.SecretKey), config),
        };

    internal static AmazonS3Config Configure(S3Options options)
    {
        var config = new AmazonS3Config
        {
            ForcePathStyle = options.EffectivePathStyle,
            MaxErrorRetry = 0,
            MaxStaleConnectionRetries = 0,
            ThrottleRetries = false,
            Timeout = System.Threading.Timeout.InfiniteTimeSpan, // each request has a deadline of its own
            ConnectTimeout = options.ConnectTimeout,
            MaxConnectionsPerServer = options.ConnectionsMax,
            RequestChecksumCalculation = options.Profile.StoresChecksums ? RequestChecksumCalculation.WHEN_SUPPORTED : RequestChecksumCalculation.WHEN_REQUIRED,
            ResponseChecksumValidation = options.Profile.StoresChecksums ? ResponseChecksumValidation.WHEN_SUPPORTED : ResponseChecksumValidation.WHEN_REQUIRED,
            DisableLogging = true,
            IgnoreConfiguredEndpointUrls = true,
        };
        if (options.EffectiveEndpoint is { } endpoint)
        {
            config.ServiceURL = endpoint.GetLeftPart(UriPartial.Authority);
            config.AuthenticationRegion = options.EffectiveRegion.Length > 0 ? options.EffectiveRegion : "us-east-1";
        }
        else
        {
            config.RegionEndpoint = RegionEndpoint.GetBySystemName(options.EffectiveRegion);
        }

        return config;
    }
}
