using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Options;

namespace MiniMilvus.Rpc.Server;

/// <summary>Kestrel's defaults suit web pages. Streams here are long and may stand still (that is back-pressure, not an attack), and sizes are bounded per message instead.</summary>
internal sealed class KestrelLimits : IConfigureOptions<KestrelServerOptions>
{
    internal const int StreamsPerConnectionMax = 2000;
    internal const int StreamWindowBytes = 2 * 1024 * 1024;
    internal const int ConnectionWindowBytes = 16 * 1024 * 1024;
    internal const long ResponseBufferBytesMax = 512 * 1024;

    public void Configure(KestrelServerOptions options)
    {
        options.Limits.Http2.MaxStreamsPerConnection = StreamsPerConnectionMax;
        options.Limits.Http2.InitialStreamWindowSize = StreamWindowBytes;
        options.Limits.Http2.InitialConnectionWindowSize = ConnectionWindowBytes;
        options.Limits.MaxResponseBufferSize = ResponseBufferBytesMax;
        options.Limits.MaxRequestBodySize = null;
        options.Limits.MinRequestBodyDataRate = null;
        options.Limits.MinResponseDataRate = null;
    }
}
