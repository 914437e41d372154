using System.Globalization;
using System.Text.Json;
using System.Text.Unicode;
using Lookup.Cli.Files;
using Lookup.Cli.Lists;
using Lookup.Core;

namespace Lookup.Cli.Import;

/// <summary>
/// Reads one JSON object per line: flat, with field names as members, or nested like facts in the JSON API
/// (<c>{"number": "...", "consent": {"purposes": ["PURPOSE_COMMERCIAL"]}}</c>).
/// </summary>
internal sealed class NdjsonRecordReader(InputFile input, ColumnMap map) : IRecordReader
{
    private readonly LineSource _source = new(input, LayoutSniffer.Lines(input, ImportFormat.Ndjson, null));
    private readonly Dictionary<string, Field?> _resolved = new(StringComparer.Ordinal);

    public bool Read(ImportRecord record)
    {
        if (!_source.Read(record, out var fault))
        {
            return false;
        }

        if (fault != ListFault.None)
        {
            return true;
        }

        if (Utf8.IsValid(record.Raw.Span))
        {
            Parse(record, record.Raw);
        }
        else
        {
            record.Faults.Add(new LineFault("", "the line is not UTF-8: save the file as UTF-8"));
        }

        return true;
    }

    public void Dispose() => _source.Dispose();

    private void Parse(ImportRecord record, ReadOnlyMemory<byte> line)
    {
        try
        {
            using var document = JsonDocument.Parse(line, new JsonDocumentOptions { MaxDepth = 8, AllowDuplicateProperties = false });
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                record.Faults.Add(new LineFault("", "the line is not a JSON object"));
                return;
            }

            ReadMembers(record, "", document.RootElement);
        }
        catch (JsonException exception)
        {
            var at = exception.BytePositionInLine is { } position
                ? string.Create(CultureInfo.InvariantCulture, $" at character {position + 1}")
                : ": the object has a duplicate member";
            record.Faults.Add(new LineFault("", "the line is not valid JSON" + at));
        }
        catch (InvalidOperationException)
        {
            // An escape of half a surrogate pair.
            record.Faults.Add(new LineFault("", "a string on the line is not valid Unicode"));
        }
    }

    private void ReadMembers(ImportRecord record, string path, JsonElement element)
    {
        foreach (var property in element.EnumerateObject())
        {
            var name = path + property.Name;
            if (property.Value.ValueKind == JsonValueKind.Null)
            {
                continue;
            }

            if (property.Value.ValueKind == JsonValueKind.Object && TryReadKind(record, name, property.Value))
            {
                continue;
            }

            if (!TryResolve(name, out var field, out var fault))
            {
                if (fault.Length > 0)
                {
                    record.Faults.Add(new LineFault(name, fault));
                }

                continue;
            }

            if (field == Field.Evidence && property.Value.ValueKind == JsonValueKind.Object)
            {
                ReadMembers(record, "evidence.", property.Value);
                continue;
            }

            if (field == Field.Number && property.Value.ValueKind == JsonValueKind.Number && property.Value.GetRawText().AsSpan().ContainsAnyExceptInRange('0', '9'))
            {
                record.Faults.Add(new LineFault(name, "the number is a JSON number with a sign, fraction or exponent; write it as a string"));
            }
            else if (Text(property.Value) is { } text)
            {
                if (record[field] is not null)
                {
                    record.Faults.Add(new LineFault(name, $"duplicate field '{field.Name()}'"));
                }

                record[field] = text;
            }
            else
            {
                record.Faults.Add(new LineFault(name, $"{field.Name()} must be one value or a list of strings, not {property.Value.ValueKind}"));
            }
        }
    }

    private bool TryReadKind(ImportRecord record, string name, JsonElement value)
    {
        if (!KindNames.TryParse(name.Replace("publishedForOffers", "published_for_offers", StringComparison.Ordinal), out var kind))
        {
            return false;
        }

        if (record[Field.Kind] is not null)
        {
            record.Faults.Add(new LineFault(name, "the line has more than one kind of fact"));
        }

        record[Field.Kind] = KindNames.NameOf(kind);
        ReadMembers(record, kind == FactKind.Subscriber ? "subscriber." : "", value);
        return true;
    }

    private bool TryResolve(string name, out Field field, out string fault)
    {
        fault = "";
        if (_resolved.TryGetValue(name, out var known))
        {
            field = known ?? default;
            return known is not null;
        }

        var found = map.TryResolve(name, out field, out fault);
        if (fault.Length == 0)
        {
            _resolved.Add(name, found ? field : null);
        }

        return found;
    }

    private static string? Text(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString(),
        JsonValueKind.Number => value.GetRawText(),
        JsonValueKind.True => "true",
        JsonValueKind.False => "false",
        JsonValueKind.Array when value.EnumerateArray().All(item => item.ValueKind == JsonValueKind.String) =>
            string.Join('|', value.EnumerateArray().Select(item => item.GetString())),
        _ => null,
    };
}
