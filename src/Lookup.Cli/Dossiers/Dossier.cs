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
/// <param name="Zone">Name of its zone, in which texts show times; empty: UTC.</param>
/// <param name="Made">Time at which the dossier was made.</param>
/// <param name="Sources">Addresses and folders that it was read from.</param>
/// <param name="InEffect">The facts in effect when it was made, in words.</param>
/// <param name="Entries">The entries, oldest first.</param>
internal sealed record Dossier(
    string Number, string Zone, DateTimeOffset Made, IReadOnlyList<string> Sources, IReadOnlyList<string> InEffect, IReadOnlyList<DossierEntry> Entries)
{
    /// <summary>Builds a dossier. Receipts with the same id are included once.</summary>
    public static Dossier Create(
        string number, DateTimeOffset made, IReadOnlyList<string> sources, ListFactsResponse known, IEnumerable<(string Id, Core.Receipts.Receipt Receipt)> receipts)
    {
        var (facts, blocks) = (known.Facts, known.Blocks);
        var zone = NumberZone.Of(number, made);
        var printer = new FactPrinter(zone);
        return new(
            number,
            zone,
            made,
            sources,
            [
                .. facts.Where(fact => fact.Current).Select(fact => InWords(fact, printer)),
                .. blocks.Where(block => block.Current).Select(BlockPrinter.Describe),
            ],
            [.. facts.Select(fact => Entry(fact, printer, made))
                .Concat(blocks.SelectMany(block => block.Versions.Select(version => Entry(block, version, printer))))
                .Concat(receipts.DistinctBy(r => r.Id).Select(r => Entry(r.Id, r.Receipt, known, zone)))
                .OrderBy(e => e.At)]);
    }

    /// <summary>Formats a time in the zone of the number.</summary>
    public string Time(DateTimeOffset time) => Options.TimeText.Local(time, Zone);

    private static string InWords(KnownFact known, FactPrinter printer) =>
        $"{(known.Fact.Withdrawn ? "withdrawn: " : "")}{printer.Describe(known.Fact)} (effective {printer.Effective(known.Fact)})";

    private static DossierEntry Entry(KnownFact known, FactPrinter printer, DateTimeOffset made)
    {
        var fact = known.Fact;
        var lines = new List<(string, string)> { ("state", FactPrinter.State(known, made, isCall: false)), ("took effect", printer.Effective(fact)) };
        Add("source", fact.Source);
        Add("recorded by", fact.Actor);
        Add("reason", fact.Reason);
        Add("import", known.ImportId);
        Add("origin", known.FromSnapshot ? "comparison of register snapshots" : "");
        if (fact.KindCase == Fact.KindOneofCase.Consent)
        {
            Add("captured", fact.Consent.Captured is { } captured ? printer.Time(captured) : "");
            Add("evidence", fact.Consent.Evidence?.Reference);
            Add("evidence sha256", fact.Consent.Evidence?.Sha256);
            Add("text agreed to", fact.Consent.Evidence?.TextVersion);
            Add("channel", fact.Consent.Evidence?.Channel);
            Add("language", fact.Consent.Evidence?.Locale);
            Add("certificate to be claimed by", fact.Consent.Evidence?.ClaimBy is { } by ? printer.Time(by) : "");
            Add("certificate claimed", fact.Consent.Evidence?.Claimed is { } claimed ? printer.Time(claimed) : "");
            foreach (var earlier in known.EarlierEvidence)
            {
                Add("earlier evidence", earlier.Reference + (earlier.Sha256.Length > 0 ? $", sha256 {earlier.Sha256}" : ""));
            }

            Add("user of the number", fact.Consent.Verified ? "checked" : "");
        }

        // Recording times have a resolution of a second, effective times of a millisecond: prefer the latter within the same second.
        var (recorded, effective) = (known.Recorded.ToDateTimeOffset(), fact.Effective.ToDateTimeOffset());
        return new DossierEntry(
            effective >= recorded && effective - recorded < TimeSpan.FromSeconds(1) ? effective : recorded, "fact", (fact.Withdrawn ? "withdrawn: " : "") + printer.Describe(fact), lines, JsonNode.Parse(JsonText.Format(known))!.AsObject());

        void Add(string name, string? text)
        {
            if (!string.IsNullOrEmpty(text))
            {
                lines.Add((name, text));
            }
        }
    }

    private static DossierEntry Entry(KnownBlock block, BlockVersion version, FactPrinter printer)
    {
        (string Name, string Text)[] lines =
        [
            ("took effect", printer.Time(version.Effective)),
            ("until", version.Until is { } until ? printer.Time(until) : ""),
            ("source", version.Source),
            ("recorded by", version.Actor),
            ("reason", version.Reason),
            ("import", version.ImportId),
            ("removed", version.Removal is { } removal ? printer.Time(removal.Effective) : ""),
            ("removed by", version.Removal?.Actor ?? ""),
            ("reason of the removal", version.Removal?.Reason ?? ""),
        ];
        var json = new KnownBlock(block);
        json.Versions.Clear();
        json.Versions.Add(version);
        return new DossierEntry(
            version.Recorded.ToDateTimeOffset(), "block", BlockPrinter.Describe(block), [.. lines.Where(line => line.Text.Length > 0)], JsonNode.Parse(JsonText.Format(json))!.AsObject());
    }

    private static DossierEntry Entry(string id, Core.Receipts.Receipt receipt, ListFactsResponse known, string zone)
    {
        var isErasure = receipt.Kind == ReceiptKind.Erasure;
        var lines = ReceiptPrinter.Lines(receipt, zone).Skip(1).Where(l => l.Name != "at")
            .Concat(GroundsOf(receipt, known.Facts, new FactPrinter(zone)).Concat(BlocksOf(receipt, known.Blocks)).Select(text => ("on record then", text)))
            .Append(("receipt", id)).ToList();
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

    /// <summary>Describes the facts on record that belong to the reasons of an answer, and were recorded before it.</summary>
    private static IEnumerable<string> GroundsOf(Core.Receipts.Receipt receipt, IReadOnlyCollection<KnownFact> facts, FactPrinter printer)
    {
        if (receipt.Kind != ReceiptKind.Check)
        {
            yield break;
        }

        // Recording times have a resolution of a second.
        var known = facts
            .Where(one => one.Recorded.ToDateTimeOffset().ToUnixTimeMilliseconds() <= receipt.Time
                && one.Fact.Effective.ToDateTimeOffset().ToUnixTimeMilliseconds() <= Math.Max(receipt.CallTime, receipt.Time))
            .OrderByDescending(one => one.Fact.Effective.ToDateTimeOffset())
            .ToList();
        foreach (var kind in receipt.Reasons.ToArray().Select(code => KindOf((ReasonCode)code)).OfType<Fact.KindOneofCase>().Distinct())
        {
            var ofKind = known.Where(one => one.Fact.KindCase == kind && Concerns(one.Fact, receipt.Organisation)).ToList();
            if (kind == Fact.KindOneofCase.Attempt && ofKind.Count > 1)
            {
                yield return string.Create(CultureInfo.InvariantCulture, $"{ofKind.Count} attempts by {receipt.Organisation}, the last {printer.Time(ofKind[0].Fact.Effective)}");
            }
            else if (ofKind.Count > 0)
            {
                yield return InWords(ofKind[0], printer);
            }
        }
    }

    // The blocks on record that forbade the call, as they are on record now.
    private static IEnumerable<string> BlocksOf(Core.Receipts.Receipt receipt, IEnumerable<KnownBlock> blocks) =>
        receipt.Kind != ReceiptKind.Check || !receipt.Reasons.ToArray().Contains(Core.ReasonCode.NumberBlocked)
            ? []
            : blocks.Where(block => (block.Organisation == "*" || block.Organisation == receipt.Organisation)
                && block.Versions.Any(version => version.Recorded.ToDateTimeOffset().ToUnixTimeMilliseconds() <= receipt.Time
                    && !(version.Until?.ToDateTimeOffset().ToUnixTimeMilliseconds() <= receipt.CallTime)
                    && !(version.Removal?.Effective.ToDateTimeOffset().ToUnixTimeMilliseconds() <= receipt.CallTime)))
                .Select(BlockPrinter.Describe);

    private static Fact.KindOneofCase? KindOf(ReasonCode code) => code switch
    {
        ReasonCode.Consent or ReasonCode.ConsentWithdrawn or ReasonCode.ConsentExpired or ReasonCode.ConsentWithoutEvidence
            or ReasonCode.ConsentNotInLedger or ReasonCode.ConsentFormInsufficient or ReasonCode.FirstContactTooLate => Fact.KindOneofCase.Consent,
        ReasonCode.Relation or ReasonCode.RelationEnded or ReasonCode.RelationConditionMissing or ReasonCode.RelationNotForSector => Fact.KindOneofCase.Relation,
        ReasonCode.PublishedForOffers => Fact.KindOneofCase.PublishedForOffers,
        ReasonCode.LegalPerson => Fact.KindOneofCase.Subscriber,
        ReasonCode.Objection => Fact.KindOneofCase.Objection,
        ReasonCode.Refusal => Fact.KindOneofCase.Refusal,
        ReasonCode.Registered => Fact.KindOneofCase.Registration,
        ReasonCode.TooManyAttempts => Fact.KindOneofCase.Attempt,
        ReasonCode.NumberReassigned => Fact.KindOneofCase.Reassignment,
        _ => null,
    };

    private static bool Concerns(Fact fact, string organisation) => fact.KindCase switch
    {
        Fact.KindOneofCase.Consent => fact.Consent.Organisation == organisation,
        Fact.KindOneofCase.Relation => fact.Relation.Organisation == organisation,
        Fact.KindOneofCase.Objection => fact.Objection.Organisation == organisation || fact.Objection.Organisation == "*",
        Fact.KindOneofCase.Refusal => fact.Refusal.Organisation == organisation,
        Fact.KindOneofCase.Attempt => fact.Attempt.Organisation == organisation,
        _ => true,
    };

    /// <summary>Formats the dossier as JSON. Its times are in UTC.</summary>
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
            [e.Kind is "fact" or "block" ? e.Kind : "receipt"] = e.Json.DeepClone(),
        })]),
    }.ToJsonString(new JsonSerializerOptions(JsonText.Options) { WriteIndented = true });
}
