// For: figures in the documentation that are those that were published.
//
// A figure stands between <!--=WHAT--> and <!---->, which readers do not see. WHAT is a metric of benchmarks/results, which
// means the median of its newest line, and behind it one of: ":ratio" (with its interval, if it has one), ":baseline",
// ":added" (the median less that of the baseline), ":max", or "@X" for the place X of its curve, also with ":baseline".
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Lookup.Load.Results;

/// <summary>Brings the figures in texts up to date with the published results.</summary>
internal sealed partial class Figures
{
    /// <summary>The files that have figures.</summary>
    internal static readonly string[] Files = ["README.md", "docs/operate/performance.md", "docs/guide/receipts.md", "docs/guide/regimes.md", "docs/operate/deploy.md"];

    private readonly Dictionary<string, JsonElement> _newest = [];

    /// <param name="lines">Lines of results, the oldest of each metric first.</param>
    internal Figures(IEnumerable<string> lines)
    {
        foreach (var line in lines)
        {
            var run = JsonDocument.Parse(line).RootElement;
            _newest[run.GetProperty("metric").GetString()!] = run;
        }
    }

    /// <summary>The results of the repository.</summary>
    internal static Figures Published() => new(
        Directory.GetFiles(Path.Combine(Repository.Root, "benchmarks", "results"), "*.jsonl").Order(StringComparer.Ordinal).SelectMany(File.ReadLines));

    /// <summary>The text with all its figures as they were published last.</summary>
    /// <exception cref="InvalidDataException">A figure is asked for that was not published.</exception>
    internal string Fill(string text) => Place().Replace(text, match => $"<!--={match.Groups[1].Value}-->{Of(match.Groups[1].Value)}<!---->");

    private string Of(string what)
    {
        var parts = Parts().Match(what);
        if (!parts.Success || !_newest.TryGetValue(parts.Groups["metric"].Value, out var run))
        {
            throw new InvalidDataException($"<!--={what}-->: no such metric is published.");
        }

        var unit = run.GetProperty("unit").GetString()!;
        var kind = parts.Groups["kind"].Value;
        if (parts.Groups["x"].Success)
        {
            return Text(At(run, double.Parse(parts.Groups["x"].Value, CultureInfo.InvariantCulture), kind == "baseline" ? 2 : 1, what), unit);
        }

        return kind switch
        {
            "" => Text(Number("median"), unit),
            "max" => Text(Number("max"), unit),
            "baseline" => Text(Number("baseline_median"), unit),
            "added" => Text(Number("median") - Number("baseline_median"), unit),
            _ => run.TryGetProperty("ratio_low", out _)
                ? string.Create(CultureInfo.InvariantCulture, $"{Number("ratio"):F2} ({Number("ratio_low"):F2} to {Number("ratio_high"):F2})")
                : Number("ratio").ToString("F2", CultureInfo.InvariantCulture),
        };

        double Number(string member) => run.TryGetProperty(member, out var value) && value.ValueKind == JsonValueKind.Number
            ? value.GetDouble()
            : throw new InvalidDataException($"<!--={what}-->: the newest line has no {member}.");
    }

    private static double At(JsonElement run, double x, int column, string what)
    {
        if (run.TryGetProperty("curve", out var curve))
        {
            foreach (var point in curve.GetProperty("points").EnumerateArray())
            {
                if (point[0].GetDouble() == x && point[column].ValueKind == JsonValueKind.Number)
                {
                    return point[column].GetDouble();
                }
            }
        }

        throw new InvalidDataException($"<!--={what}-->: the newest line has no such place in its curve.");
    }

    private static string Text(double value, string unit) => unit switch
    {
        "us" when Math.Abs(value) >= 1_000 => Text(value / 1_000, "ms"),
        "ms" when Math.Abs(value) >= 10_000 => Text(value / 1_000, "s"),
        "MB" when value >= 10_000 => Text(value / 1_000, "GB"),
        _ when value >= 1e6 => $"{Three(value / 1e6)} M {unit}",
        _ => $"{Three(value)} {unit}",
    };

    // Three digits: more than any of these figures has.
    private static string Three(double value)
    {
        if (value == 0)
        {
            return "0";
        }

        var digits = 2 - (int)Math.Floor(Math.Log10(Math.Abs(value)));
        return digits >= 0
            ? Math.Round(value, Math.Min(digits, 6)).ToString("#,0.######", CultureInfo.InvariantCulture)
            : (Math.Round(value / Math.Pow(10, -digits)) * Math.Pow(10, -digits)).ToString("N0", CultureInfo.InvariantCulture);
    }

    [GeneratedRegex("<!--=([^>]*?)-->.*?<!---->", RegexOptions.Singleline)]
    private static partial Regex Place();

    [GeneratedRegex("^(?<metric>[a-z0-9_]+)(@(?<x>[0-9.]+))?(:(?<kind>ratio|baseline|added|max))?$")]
    private static partial Regex Parts();
}
