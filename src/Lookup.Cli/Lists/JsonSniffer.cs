using System.Text;
using System.Text.Json;

namespace Lookup.Cli.Lists;

/// <summary>Finds the member of NDJSON objects that holds the number.</summary>
internal static class JsonSniffer
{
    private const int SampleRecords = 1000;

    /// <summary>Maximum depth of nested members to search.</summary>
    private const int MaxDepth = 4;

    /// <summary>Detects the member.</summary>
    /// <exception cref="CliException">The member is ambiguous.</exception>
    public static ListLayout Sniff(string name, ListLayout layout, ReadOnlySpan<byte> text, bool isWhole, LayoutChoice choice)
    {
        if (choice.Delimiter is not null || choice.Header is not null)
        {
            throw CliException.Usage(
                $"{(choice.Delimiter is null ? "--header and --no-header apply" : "--delimiter applies")} only to CSV, but {name} is read as NDJSON: drop it, or add --format csv.");
        }

        var path = choice.Column ?? Find(name, text, isWhole, choice.Region);
        var parts = path.Split('.');
        return parts.Contains("")
            ? throw CliException.Usage($"--column '{path}' is not a member path; write it like 'phone' or 'contact.phone'.")
            : layout with { ColumnName = path, Path = [.. parts.Select(Encoding.UTF8.GetBytes)] };
    }

    private static string Find(string name, ReadOnlySpan<byte> text, bool isWhole, string? region)
    {
        var members = new Dictionary<string, List<string>>(StringComparer.Ordinal);
        var lines = 0;
        while (!text.IsEmpty && lines < SampleRecords)
        {
            var end = text.IndexOf((byte)'\n');
            if (end < 0 && !isWhole)
            {
                break;
            }

            var line = end < 0 ? text : text[..end];
            text = end < 0 ? [] : text[(end + 1)..];
            lines++;
            try
            {
                using var document = JsonDocument.Parse(line.ToArray());
                Collect(members, "", document.RootElement, 1);
            }
            catch (Exception exception) when (exception is JsonException or InvalidOperationException)
            {
                // The reader rejects such lines later.
            }
        }

        var columns = members.Select(member => new ColumnSample(member.Key, member.Value, region)).ToList();
        return columns.Count == 0 ? ""
            : columns.Count == 1 && columns[0].Numbers > 0 ? columns[0].Name
            : columns[ColumnSample.Choose(name, columns, string.Join(", ", columns.Select(column => $"'{column.Name}'")))].Name;
    }

    private static void Collect(Dictionary<string, List<string>> members, string path, JsonElement element, int depth)
    {
        if (element.ValueKind != JsonValueKind.Object || depth > MaxDepth)
        {
            return;
        }

        foreach (var member in element.EnumerateObject().Where(member => !member.Name.Contains('.', StringComparison.Ordinal)))
        {
            var name = path + member.Name;
            if (member.Value.ValueKind is JsonValueKind.String or JsonValueKind.Number)
            {
                if (!members.TryGetValue(name, out var values))
                {
                    members.Add(name, values = []);
                }

                values.Add(member.Value.ToString());
            }
            else
            {
                Collect(members, name + ".", member.Value, depth + 1);
            }
        }
    }
}
