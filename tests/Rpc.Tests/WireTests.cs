using Grpc.Core;
using MiniMilvus.Rpc.Wire;

namespace MiniMilvus.Rpc.Tests;

public sealed class WireTests
{
    [Theory]
    [InlineData("plain text", "plain text")]
    [InlineData("50 %", "50 %25")]
    [InlineData("ä\r\n", "%C3%A4%0D%0A")]
    public void A_message_is_percent_encoded_and_comes_back(string text, string encoded)
    {
        Assert.Equal(encoded, GrpcHeaders.EncodeMessage(text));
        Assert.Equal(text, GrpcHeaders.DecodeMessage(encoded));
    }

    [Theory]
    [InlineData("1n", 0)]
    [InlineData("100n", 1)]
    [InlineData("3u", 30)]
    [InlineData("2m", 2 * TimeSpan.TicksPerMillisecond)]
    [InlineData("5S", 5 * TimeSpan.TicksPerSecond)]
    [InlineData("7M", 7 * TimeSpan.TicksPerMinute)]
    [InlineData("9H", 9 * TimeSpan.TicksPerHour)]
    [InlineData("99999999H", 99_999_999 * TimeSpan.TicksPerHour / 1)]
    public void A_timeout_is_read(string text, long ticks)
    {
        Assert.True(GrpcHeaders.TryParseTimeout(text, out TimeSpan timeout));
        Assert.Equal(ticks, timeout.Ticks);
    }

    [Theory]
    [InlineData("")]
    [InlineData("5")]
    [InlineData("S")]
    [InlineData("-5S")]
    [InlineData("5s")]
    [InlineData("123456789S")]
    public void What_is_not_a_timeout_is_not_read(string text) => Assert.False(GrpcHeaders.TryParseTimeout(text, out _));

    [Fact]
    public void A_written_timeout_is_never_shorter_than_asked_and_has_at_most_eight_digits()
    {
        var random = new Random(11);
        for (int i = 0; i < 1000; i++)
        {
            var asked = new TimeSpan(random.NextInt64(1, 1L << random.Next(1, 62)));
            string text = GrpcHeaders.FormatTimeout(asked);
            Assert.InRange(text.Length, 2, 9);
            Assert.True(GrpcHeaders.TryParseTimeout(text, out TimeSpan read));
            Assert.True(read.Ticks >= asked.Ticks / 10 * 10 && (read <= asked * 1.7 || read.Ticks <= 10), $"{asked} became {text}");
        }
    }

    [Fact]
    public void Metadata_keys_are_lowered_and_checked()
    {
        var metadata = new Metadata { { "Key", "v" } };
        Assert.Equal("key", metadata[0].Key);
        Assert.Throws<ArgumentException>(() => metadata.Add("key with space", "v"));
        Assert.Throws<ArgumentException>(() => metadata.Add("key-bin", "v"));
        Assert.Throws<ArgumentException>(() => metadata.Add("key", [1]));
        Assert.Throws<InvalidOperationException>(() => Metadata.Empty.Add("a", "b"));
    }

    [Fact]
    public void A_marshaller_of_either_shape_offers_the_other()
    {
        var contextual = new Marshaller<byte[]>((m, c) => c.Complete(m), c => c.PayloadAsNewBuffer());
        Assert.Equal([1, 2, 3], contextual.Deserializer(contextual.Serializer([1, 2, 3])));
        Assert.Equal("ü", Marshallers.StringMarshaller.Deserializer(Marshallers.StringMarshaller.Serializer("ü")));
    }

    [Fact]
    public void Messages_of_unknown_length_are_framed_in_one_buffer_one_after_the_other()
    {
        using var context = new BufferedSerializationContext(1000);
        for (byte i = 1; i <= 2; i++)
        {
            context.Append(i, static (b, c) =>
            {
                c.GetBufferWriter().GetSpan(1)[0] = b;
                c.GetBufferWriter().Advance(1);
                c.Complete();
            });
        }

        Assert.Throws<RpcException>(() => context.Append(1, static (_, c) => c.Complete(new byte[1001])));
        Assert.Equal([0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 2], context.Frame.ToArray());
    }
}
