using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Lookup.Cli.Output;
using Lookup.Core.Receipts;
using Lookup.V1;

namespace Lookup.Cli.Dossiers;

/// <summary>One entry on record about a number.</summary>
/// <param name="At">Time at which the fact was recorded or the answer was given.</param>
/// <param name="Kind">"fact", "answer" or "erasure".</param>
/// <param name="Title">The entry in words.</param>
/// <param name="Lines">Details, as pairs of name and text.</param>
/// <param name="Json">The entry as JSON.</param>
internal sealed record DossierEntry(DateTimeOffset At, string Kind, string Title, IReadOnlyList<(string Name, string Text)> Lines, JsonObject Json);

/// <summary>Everything on record about a number, in chronological order.</summary>
/// <param name="Number">The number, in E.164.</param>
/// <param name="Made">Time at which the dossier was made.</param>
/// <param name="Sources">Addresses and folders that it was read from.</param>
/// <param name="Entries">The entries, oldest first.</param>
internal sealed record Dossier(string Number, DateTimeOffset Made, IReadOnlyList<string> Sources, IReadOnlyList<DossierEntry> Entries)
{
    /// <summary>Builds a dossier. Receipts with the same id are included once.</summary>
    public static Dossier Create(
        string number, DateTimeOffset made, IReadOnlyList<string> sources, IEnumerable<KnownFact> facts, IEnumerable<(string Id, Core.Receipts.Receipt Receipt)> receipts) =>
        new(number, made, sources, [.. facts.Select(Entry).Concat(receipts.DistinctBy(r => r.Id).Select(r => Entry(r.Id, r.Receipt))).OrderBy(e => e.At)]);

    private static DossierEntry Entry(KnownFact known)
    {
        var fact = known.Fact;
        var lines = new List<(string, string)> { ("state", known.Current ? "current" : "earlier"), ("took effect", DecisionPrinter.Time(fact.Effective)) };
        Add("source", fact.Source);
        Add("recorded by", fact.Actor);
        Add("reason", fact.Reason);
        Add("import", known.ImportId);
        Add("origin", known.FromSnapshot ? "comparison of register snapshots" : "");
        if (fact.KindCase == Fact.KindOneofCase.Consent)
        {
            Add("captured", fact.Consent.Captured is { } captured ? DecisionPrinter.Time(captured) : "");
            Add("evidence", fact.Consent.Evidence?.Reference);
            Add("evidence sha256", fact.Consent.Evidence?.Sha256);
            Add("text agreed to", fact.Consent.Evidence?.TextVersion);
            Add("channel", fact.Consent.Evidence?.Channel);
            Add("language", fact.Consent.Evidence?.Locale);
            Add("user of the number", fact.Consent.Verified ? "checked" : "");
        }

        // Recording times have a resolution of a second, effective times of a millisecond: prefer the latter within the same second.
        var (recorded, effective) = (known.Recorded.ToDateTimeOffset(), fact.Effective.ToDateTimeOffset());
        return new DossierEntry(
            effective >= recorded && effective - recorded < TimeSpan.FromSeconds(1) ? effective : recorded, "fact", (fact.Withdrawn ? "withdrawn: " : "") + FactPrinter.Describe(fact), lines, JsonNode.Parse(JsonText.Format(known))!.AsObject());

        void Add(string name, string? text)
        {
            if (!string.IsNullOrEmpty(text))
            {
                lines.Add((name, text));
            }
        }
    }

    private static DossierEntry Entry(string id, Core.Receipts.Receipt receipt)
    {
        var isErasure = receipt.Kind == ReceiptKind.Erasure;
        var lines = ReceiptPrinter.Lines(receipt).Skip(1).Where(l => l.Name != "at").Append(("receipt", id)).ToList();
        var json = ReceiptPrinter.Json(receipt);
        json["id"] = id;
        return new DossierEntry(
            DateTimeOffset.FromUnixTimeMilliseconds(receipt.Time),
            isErasure ? "erasure" : "answer",
            isErasure
                ? string.Create(CultureInfo.InvariantCulture, $"the number was erased, and {receipt.Count:N0} receipts")
                : $"{ReceiptPrinter.Verdict(receipt)}{(receipt.Hypothetical ? " (what-if answer, not a permission to call)" : "")} to {receipt.Organisation}",
            lines,
            json);
    }

    /// <summary>Formats the dossier as JSON.</summary>
    public string ToJson() => new JsonObject
    {
        ["number"] = Number,
        ["made"] = Options.TimeText.Format(Made),
        ["sources"] = new JsonArray([.. Sources.Select(s => (JsonNode)s)]),
        ["entries"] = new JsonArray([.. Entries.Select(e => (JsonNode)new JsonObject
        {
            ["at"] = Options.TimeText.Format(e.At),
            ["kind"] = e.Kind,
            ["title"] = e.Title,
            [e.Kind == "fact" ? "fact" : "receipt"] = e.Json.DeepClone(),
        })]),
    }.ToJsonString(new JsonSerializerOptions(JsonText.Options) { WriteIndented = true });
}
