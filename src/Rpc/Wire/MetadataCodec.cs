using Grpc.Core;
using Microsoft.AspNetCore.Http;
using HttpHeaders = System.Net.Http.Headers.HttpHeaders;

namespace MiniMilvus.Rpc.Wire;

/// <summary>Metadata to HTTP headers and back. Values under a key that ends in -bin travel as base64, with or without padding.</summary>
internal static class MetadataCodec
{
    internal static Metadata Read(IHeaderDictionary headers)
    {
        var metadata = new Metadata();
        foreach ((string name, Microsoft.Extensions.Primitives.StringValues values) in headers)
        {
            if (!GrpcHeaders.IsReserved(name))
            {
                foreach (string? value in values)
                {
                    AddReceived(metadata, name, value ?? "");
                }
            }
        }

        return metadata;
    }

    internal static Metadata Read(HttpHeaders headers)
    {
        var metadata = new Metadata();
        AddAll(metadata, headers);
        return metadata;
    }

    internal static void AddAll(Metadata metadata, HttpHeaders headers)
    {
        foreach ((string name, System.Net.Http.Headers.HeaderStringValues values) in headers.NonValidated)
        {
            if (!GrpcHeaders.IsReserved(name))
            {
                foreach (string value in values)
                {
                    AddReceived(metadata, name, value);
                }
            }
        }
    }

    internal static string Encode(Metadata.Entry entry) => entry.IsBinary ? Convert.ToBase64String(entry.ValueBytes) : entry.Value;

    internal static void Write(Metadata metadata, IHeaderDictionary headers)
    {
        foreach (Metadata.Entry entry in metadata)
        {
            if (!GrpcHeaders.IsReserved(entry.Key))
            {
                headers.Append(entry.Key, Encode(entry));
            }
        }
    }

    internal static void Write(Metadata metadata, HttpHeaders headers)
    {
        foreach (Metadata.Entry entry in metadata)
        {
            if (!GrpcHeaders.IsReserved(entry.Key) && !headers.TryAddWithoutValidation(entry.Key, Encode(entry)))
            {
                throw new RpcException(new Status(StatusCode.Internal, $"Metadata key '{entry.Key}' cannot be sent as an HTTP header."));
            }
        }
    }

    private static void AddReceived(Metadata metadata, string name, string value)
    {
        if (!name.EndsWith(Metadata.BinaryHeaderSuffix, StringComparison.OrdinalIgnoreCase))
        {
            metadata.Add(name, value);
            return;
        }

        foreach (string part in value.Split(',', StringSplitOptions.TrimEntries))
        {
            try
            {
                metadata.Add(name, Convert.FromBase64String(part.PadRight((part.Length + 3) / 4 * 4, '=')));
            }
            catch (FormatException e)
            {
                throw new RpcException(new Status(StatusCode.Internal, $"Metadata key '{name}' holds a value that is not base64.", e));
            }
        }
    }
}
