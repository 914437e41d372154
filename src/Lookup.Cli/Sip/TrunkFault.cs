using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Lookup.Cli.Options;

namespace Lookup.Cli.Sip;

/// <summary>Describes why a trunk map cannot be read: the place, the field, and what belongs there.</summary>
internal static partial class TrunkFault
{
    private const string Example = "{\"trunks\": [{\"name\": ..., \"from\": [...], \"question\": {...}, \"redirect\": ...}]}";

    /// <summary>Describes an error of the reader in one sentence.</summary>
    public static string Describe(string json, JsonException exception)
    {
        if (string.IsNullOrWhiteSpace(json))
        {
            return $"the file is empty; write {Example}.";
        }

        if (json.TrimStart()[0] is not ('{' or '/'))
        {
            return $"the file is not a JSON object; write {Example}.";
        }

        var path = exception.Path is { Length: > 2 } full ? full[2..] : "";
        var place = Place(json, exception, out var isEnd);
        // The reader says in words alone which kind of fault it found.
        if (Unknown().Match(exception.Message) is { Success: true } unknown)
        {
            var name = unknown.Groups[1].Value;
            var known = Fields(path.Length > name.Length ? path[..^(name.Length + 1)] : "");
            var meant = Spelling.Closest(name, known);
            return $"{place}: {path} is not a known field{(meant is null ? "" : $"; did you mean '{meant}'")}; the fields are {string.Join(", ", known)}.";
        }

        return exception.Message.StartsWith("Duplicate", StringComparison.Ordinal) ? $"{place}: {path} is a duplicate field; write it once."
            : exception.Message.Contains("could not be converted", StringComparison.Ordinal)
                ? $"{place}: {(path.Length == 0 ? "the file" : path)} must be {Expected(path)}."
            : isEnd ? $"{place}: the file ends before its last bracket or quote is closed."
            : $"{place}{(path.Length == 0 ? "" : $", in {path}")}: this is not JSON; a quote, comma, colon or bracket is missing or superfluous.";
    }

    private static string[] Fields(string parent) => Plain(parent) switch
    {
        "" => ["trunks"],
        "trunks[].header" => ["name", "value"],
        _ => ["name", "from", "host", "header", "question", "redirect", "unchecked", "maxPending"],
    };

    private static string Expected(string path) => Plain(path) switch
    {
        "" => $"an object; write {Example}",
        "trunks" => "a list of trunks: [{...}, {...}]",
        "trunks[]" => "an object: {\"name\": ...}",
        "trunks[].from" => "a list of texts, for example [\"10.0.0.0/24\"]",
        "trunks[].unchecked" => "a list of texts, for example [\"112\"]",
        "trunks[].header" => "an object, for example {\"name\": \"X-Campaign\", \"value\": \"spring\"}",
        "trunks[].question" => "an object, for example {\"org\": \"acme\", \"purpose\": \"commercial\"}",
        "trunks[].maxPending" => "a whole number",
        _ => "a text in quotes",
    };

    private static string Plain(string path) => Index().Replace(path, "[]");

    // The reader counts lines from 0, and bytes.
    private static string Place(string json, JsonException exception, out bool isEnd)
    {
        var lines = json.Split('\n');
        var line = (int)Math.Min(exception.LineNumber ?? 0, lines.Length - 1);
        var bytes = Encoding.UTF8.GetBytes(lines[line]);
        var column = Encoding.UTF8.GetCharCount(bytes, 0, (int)Math.Min(exception.BytePositionInLine ?? 0, bytes.Length));
        isEnd = lines[line][column..].Trim().Length == 0 && lines.Skip(line + 1).All(string.IsNullOrWhiteSpace);
        return string.Create(CultureInfo.InvariantCulture, $"line {line + 1}, column {column + 1}");
    }

    [GeneratedRegex("^The JSON property '(.*)' could not be mapped")]
    private static partial Regex Unknown();

    [GeneratedRegex(@"\[\d+\]")]
    private static partial Regex Index();
}
