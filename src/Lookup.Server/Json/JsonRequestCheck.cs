using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Google.Protobuf.Reflection;
using Google.Protobuf.WellKnownTypes;
using Lookup.Core.Facts;

namespace Lookup.Server.Json;

/// <summary>
/// Compares a JSON request with the message it stands for and names every field that does not fit. The transcoder
/// skips what it does not know and tells of the rest in words of the framework; a misspelt field that is skipped can
/// turn a forbidden call into a permitted one.
/// </summary>
internal static partial class JsonRequestCheck
{
    private const string Whole = "(body)";

    /// <summary>Adds what is wrong with the value of a message.</summary>
    internal static void Check(JsonElement value, MessageDescriptor message, List<FieldFault> faults) =>
        CheckMessage(value, message, "", faults);

    private static void CheckMessage(JsonElement value, MessageDescriptor message, string path, List<FieldFault> faults)
    {
        if (value.ValueKind != JsonValueKind.Object)
        {
            faults.Add(new FieldFault(path.Length == 0 ? Whole : path, "A JSON object is expected."));
            return;
        }

        HashSet<OneofDescriptor>? oneofs = null;
        HashSet<int>? seen = null;
        foreach (var property in value.EnumerateObject())
        {
            if (Find(message, property.Name) is not { } field)
            {
                faults.Add(new FieldFault(Join(path, Quotable(property.Name)), "There is no such field."));
                continue;
            }

            var at = Join(path, field.Name);
            if (!(seen ??= []).Add(field.FieldNumber))
            {
                faults.Add(new FieldFault(at, "It is given twice."));
                continue;
            }

            if (property.Value.ValueKind == JsonValueKind.Null)
            {
                continue;
            }

            if (field.RealContainingOneof is { } oneof && !(oneofs ??= []).Add(oneof))
            {
                faults.Add(new FieldFault(at, $"Only one of {string.Join(", ", oneof.Fields.Select(f => f.Name))} can be given."));
                continue;
            }

            if (field.IsRepeated)
            {
                CheckArray(property.Value, field, at, faults);
            }
            else
            {
                CheckOne(property.Value, field, at, faults);
            }
        }
    }

    private static void CheckArray(JsonElement value, FieldDescriptor field, string path, List<FieldFault> faults)
    {
        if (value.ValueKind != JsonValueKind.Array)
        {
            faults.Add(new FieldFault(path, "A JSON array is expected."));
            return;
        }

        var index = 0;
        foreach (var item in value.EnumerateArray())
        {
            CheckOne(item, field, $"{path}[{index++}]", faults);
        }
    }

    private static void CheckOne(JsonElement value, FieldDescriptor field, string path, List<FieldFault> faults)
    {
        switch (field.FieldType)
        {
            case FieldType.Message when field.MessageType.FullName == Timestamp.Descriptor.FullName:
                Expect(value.ValueKind == JsonValueKind.String && IsTimestamp(value.GetString()!),
                    "A time in RFC 3339 is expected, for example \"2026-07-01T09:00:00Z\".");
                break;
            case FieldType.Message when field.MessageType.FullName == Duration.Descriptor.FullName:
                Expect(value.ValueKind == JsonValueKind.String && IsDuration(value.GetString()!), "A length in seconds is expected, for example \"120s\".");
                break;
            case FieldType.Message:
                CheckMessage(value, field.MessageType, path, faults);
                break;
            case FieldType.Enum:
                Expect(IsEnum(value, field.EnumType), $"One of the names of {field.EnumType.Name} is expected, for example \"{Example(field.EnumType)}\".");
                break;
            case FieldType.Bool:
                Expect(value.ValueKind is JsonValueKind.True or JsonValueKind.False, "true or false is expected.");
                break;
            case FieldType.String:
                // Reading it throws where it is not Unicode.
                Expect(value.ValueKind == JsonValueKind.String && value.GetString() is not null, "A string is expected.");
                break;
            case FieldType.Int32:
                Expect(IsInteger(value, int.MinValue, int.MaxValue), "A whole number is expected.");
                break;
            case FieldType.UInt32:
                Expect(IsInteger(value, 0, uint.MaxValue), "A whole number from 0 is expected.");
                break;
            default:
                // A type that no unary request uses today.
                Expect(false, "This field cannot be given in JSON.");
                break;
        }

        void Expect(bool met, string description)
        {
            if (!met)
            {
                faults.Add(new FieldFault(path, description));
            }
        }
    }

    private static FieldDescriptor? Find(MessageDescriptor message, string name)
    {
        foreach (var field in message.Fields.InDeclarationOrder())
        {
            if (field.JsonName == name || field.Name == name)
            {
                return field;
            }
        }

        return null;
    }

    private static bool IsEnum(JsonElement value, EnumDescriptor type) =>
        value.ValueKind switch
        {
            JsonValueKind.String => type.FindValueByName(value.GetString()!) is not null,
            JsonValueKind.Number => value.TryGetInt32(out var number) && type.FindValueByNumber(number) is not null,
            _ => false,
        };

    private static string Example(EnumDescriptor type) => type.Values[Math.Min(1, type.Values.Count - 1)].Name;

    private static bool IsInteger(JsonElement value, long min, long max) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) && number >= min && number <= max;

    private static bool IsTimestamp(string text) =>
        TimestampForm().IsMatch(text)
        && !text.EndsWith("-00:00", StringComparison.Ordinal)
        && DateTimeOffset.TryParse(Trim(text), CultureInfo.InvariantCulture, DateTimeStyles.None, out _);

    // The transcoder refuses the last second of what a Duration can hold.
    private static bool IsDuration(string text) =>
        DurationForm().IsMatch(text)
        && Math.Abs(decimal.Parse(text.AsSpan(0, text.Length - 1), NumberStyles.AllowDecimalPoint | NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture)) < Duration.MaxSeconds;

    // What protobuf's JSON form prescribes: full date and time, up to nine decimals, "Z" or a known offset.
    [GeneratedRegex(@"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})\z")]
    private static partial Regex TimestampForm();

    // "-3.5s" and the like, up to nine decimals.
    [GeneratedRegex(@"^-?[0-9]{1,12}(\.[0-9]{1,9})?s\z")]
    private static partial Regex DurationForm();

    // DateTimeOffset takes seven decimals.
    private static string Trim(string text)
    {
        var end = 19;
        while (end < text.Length && (text[end] == '.' || char.IsAsciiDigit(text[end])))
        {
            end++;
        }

        return end > 27 && end <= 29 ? text.Remove(27, end - 27) : text;
    }

    private static string Join(string path, string name) => path.Length == 0 ? name : path + "." + name;

    // The name comes from the request: it is told back only as far as it can be a name.
    private static string Quotable(string name) =>
        name.Length is > 0 and <= 64 && name.All(c => char.IsAsciiLetterOrDigit(c) || c == '_') && !name.All(char.IsAsciiDigit)
            ? name
            : "(unknown)";
}
