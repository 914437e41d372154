using System.Text.Json.Nodes;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Google.Protobuf.WellKnownTypes;

namespace Lookup.ServiceTests.Server;

/// <summary>Changes requests that are in order into ones that no careful caller sends: times, lengths, numbers and texts at and beyond their ends.</summary>
internal static class HostileValues
{
    private const int MostChanges = 3;

    // What stands in a JSON text where one of the tokens below is to be.
    private const string Place = "\"@@here@@\"";

    private static readonly long[] Numbers =
    [
        long.MinValue, int.MinValue, -62_135_596_801, -62_135_596_800, -315_576_000_001, -315_576_000_000, -3_600, -1, 0, 1, 59, 999_999_999, 1_000_000_000,
        int.MaxValue, 2_147_483_648, 7_258_118_400, 7_258_118_401, 253_402_300_799, 253_402_300_800, 315_576_000_000, 315_576_000_001, 9_007_199_254_740_993, long.MaxValue,
    ];

    private static readonly string[] Texts =
    [
        "", " ", "\0", "*", "+", "acme", "ACME", "a/b", "\u202e", "\ud83d\udcde", "+31612345678", "0612345678", "+31612345678.0", "31612345678", "3.1612345678E10", "112",
        "NL", "XX", "nl-bmnr", "1", "NaN", "null", new('9', 400), new('a', 65), new('x', 5_000), "0-0", "AAAAAAAAAAAAAAAAAAAAAAAA", "-1", "18446744073709551616-0",
    ];

    private static readonly string[] Tokens =
    [
        // Lengths.
        "\"-0.000000001s\"", "\"0s\"", "\"-0s\"", "\"1e2s\"", "\"NaNs\"", "\"s\"", "\"-s\"", "\"+1s\"", "\" 1s\"", "\"1 s\"", "\"1.s\"", "\".5s\"", "\"0.0000000001s\"", "\"120\"", "120", "120.5",
        "\"315576000000s\"", "\"315576000000.999999999s\"", "\"315576000001s\"", "\"-315576000000s\"", "\"99999999999999999999999999999999s\"", "\"3600.000000001s\"",
        // Times.
        "\"0001-01-01T00:00:00Z\"", "\"0001-01-01T00:00:00+14:00\"", "\"0000-12-31T00:00:00Z\"", "\"1969-12-31T23:59:59.999999999Z\"", "\"9999-12-31T23:59:59.999999999Z\"",
        "\"9999-12-31T23:59:59-14:00\"", "\"10000-01-01T00:00:00Z\"", "\"2024-06-30T23:59:60Z\"", "\"2024-03-12T24:00:00Z\"", "\"2024-03-12T12:00:00+23:59\"", "\"2024-03-12T12:00:00-00:00\"",
        "\"2024-03-12T12:00:00.0000000001Z\"", "\"2024-03-12T12:00:00,5Z\"", "\"2024-03-12t12:00:00z\"", "\"2024-03-12 12:00:00Z\"", "\"2024-03-12\"", "\"-2024-03-12T12:00:00Z\"", "1710000000", "1710000000.5",
        "\"٢٠٢٤-03-12T12:00:00Z\"", "\"2200-01-01T00:00:00Z\"", "\"2200-01-01T00:00:00.001Z\"",
        // Numbers.
        "0", "-0", "-1", "1", "1.0", "1e0", "1e1", "10.12", "1e-400", "1e400", "-1e400", "1e99999999999", "2147483647", "2147483648", "-2147483649", "4294967296", "9007199254740993", "18446744073709551616",
        "NaN", "Infinity", "-Infinity", "0x10", "01", "+1", ".5", "1.", "1e", "\"1\"", "\"1.0\"", "\"1e3\"", "\"NaN\"", "\"Infinity\"", "31612345678", "31612345678.0", "3.1612345678E10",
        // Names of values.
        "\"INVALID\"", "99", "\"PURPOSE_COMMERCIAL\"", "\"purpose_commercial\"", "\"PURPOSE_UNSPECIFIED\"", "\" PURPOSE_COMMERCIAL\"",
        // The rest of JSON.
        "null", "true", "false", "\"true\"", "[]", "{}", "[[]]", "[null]", "[{}]", "[1,\"1\"]", "{\"\":{}}", "{\"@type\":\"x\"}", "\"\"", "\"\\u0000\"", "\"\\ud800\"", "\"\\ud83d\\ude00\"", "tru", "\"", "{",
    ];

    /// <summary>Changes a few fields of a message, where it is or deep in it.</summary>
    internal static IMessage Change(IMessage message, Random random)
    {
        var changed = message.Descriptor.Parser.ParseFrom(message.ToByteArray());
        for (var left = random.Next(1, MostChanges + 1); left > 0; left--)
        {
            ChangeOne(changed, random, depth: 0);
        }

        return changed;
    }

