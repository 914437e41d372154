using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Lookup.Cli.Output;
using Lookup.Core.Receipts;
using Lookup.V1;

namespace Lookup.Cli.Dossiers;

/// <summary>One thing that is known of a number.</summary>
/// <param name="At">When it was recorded, or answered.</param>
/// <param name="Kind">"fact", "answer" or "erasure".</param>
/// <param name="Title">What it says, in words.</param>
/// <param name="Lines">The rest, a name and a text each.</param>
/// <param name="Json">The same for programs.</param>
internal sealed record DossierEntry(DateTimeOffset At, string Kind, string Title, IReadOnlyList<(string Name, string Text)> Lines, JsonObject Json);

/// <summary>Everything known of a number, in the order in which it came about.</summary>
/// <param name="Number">The number, in E.164.</param>
/// <param name="Made">When it was put together.</param>
/// <param name="Sources">Whom it was asked of.</param>
/// <param name="Entries">The oldest first.</param>
internal sealed record Dossier(string Number, DateTimeOffset Made, IReadOnlyList<string> Sources, IReadOnlyList<DossierEntry> Entries)
{
    /// <param name="number">The number, in E.164.</param>
    /// <param name="made">Now.</param>
    /// <param name="sources">Whom it was asked of.</param>
    /// <param name="facts">Its facts.</param>
    /// <param name="receipts">Its receipts with their ids, each once or more often.</param>
    public static Dossier Of(
        string number, DateTimeOffset made, IReadOnlyList<string> sources, IEnumerable<KnownFact> facts, IEnumerable<(string Id, Core.Receipts.Receipt Receipt)> receipts) =>
        new(number, made, sources, [.. facts.Select(Of).Concat(receipts.DistinctBy(r => r.Id).Select(r => Of(r.Id, r.Receipt))).OrderBy(e => e.At)]);

    private static DossierEntry Of(KnownFact known)
    {
        var fact = known.Fact;
        var lines = new List<(string, string)> { ("state", known.Current ? "current" : "earlier"), ("took effect", DecisionPrinter.Time(fact.Effective)) };
        Add("source", fact.Source);
        Add("recorded by", fact.Actor);
        Add("because", fact.Reason);
        Add("import", known.ImportId);
        Add("brought by", known.FromSnapshot ? "comparing snapshots of the register" : "");
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

        // It is recorded to the second; one that took effect then did so to the millisecond.
        var (recorded, effective) = (known.Recorded.ToDateTimeOffset(), fact.Effective.ToDateTimeOffset());
        return new DossierEntry(
            effective >= recorded && effective - recorded < TimeSpan.FromSeconds(1) ? effective : recorded, "fact", (fact.Withdrawn ? "withdrawn: " : "") + FactPrinter.Describe(fact), lines, JsonNode.Parse(JsonText.Of(known))!.AsObject());

        void Add(string name, string? text)
        {
            if (!string.IsNullOrEmpty(text))
            {
                lines.Add((name, text));
            }
        }
    }

    private static DossierEntry Of(string id, Core.Receipts.Receipt receipt)
    {
        var isErasure = receipt.Kind == ReceiptKind.Erasure;
        var lines = ReceiptPrinter.Lines(receipt).Skip(1).Where(l => l.Name != "at").Append(("receipt", id)).ToList();
        var json = ReceiptPrinter.Json(receipt);
        json["id"] = id;
        return new DossierEntry(
            DateTimeOffset.FromUnixTimeMilliseconds(receipt.Time),
            isErasure ? "erasure" : "answer",
            isErasure
                ? string.Create(CultureInfo.InvariantCulture, $"the number was erased, with {receipt.Count:N0} receipts")
                : $"{ReceiptPrinter.Verdict(receipt)}{(receipt.Hypothetical ? " (what if, not a permission to call)" : "")} to {receipt.Organisation}",
            lines,
            json);
    }

    /// <summary>For programs.</summary>
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
