using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Google.Protobuf.Reflection;
using Google.Protobuf.WellKnownTypes;
using Lookup.Core.Facts;
using Lookup.Server.Errors;

namespace Lookup.Server.Http;

/// <summary>
/// Compares a JSON request with its message and reports every field that does not fit. The transcoder ignores unknown fields and
/// reports other errors in the framework's words. An ignored misspelt field could turn a forbidden call into a permitted one.
/// </summary>
internal static partial class JsonRequestCheck
{
    private const string Whole = "(body)";

    /// <summary>The most numbers in a batch of checks.</summary>
    internal const int MaxNumbers = 10_000;

    // The most facts in a request; no other list but that of numbers is longer.
    private const int MaxItems = 1_000;

    /// <summary>Adds a fault for every field that does not fit the message.</summary>
    internal static void Check(JsonElement value, MessageDescriptor message, List<FieldFault> faults) =>
        CheckMessage(value, message, "", faults);

    private static void CheckMessage(JsonElement value, MessageDescriptor message, string path, List<FieldFault> faults)
    {
        if (value.ValueKind != JsonValueKind.Object)
        {
            Add(faults, path.Length == 0 ? Whole : path, "Must be a JSON object.");
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
                Add(faults, Join(path, Quotable(property.Name)), $"Unknown field of {message.Name}; check the spelling.");
                continue;
            }

            var at = Join(path, field.Name);
            if (!(seen ??= []).Add(field.FieldNumber))
            {
                Add(faults, at, "Duplicate field.");
                continue;
            }

            // The transcoder does not read null as an empty array.
            if (property.Value.ValueKind == JsonValueKind.Null && !field.IsRepeated)
            {
                continue;
            }

            if (field.RealContainingOneof is { } oneof && !(oneofs ??= []).Add(oneof))
            {
                Add(faults, at, $"Only one of {string.Join(", ", oneof.Fields.Select(f => f.Name))} is allowed.");
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
            Add(faults, path, "Must be a JSON array.");
            return;
        }

        var max = field.ContainingType == V1.CheckBatchRequest.Descriptor ? MaxNumbers : MaxItems;
        if (value.GetArrayLength() > max)
        {
            Add(faults, path, $"{value.GetArrayLength()} elements; at most {max} are allowed.");
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

    // Timestamp and Duration are strings in JSON.
    private static bool IsOneText(MessageDescriptor type) => type.FullName == Timestamp.Descriptor.FullName || type.FullName == Duration.Descriptor.FullName;

    private static string? Fault(JsonElement value, FieldDescriptor field) => field.FieldType switch
    {
        FieldType.Message when field.MessageType.FullName == Timestamp.Descriptor.FullName =>
            value.ValueKind == JsonValueKind.String && IsTimestamp(value.GetString()!)
                ? null : "Must be an RFC 3339 time with Z or an offset, for example \"2026-07-01T09:00:00Z\".",
        FieldType.Message =>
            value.ValueKind == JsonValueKind.String && IsDuration(value.GetString()!) ? null : "Must be a duration in seconds, for example \"120s\".",
        FieldType.Enum =>
            IsEnum(value, field.EnumType) ? null : $"Must be a value of {field.EnumType.Name}, for example \"{Example(field.EnumType)}\".",
        FieldType.Bool => value.ValueKind is JsonValueKind.True or JsonValueKind.False ? null : "Must be true or false.",
        // GetString throws if the text is not valid Unicode.
        FieldType.String => value.ValueKind == JsonValueKind.String && value.GetString() is not null ? null : "Must be a string.",
        FieldType.Int32 => IsInteger(value, int.MinValue, int.MaxValue) ? null : "Must be a 32-bit integer.",
        FieldType.UInt32 => IsInteger(value, 0, uint.MaxValue) ? null : "Must be an integer from 0 to 4,294,967,295.",
        // No unary request has a field of another type.
        _ => "This field is not supported in JSON; use gRPC.",
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

    // The transcoder rejects the last second of the range of Duration.
    private static bool IsDuration(string text) =>
        DurationForm().IsMatch(text)
        && Math.Abs(decimal.Parse(text.AsSpan(0, text.Length - 1), NumberStyles.AllowDecimalPoint | NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture)) < Duration.MaxSeconds;

    // Protobuf's JSON format: full date and time, up to nine decimals, "Z" or an offset.
    [GeneratedRegex(@"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})\z")]
    private static partial Regex TimestampForm();

    // For example "-3.5s", with up to nine decimals.
    [GeneratedRegex(@"^-?[0-9]{1,12}(\.[0-9]{1,9})?s\z")]
    private static partial Regex DurationForm();

    // DateTimeOffset parses at most seven decimals.
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

    // The name comes from the request: quote it only if it looks like a field name.
    private static string Quotable(string name) =>
        name.Length is > 0 and <= 64 && name.All(c => char.IsAsciiLetterOrDigit(c) || c == '_') && !name.All(char.IsAsciiDigit)
            ? name
            : "(unknown)";
}