    /// <summary>Changes a few values of a message's JSON; often it is none any more.</summary>
    internal static string ChangeJson(IMessage message, Random random)
    {
        var root = JsonNode.Parse(JsonFormatter.Default.Format(message))!;
        var tokens = new List<string>();
        for (var left = random.Next(1, MostChanges + 1); left > 0; left--)
        {
            Put(root.AsObject(), message.Descriptor, random);
            tokens.Add(Pick(Tokens, random));
        }

        var text = root.ToJsonString();
        foreach (var token in tokens)
        {
            var at = text.IndexOf(Place, StringComparison.Ordinal);
            text = at < 0 ? text : text[..at] + token + text[(at + Place.Length)..];
        }

        return text.Replace(Place, "0", StringComparison.Ordinal);
    }

    private static void Put(JsonObject at, MessageDescriptor type, Random random)
    {
        var fields = type.Fields.InDeclarationOrder();
        if (fields.Count == 0)
        {
            return;
        }

        var field = fields[random.Next(fields.Count)];
        if (field is { FieldType: FieldType.Message, IsRepeated: false } && !IsPlain(field.MessageType) && random.Next(4) != 0)
        {
            if (at[field.JsonName] is not JsonObject inner)
            {
                at[field.JsonName] = inner = [];
            }

            Put(inner, field.MessageType, random);
        }
        else if (field is { FieldType: FieldType.Message, IsRepeated: true } && at[field.JsonName] is JsonArray { Count: > 0 } items
            && items[random.Next(items.Count)] is JsonObject item && random.Next(4) != 0)
        {
            Put(item, field.MessageType, random);
        }
        else
        {
            var value = JsonNode.Parse(Place);
            at[random.Next(8) == 0 ? field.Name : field.JsonName] = field.IsRepeated && random.Next(2) == 0 ? new JsonArray(value) : value;
        }
    }

    private static void ChangeOne(IMessage message, Random random, int depth)
    {
        var fields = message.Descriptor.Fields.InDeclarationOrder();
        if (fields.Count == 0 || depth > 6)
        {
            return;
        }

        var field = fields[random.Next(fields.Count)];
        if (field.IsRepeated)
        {
            var list = (System.Collections.IList)field.Accessor.GetValue(message);
            if (list.Count > 0 && random.Next(4) == 0)
            {
                list.Clear();
            }
            else if (list.Count > 0 && field.FieldType == FieldType.Message && random.Next(3) != 0)
            {
                ChangeOne((IMessage)list[random.Next(list.Count)]!, random, depth + 1);
            }
            else
            {
                list.Add(Value(field, random, depth));
            }
        }
        else if (field.FieldType == FieldType.Message && field.Accessor.GetValue(message) is IMessage inner && random.Next(3) != 0)
        {
            ChangeOne(inner, random, depth + 1);
        }
        else if (random.Next(6) == 0)
        {
            field.Accessor.Clear(message);
        }
        else
        {
            field.Accessor.SetValue(message, Value(field, random, depth));
        }
    }

    private static object Value(FieldDescriptor field, Random random, int depth)
    {
        var number = random.Next(4) == 0 ? random.NextInt64(long.MinValue, long.MaxValue) : Pick(Numbers, random);
        switch (field.FieldType)
        {
            case FieldType.Message when field.MessageType.FullName == Timestamp.Descriptor.FullName:
                return new Timestamp { Seconds = number, Nanos = unchecked((int)Pick(Numbers, random)) };
            case FieldType.Message when field.MessageType.FullName == Duration.Descriptor.FullName:
                return new Duration { Seconds = number, Nanos = unchecked((int)Pick(Numbers, random)) };
            case FieldType.Message:
                var message = field.MessageType.Parser.ParseFrom([]);
                ChangeOne(message, random, depth + 1);
                return message;
            case FieldType.Enum:
                return System.Enum.ToObject(field.EnumType.ClrType, unchecked((int)number));
            case FieldType.Bool:
                return random.Next(2) == 0;
            case FieldType.String:
                return Pick(Texts, random);
            case FieldType.Bytes:
                return ByteString.CopyFromUtf8(Pick(Texts, random));
            case FieldType.Double:
                return Pick([double.NaN, double.NegativeInfinity, double.MaxValue, -0.0, double.Epsilon], random);
            case FieldType.Int32:
                return unchecked((int)number);
            case FieldType.UInt32 or FieldType.Fixed32:
                return unchecked((uint)number);
            case FieldType.UInt64 or FieldType.Fixed64:
                return unchecked((ulong)number);
            default:
                return number;
        }
    }

    // In JSON a text.
    private static bool IsPlain(MessageDescriptor type) =>
        type.FullName == Timestamp.Descriptor.FullName || type.FullName == Duration.Descriptor.FullName;

    private static T Pick<T>(IReadOnlyList<T> values, Random random) => values[random.Next(values.Count)];
}
