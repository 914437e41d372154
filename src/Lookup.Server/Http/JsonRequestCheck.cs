using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Google.Protobuf.Reflection;
using Google.Protobuf.WellKnownTypes;
using Lookup.Core.Facts;
using Lookup.Server.Errors;

namespace Lookup.Server.Http;

/// <summary>
/// Compares a JSON request with the message it stands for and names every field that does not fit. The transcoder
/// skips what it does not know and tells of the rest in words of the framework; a misspelt field that is skipped can
/// turn a forbidden call into a permitted one.
/// </summary>
internal static partial class JsonRequestCheck
{
    private const string Whole = "(body)";

    // As many facts as a request may have; no other list has more.
    private const int MaxItems = 1_000;

    /// <summary>Adds what is wrong with the value of a message.</summary>
    internal static void Check(JsonElement value, MessageDescriptor message, List<FieldFault> faults) =>
        CheckMessage(value, message, "", faults);

    private static void CheckMessage(JsonElement value, MessageDescriptor message, string path, List<FieldFault> faults)
    {
        if (value.ValueKind != JsonValueKind.Object)
        {
            Add(faults, path.Length == 0 ? Whole : path, "A JSON object is expected.");
            return;
        }

        HashSet<OneofDescriptor>? oneofs = null;
        HashSet<int>? seen = null;
        foreach (var property in value.EnumerateObject())
        {
            if (FieldFaults.IsFull(faults))
            {
                return;
            }

            if (Find(message, property.Name) is not { } field)
            {
                Add(faults, Join(path, Quotable(property.Name)), "There is no such field.");
                continue;
            }

            var at = Join(path, field.Name);
            if (!(seen ??= []).Add(field.FieldNumber))
            {
                Add(faults, at, "It is given twice.");
                continue;
            }

            if (property.Value.ValueKind == JsonValueKind.Null)
            {
                continue;
            }

            if (field.RealContainingOneof is { } oneof && !(oneofs ??= []).Add(oneof))
            {
                Add(faults, at, $"Only one of {string.Join(", ", oneof.Fields.Select(f => f.Name))} can be given.");
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
            Add(faults, path, "A JSON array is expected.");
            return;
        }

        if (value.GetArrayLength() > MaxItems)
        {
            Add(faults, path, $"Up to {MaxItems} elements are expected.");
            return;
        }

        var index = 0;
        foreach (var item in value.EnumerateArray())
        {
            if (FieldFaults.IsFull(faults))
            {
                return;
            }

            CheckOne(item, field, $"{path}[{index++}]", faults);
        }
    }

    private static void CheckOne(JsonElement value, FieldDescriptor field, string path, List<FieldFault> faults)
    {
        if (field.FieldType == FieldType.Message && !IsOneText(field.MessageType))
        {
            CheckMessage(value, field.MessageType, path, faults);
        }
        else if (Fault(value, field) is { } fault)
        {
            Add(faults, path, fault);
        }
    }

    // Times and lengths are texts in JSON.
    private static bool IsOneText(MessageDescriptor type) => type.FullName == Timestamp.Descriptor.FullName || type.FullName == Duration.Descriptor.FullName;

    private static string? Fault(JsonElement value, FieldDescriptor field) => field.FieldType switch
    {
        FieldType.Message when field.MessageType.FullName == Timestamp.Descriptor.FullName =>
            value.ValueKind == JsonValueKind.String && IsTimestamp(value.GetString()!)
                ? null : "A time in RFC 3339 is expected, for example \"2026-07-01T09:00:00Z\".",
        FieldType.Message =>
            value.ValueKind == JsonValueKind.String && IsDuration(value.GetString()!) ? null : "A length in seconds is expected, for example \"120s\".",
        FieldType.Enum =>
            IsEnum(value, field.EnumType) ? null : $"One of the names of {field.EnumType.Name} is expected, for example \"{Example(field.EnumType)}\".",
        FieldType.Bool => value.ValueKind is JsonValueKind.True or JsonValueKind.False ? null : "true or false is expected.",
        // Reading it throws where it is not Unicode.
        FieldType.String => value.ValueKind == JsonValueKind.String && value.GetString() is not null ? null : "A string is expected.",
        FieldType.Int32 => IsInteger(value, int.MinValue, int.MaxValue) ? null : "A whole number is expected.",
        FieldType.UInt32 => IsInteger(value, 0, uint.MaxValue) ? null : "A whole number from 0 is expected.",
        // A type that no unary request uses today.
        _ => "This field cannot be given in JSON.",
    };

    private static void Add(List<FieldFault>? faults, string field, string description) => FieldFaults.Add(ref faults, field, description);

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
