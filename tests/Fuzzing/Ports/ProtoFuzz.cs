using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace MiniMilvus.Fuzzing.Ports;

/// <summary>Bytes that are protobuf of a type, with values nobody would send: extremes, invalid UTF-8, absurd enums, several arms of a oneof, deep nesting.</summary>
internal static class ProtoFuzz
{
    private static readonly long[] Numbers = [0, 1, -1, 2, 100, 1024, 32768, int.MaxValue, int.MinValue, long.MaxValue, long.MinValue, uint.MaxValue];
    private static readonly string[] Texts =
    [
        "", "victim", "vector", "id", "_default", "default", "nothing", "\0", "ä€😀", "id > 5", "'", "id in [", new string('a', 300), new string('x', 70_000), "../../etc", "9223372036854775808", "{\"a\":", "[[[[",
        "by-dev_0", "by-dev_0_100v0", "no_0v", "x", "v", "{}", "null", "{\"$type\":\"dropDatabase\"}",
    ];

    public static byte[] Message(MessageDescriptor type, Random random, int depth = 0)
    {
        using var stream = new MemoryStream();
        var output = new CodedOutputStream(stream);
        foreach (var field in type.Fields.InFieldNumberOrder())
        {
            for (var times = random.Next(3) == 0 ? 0 : field.IsRepeated ? random.Next(4) : 1; times > 0; times--)
            {
                Write(output, field, random, depth);
            }
        }

        if (random.Next(20) == 0)
        {
            output.WriteTag(random.Next(1, 30), (WireFormat.WireType)random.Next(6)); // nothing fits behind it
        }

        output.Flush();
        return stream.ToArray();
    }

    private static void Write(CodedOutputStream output, FieldDescriptor field, Random random, int depth)
    {
        if (random.Next(60) == 0)
        {
            output.WriteTag(field.FieldNumber, WireFormat.WireType.LengthDelimited); // of another wire type, and longer than there is
            output.WriteLength(random.Next(2) == 0 ? 3 : int.MaxValue);
            return;
        }

        var number = Numbers[random.Next(Numbers.Length)];
        switch (field.FieldType)
        {
            case FieldType.Message:
                if (depth < 6)
                {
                    output.WriteTag(field.FieldNumber, WireFormat.WireType.LengthDelimited);
                    output.WriteBytes(ByteString.CopyFrom(Message(field.MessageType, random, depth + 1)));
                }

                break;
            case FieldType.String or FieldType.Bytes:
                output.WriteTag(field.FieldNumber, WireFormat.WireType.LengthDelimited);
                output.WriteBytes(random.Next(15) == 0 ? ByteString.CopyFrom(0xC3, 0x28, 0xFF) : ByteString.CopyFromUtf8(Texts[random.Next(Texts.Length)]));
                break;
            case FieldType.Float or FieldType.Fixed32 or FieldType.SFixed32:
                output.WriteTag(field.FieldNumber, WireFormat.WireType.Fixed32);
                output.WriteFloat(random.Next(4) switch { 0 => float.NaN, 1 => float.PositiveInfinity, 2 => float.MaxValue, _ => number });
                break;
            case FieldType.Double or FieldType.Fixed64 or FieldType.SFixed64:
                output.WriteTag(field.FieldNumber, WireFormat.WireType.Fixed64);
                output.WriteDouble(random.Next(4) switch { 0 => double.NaN, 1 => double.NegativeInfinity, _ => number });
                break;
            default:
                output.WriteTag(field.FieldNumber, WireFormat.WireType.Varint);
                output.WriteInt64(number);
                break;
        }
    }
}
