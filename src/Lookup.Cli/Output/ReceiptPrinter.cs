using System.Globalization;
using System.Text.Json.Nodes;
using Lookup.Cli.Options;
using Lookup.Core;
using Lookup.Core.Receipts;
using Lookup.Core.Regimes;
using Spectre.Console;

namespace Lookup.Cli.Output;

/// <summary>Formats receipts for people and for programs.</summary>
internal static class ReceiptPrinter
{
    public static void Write(IAnsiConsole console, Receipt receipt, string zone)
    {
        foreach (var (name, text) in Lines(receipt, zone))
        {
            console.MarkupLine($"  [grey]{name}:[/] {SafeText.Escape(text)}");
        }
    }

    /// <summary>The content of a receipt, as pairs of name and text.</summary>
    /// <param name="receipt">The receipt.</param>
    /// <param name="zone">Name of the zone in which its times are shown; UTC if it is empty.</param>
    public static IEnumerable<(string Name, string Text)> Lines(Receipt receipt, string zone)
    {
        if (receipt.Kind == ReceiptKind.Erasure)
        {
            yield return ("erased", string.Create(CultureInfo.InvariantCulture, $"the number and {receipt.Count:N0} receipts of this log"));
            yield return ("at", Time(receipt.Time, zone));
            if (receipt.AskedBy.Length > 0)
            {
                yield return ("asked by", receipt.AskedBy);
            }

            yield break;
        }

        if (receipt.Kind == ReceiptKind.Trail)
        {
            yield return ("trail", string.Create(CultureInfo.InvariantCulture, $"{receipt.Count:N0} entries, the newest with SHA-256 {Convert.ToHexStringLower(receipt.Digest.Span)}"));
            yield return ("at", Time(receipt.Time, zone));
            yield break;
        }

        var isList = receipt.Kind == ReceiptKind.List;
        yield return isList
            ? ("answered", string.Create(CultureInfo.InvariantCulture, $"a list of {receipt.Count:N0} numbers"))
            : ("answered", Verdict(receipt) + (receipt.Hypothetical ? " (what-if answer, not a permission to call)" : ""));
        if (!isList)
        {
            yield return ("because", Reasons(receipt));
        }

        yield return ("at", Time(receipt.Time, zone));
        yield return ("for a call at", Time(receipt.CallTime, zone));
        yield return ("of", receipt.Organisation + (receipt.ProductGroup.Length > 0 ? ", offering " + receipt.ProductGroup : ""));
        yield return ("purpose", $"{Words.Purposes.WordFor((V1.Purpose)receipt.Purpose)}, {Words.CallKinds.WordFor((V1.CallKind)receipt.CallKind)} call{Mode(receipt)}{(receipt.CallerNumberWithheld ? ", caller's number withheld" : "")}{(receipt.CallerNumber.Length > 0 ? ", showing " + receipt.CallerNumber : "")}{(receipt.CalledRegion.Length > 0 ? ", to " + receipt.CalledRegion : "")}{(receipt.Line == LineType.Unspecified ? "" : $", to a {Words.LineTypes.WordFor((V1.LineType)receipt.Line)} line")}");
        if (receipt.AskedBy.Length > 0)
        {
            yield return ("asked by", receipt.AskedBy);
        }

        if (receipt.Regime.Length > 0)
        {
            yield return ("rules", $"{receipt.Regime}, version {receipt.RegimeVersion}");
        }

        if (receipt.Registers.Length > 0)
        {
            yield return ("registers", string.Join(", ", Registers(receipt).Select(one => $"{one.Name} as of {TimeText.DayOf(one.Date, NumberZone.OfRegister(one.Name))}")));
        }

        yield return ("facts", Facts(receipt));
    }

    public static JsonObject Json(Receipt receipt) => new()
    {
        ["kind"] = receipt.Kind.ToString().ToLowerInvariant(),
        ["verdict"] = receipt.Kind == ReceiptKind.Check ? Verdict(receipt) : null,
        ["reasons"] = new JsonArray([.. receipt.Reasons.ToArray().Select(r => (JsonNode)Words.Reasons.WordFor((V1.ReasonCode)r))]),
        ["time"] = Time(receipt.Time),
        ["call_time"] = Time(receipt.CallTime),
        ["organisation"] = receipt.Organisation,
        ["product_group"] = receipt.ProductGroup,
        ["purpose"] = Words.Purposes.WordFor((V1.Purpose)receipt.Purpose),
        ["call_kind"] = Words.CallKinds.WordFor((V1.CallKind)receipt.CallKind),
        ["subscriber"] = Words.SubscriberTypes.WordFor((V1.SubscriberType)receipt.Subscriber),
        ["sector"] = Words.Sectors.WordFor((V1.Sector)receipt.Sector),
        ["automated"] = receipt.Mode == DiallingMode.NoHuman,
        ["dialling_mode"] = Words.DiallingModes.WordFor((V1.DiallingMode)receipt.Mode),
        ["caller_number_withheld"] = receipt.CallerNumberWithheld,
        ["caller_number"] = receipt.CallerNumber,
        ["called_region"] = receipt.CalledRegion,
        ["line_type"] = Words.LineTypes.WordFor((V1.LineType)receipt.Line),
        ["hypothetical"] = receipt.Hypothetical,
        ["asked_by"] = receipt.AskedBy,
        ["regime"] = receipt.Regime,
        ["regime_version"] = receipt.RegimeVersion,
        ["registers"] = new JsonArray([.. Registers(receipt).Select(one => (JsonNode)new JsonObject { ["register"] = one.Name, ["snapshot_date"] = TimeText.Format(one.Date) })]),
        ["age_ms"] = receipt.AgeMs,
        ["partition"] = receipt.Partition < 0 ? null : receipt.Partition,
        ["version"] = receipt.Version,
        ["number_key"] = NumberPseudonym(receipt),
        ["digest"] = Convert.ToHexStringLower(receipt.Digest.Span),
        ["count"] = receipt.Count,
    };

    private static IEnumerable<(string Name, DateTimeOffset Date)> Registers(Receipt receipt) =>
        receipt.Registers.Split(", ", StringSplitOptions.RemoveEmptyEntries).Select(text => text.Split(' '))
            .Where(parts => parts.Length == 2 && long.TryParse(parts[1], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _))
            .Select(parts => (parts[0], DateTimeOffset.FromUnixTimeMilliseconds(long.Parse(parts[1], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture))));

    private static string Mode(Receipt receipt) => receipt.Mode switch
    {
        DiallingMode.Unspecified => "",
        DiallingMode.NoHuman => ", automated",
        _ => $", {Words.DiallingModes.WordFor((V1.DiallingMode)receipt.Mode)} dialling",
    };

    private static string NumberPseudonym(Receipt receipt)
    {
        Span<byte> key = stackalloc byte[Core.Numbers.NumberPseudonym.Size];
        receipt.Number.WriteTo(key);
        return Convert.ToHexStringLower(key);
    }

    public static string Verdict(Receipt receipt) => Words.Verdicts.WordFor((V1.Verdict)receipt.Verdict).ToUpperInvariant();

    // The article behind each code, where this program has the version of the rules that decided.
    private static string Reasons(Receipt receipt) => string.Join("; ", receipt.Reasons.ToArray().Select(code =>
        ReasonArticles.Of(RegimeSet.BuiltIn, receipt.Regime, receipt.RegimeVersion, code) is { Length: > 0 } articles
            ? $"{Words.Reasons.WordFor((V1.ReasonCode)code)} ({articles})"
            : Words.Reasons.WordFor((V1.ReasonCode)code)));

    /// <summary>Formats a time in a zone, or in UTC if the zone is empty.</summary>
    public static string Time(long milliseconds, string zone) => TimeText.LocalWithZone(DateTimeOffset.FromUnixTimeMilliseconds(milliseconds), zone);

    public static string Time(long milliseconds) => TimeText.Format(DateTimeOffset.FromUnixTimeMilliseconds(milliseconds));

    private static string Facts(Receipt receipt)
    {
        var digest = receipt.Kind == ReceiptKind.List ? "chain of answers " + Convert.ToHexStringLower(receipt.Digest.Span)
            : receipt.Digest.Span.SequenceEqual(FactsDigest.Nothing.Span) ? "none"
            : "digest " + Convert.ToHexStringLower(receipt.Digest.Span);
        return receipt.Partition < 0
            ? string.Create(CultureInfo.InvariantCulture, $"{digest}, {receipt.AgeMs} ms old")
            : string.Create(CultureInfo.InvariantCulture, $"{digest}, {receipt.AgeMs} ms old, version {receipt.Version} of partition {receipt.Partition}");
    }
}
