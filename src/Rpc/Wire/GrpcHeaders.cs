using System.Globalization;
using System.Text;
using Grpc.Core;

namespace MiniMilvus.Rpc.Wire;

/// <summary>Names and encodings of the headers that gRPC defines over HTTP/2.</summary>
internal static class GrpcHeaders
{
    internal const string ContentType = "application/grpc";
    internal const string Status = "grpc-status";
    internal const string Message = "grpc-message";
    internal const string Timeout = "grpc-timeout";
    internal const string Encoding = "grpc-encoding";
    internal const string AcceptEncoding = "grpc-accept-encoding";
    internal const string Identity = "identity";
    internal const string Gzip = "gzip";
    internal const string AcceptedEncodings = "identity,gzip";

    private const long TimeoutDigitsMax = 99_999_999;
    private static readonly string[] StatusTexts = [.. Enumerable.Range(0, 17).Select(i => i.ToString(CultureInfo.InvariantCulture))];

    internal static string StatusText(StatusCode code) => (uint)code < (uint)StatusTexts.Length ? StatusTexts[(int)code] : ((int)code).ToString(CultureInfo.InvariantCulture);

    /// <summary>An unknown number is Unknown, as the protocol asks.</summary>
    internal static StatusCode ParseStatus(string text)
        => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int code) && code <= (int)StatusCode.Unauthenticated ? (StatusCode)code : StatusCode.Unknown;

    /// <summary>application/grpc, alone or with +format or ;parameters; application/grpc-web is another protocol.</summary>
    internal static bool IsGrpcContentType(string? contentType)
        => contentType is not null
            && contentType.StartsWith(ContentType, StringComparison.OrdinalIgnoreCase)
            && (contentType.Length == ContentType.Length || contentType[ContentType.Length] is '+' or ';');

    /// <summary>Headers that belong to the protocol or the transport and are not the application's metadata.</summary>
    internal static bool IsReserved(string name)
        => name.Length == 0
            || name[0] == ':'
            || name.Equals("content-type", StringComparison.OrdinalIgnoreCase)
            || name.Equals("content-length", StringComparison.OrdinalIgnoreCase)
            || name.Equals("te", StringComparison.OrdinalIgnoreCase)
            || name.Equals("host", StringComparison.OrdinalIgnoreCase)
            || name.Equals(Status, StringComparison.OrdinalIgnoreCase)
            || name.Equals(Message, StringComparison.OrdinalIgnoreCase)
            || name.Equals(Timeout, StringComparison.OrdinalIgnoreCase)
            || name.Equals(Encoding, StringComparison.OrdinalIgnoreCase)
            || name.Equals(AcceptEncoding, StringComparison.OrdinalIgnoreCase);

    internal static string FormatTimeout(TimeSpan timeout)
    {
        long microseconds = Math.Max(1, timeout.Ticks / TimeSpan.TicksPerMicrosecond);
        ReadOnlySpan<(long Divisor, char Unit)> units = [(1, 'u'), (1_000, 'm'), (1_000_000, 'S'), (60_000_000, 'M'), (3_600_000_000, 'H')];
        foreach ((long divisor, char unit) in units)
        {
            long value = (microseconds + divisor - 1) / divisor;
            if (value <= TimeoutDigitsMax)
            {
                return value.ToString(CultureInfo.InvariantCulture) + unit;
            }
        }

        return TimeoutDigitsMax.ToString(CultureInfo.InvariantCulture) + 'H';
    }

    internal static bool TryParseTimeout(string text, out TimeSpan timeout)
    {
        timeout = default;
        if (text.Length is < 2 or > 9 || !long.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out long value))
        {
            return false;
        }

        long? ticks = text[^1] switch
        {
            'n' => value / TimeSpan.NanosecondsPerTick,
            'u' => value * TimeSpan.TicksPerMicrosecond,
            'm' => value * TimeSpan.TicksPerMillisecond,
            'S' => value * TimeSpan.TicksPerSecond,
            'M' => value * TimeSpan.TicksPerMinute,
            'H' => value > TimeSpan.MaxValue.Ticks / TimeSpan.TicksPerHour ? TimeSpan.MaxValue.Ticks : value * TimeSpan.TicksPerHour,
            _ => null,
        };
        timeout = new TimeSpan(ticks ?? 0);
        return ticks is not null;
    }

    /// <summary>grpc-message: UTF-8 with everything but printable ASCII, and the percent sign, as %XX.</summary>
    internal static string EncodeMessage(string text)
    {
        bool plain = true;
        foreach (char c in text)
        {
            plain &= c is >= ' ' and <= '~' and not '%';
        }

        if (plain)
        {
            return text;
        }

        byte[] utf8 = System.Text.Encoding.UTF8.GetBytes(text);
        var encoded = new StringBuilder(utf8.Length + 16);
        foreach (byte b in utf8)
        {
            if (b is >= (byte)' ' and <= (byte)'~' and not (byte)'%')
            {
                encoded.Append((char)b);
            }
            else
            {
                encoded.Append(CultureInfo.InvariantCulture, $"%{b:X2}");
            }
        }

        return encoded.ToString();
    }

    /// <summary>The way back; what is not well encoded stays as it is, because a message is for people.</summary>
    internal static string DecodeMessage(string text) => text.Contains('%', StringComparison.Ordinal) ? Uri.UnescapeDataString(text) : text;
}
