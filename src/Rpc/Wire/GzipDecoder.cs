using System.Buffers;
using System.IO.Compression;
using Grpc.Core;

namespace MiniMilvus.Rpc.Wire;

/// <summary>Inflates one message. The limit holds for the inflated size, so a small bomb stays small.</summary>
internal static class GzipDecoder
{
    private const int StepBytes = 16 * 1024;

    internal static PooledBufferWriter Decode(in ReadOnlySequence<byte> payload, int messageBytesMax)
    {
        int length = (int)payload.Length;
        byte[] contiguous = ArrayPool<byte>.Shared.Rent(length);
        var inflated = new PooledBufferWriter();
        bool done = false;
        try
        {
            payload.CopyTo(contiguous);
            using var source = new MemoryStream(contiguous, 0, length, writable: false);
            using var gzip = new GZipStream(source, CompressionMode.Decompress);
            int read;
            while ((read = gzip.Read(inflated.GetSpan(StepBytes))) > 0)
            {
                inflated.Advance(read);
                if (inflated.WrittenBytes > messageBytesMax)
                {
                    throw MessageFrame.ReceivedTooLarge(inflated.WrittenBytes, messageBytesMax);
                }
            }

            done = true;
            return inflated;
        }
        catch (InvalidDataException e)
        {
            throw new RpcException(new Status(StatusCode.Internal, "A message flagged as gzip does not inflate.", e));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(contiguous);
            if (!done)
            {
                inflated.Dispose();
            }
        }
    }
}
