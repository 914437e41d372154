using System.Text.Json;
using Google.Protobuf.Reflection;
using Lookup.Core.Facts;
using Microsoft.AspNetCore.Http;

namespace Lookup.Server.Checks;

/// <summary>
/// Reads a check from the headers of a GET, for proxies that can set headers but no body: "Lookup-Number", "Lookup-Default-Region" and one for
/// each field of the question, for example "Lookup-Organisation" and "Lookup-Dialling-Mode".
/// </summary>
internal static class GateHeaders
{
    private const string Prefix = "lookup-";
    private const string Number = Prefix + "number";

    private static readonly Dictionary<string, FieldDescriptor> Fields =
        new[] { V1.CheckRequest.NumberFieldNumber, V1.CheckRequest.DefaultRegionFieldNumber }
            .Select(number => V1.CheckRequest.Descriptor.FindFieldByNumber(number))
            .Concat(V1.Question.Descriptor.Fields.InDeclarationOrder())
            .ToDictionary(NameOf, StringComparer.OrdinalIgnoreCase);

    /// <summary>The names of the headers, with the fields they set.</summary>
    internal static IReadOnlyDictionary<string, FieldDescriptor> All => Fields;

    /// <summary>Returns whether a request has any of these headers, also an unknown one.</summary>
    internal static bool AreIn(IHeaderDictionary headers) => headers.Keys.Any(IsOurs);

    /// <summary>Writes the headers as the JSON of a CheckRequest, which is checked as a body is.</summary>
    internal static byte[] ToJson(IHeaderDictionary headers, List<FieldFault> faults)
    {
        using var json = new MemoryStream();
        using (var writer = new Utf8JsonWriter(json))
        {
            writer.WriteStartObject();
            Write(writer, headers, faults, V1.CheckRequest.Descriptor);
            writer.WriteStartObject("question");
            Write(writer, headers, faults, V1.Question.Descriptor);
            writer.WriteEndObject();
            writer.WriteEndObject();
        }

        if (headers.Keys.Any(name => IsOurs(name) && !Fields.ContainsKey(name)))
        {
            // A misspelt header that is ignored could turn a forbidden call into a permitted one.
            faults.Add(new FieldFault("(headers)", $"A header begins with '{Prefix}' and is not known; known are {string.Join(", ", Fields.Keys)}."));
        }

        return json.ToArray();
    }

    private static void Write(Utf8JsonWriter writer, IHeaderDictionary headers, List<FieldFault> faults, MessageDescriptor message)
    {
        foreach (var (name, field) in Fields)
        {
            if (field.ContainingType != message || !headers.TryGetValue(name, out var values))
            {
                continue;
            }

            if (values is not [{ } value])
            {
                faults.Add(new FieldFault(name, "Duplicate header."));
            }
            else if (field.FieldType == FieldType.Bool && bool.TryParse(value, out var isSet))
            {
                writer.WriteBoolean(field.JsonName, isSet);
            }
            else
            {
                // A proxy copies a query parameter as it was sent. No number contains a percent sign.
                writer.WriteString(field.JsonName, name == Number ? Uri.UnescapeDataString(value) : value);
            }
        }
    }

    private static bool IsOurs(string name) => name.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase);

    private static string NameOf(FieldDescriptor field) => Prefix + field.Name.Replace('_', '-');
}
