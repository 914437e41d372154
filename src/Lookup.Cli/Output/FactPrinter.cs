using Lookup.Cli.Options;
using Lookup.V1;
using Spectre.Console;

namespace Lookup.Cli.Output;

/// <summary>Prints facts for people, one per line.</summary>
/// <param name="zone">Name of the zone of the number; times are in UTC if it is empty.</param>
internal sealed class FactPrinter(string zone)
{
    /// <summary>Prints facts with their state.</summary>
    /// <param name="console">Receives the lines.</param>
    /// <param name="facts">The facts.</param>
    /// <param name="at">The call time of the question, or now.</param>
    /// <param name="isCall">Whether <paramref name="at"/> is a call time.</param>
    /// <param name="knownAt">The time that <c>--known-at</c> names; null without one.</param>
    public void Write(IAnsiConsole console, IReadOnlyCollection<KnownFact> facts, DateTimeOffset at, bool isCall, DateTimeOffset? knownAt = null)
    {
        console.MarkupLine(facts.Count == 0 ? "[bold]No facts.[/]" : $"[bold]Facts[/] [grey](times of {(zone.Length > 0 ? SafeText.Escape(zone) : "UTC")})[/]");
        foreach (var known in facts)
        {
            var fact = known.Fact;
            var marks = string.Join(", ", new[]
            {
                State(known, at, isCall, knownAt),
                $"recorded {Time(known.Recorded)}",
                known.FromSnapshot ? "by comparing snapshots" : "",
                fact.Source.Length > 0 ? $"source {fact.Source}" : "",
                fact.Actor.Length > 0 ? $"by {fact.Actor}" : "",
                known.ImportId.Length > 0 ? $"import {known.ImportId}" : "",
                fact.Reason.Length > 0 ? $"because {fact.Reason}" : "",
            }.Where(text => text.Length > 0));
            console.MarkupLine(
                $"  {Effective(fact)}  {(fact.Withdrawn ? "[yellow]withdrawn[/] " : "")}{SafeText.Escape(Describe(fact))}  [grey]({SafeText.Escape(marks)})[/]");
        }
    }

    /// <summary>Returns whether a fact is in effect, and why not otherwise.</summary>
    /// <param name="known">The fact.</param>
    /// <param name="at">The call time of the question, or now.</param>
    /// <param name="isCall">Whether <paramref name="at"/> is a call time.</param>
    /// <param name="knownAt">The time that <c>--known-at</c> names; null without one.</param>
    public static string State(KnownFact known, DateTimeOffset at, bool isCall, DateTimeOffset? knownAt = null) =>
        known.Current ? "in effect"
        : known.Recorded.ToDateTimeOffset() >= knownAt ? "recorded later: not counted"
        : known.Fact.Effective.ToDateTimeOffset() <= at ? "replaced by a newer one"
        : isCall ? "later than the call: not counted"
        : "not yet in effect";

    /// <summary>Describes the fact in words.</summary>
    /// <param name="fact">The fact.</param>
    /// <param name="withEvidence">False for a fact that was read without its texts, as in a watch.</param>
    public string Describe(Fact fact, bool withEvidence = true) => fact.KindCase switch
    {
        Fact.KindOneofCase.Registration =>
            $"registration on {fact.Registration.Register}{(fact.Registration.Categories.Count > 0 ? ", blocks " + string.Join(", ", fact.Registration.Categories) : ", blocks all")}",
        Fact.KindOneofCase.Objection => $"objection to {Organisation(fact.Objection.Organisation)}",
        Fact.KindOneofCase.Consent => Describe(fact.Consent, withEvidence),
        Fact.KindOneofCase.Relation => Describe(fact.Relation),
        Fact.KindOneofCase.Subscriber => $"subscriber is {Words.SubscriberTypes.WordFor(fact.Subscriber.Type)}",
        Fact.KindOneofCase.PublishedForOffers => "published for offers" + Group(fact.PublishedForOffers.ProductGroup),
        Fact.KindOneofCase.Attempt => $"{(fact.Attempt.ReservedUntil is { } until ? $"call reserved until {Time(until)}" : fact.Attempt.Abandoned ? "abandoned call" : "attempt")} by {fact.Attempt.Organisation}{Group(fact.Attempt.ProductGroup)}",
        Fact.KindOneofCase.Refusal => $"refusal to {fact.Refusal.Organisation}",
        Fact.KindOneofCase.Reassignment => "number reassigned or disconnected",
        _ => "a fact of a kind that this version does not know",
    };

    /// <summary>Formats the effective time of a fact. The objection that an erasure leaves is effective since the epoch.</summary>
    public string Effective(Fact fact) => fact.Effective.Seconds == 0 ? "for every call time" : Time(fact.Effective);

    /// <summary>Formats a time in the zone of the number.</summary>
    public string Time(Google.Protobuf.WellKnownTypes.Timestamp time) => TimeText.Local(time.ToDateTimeOffset(), zone);

    private string Describe(Consent consent, bool withEvidence) =>
        $"consent to {consent.Organisation} for {string.Join(", ", consent.Purposes.Select(Words.Purposes.WordFor))}{Group(consent.ProductGroup)}" +
        (consent.Form == ConsentForm.Unspecified ? "" : ", " + Words.ConsentForms.WordFor(consent.Form)) +
        (consent.Appointment is { } appointment ? $" at {Time(appointment)}" : "") +
        (consent.Expires is { } expires ? $", until {Time(expires)}" : ", no expiry") +
        (!withEvidence ? "" : consent.Evidence is { } evidence ? $", evidence {evidence.Reference}{Claim(evidence)}" : ", no evidence");

    private string Claim(Evidence evidence) =>
        evidence.Claimed is { } claimed ? $", claimed {Time(claimed)}" : evidence.ClaimBy is { } by ? $", to be claimed by {Time(by)}" : "";

    private string Describe(Relation relation) =>
        $"{Words.RelationKinds.WordFor(relation.Relation_)} of {relation.Organisation}{Group(relation.ProductGroup)}" +
        (relation.Since is { } since ? $", since {Time(since)}" : "") +
        (relation.LastTransaction is { } last ? $", last transaction {Time(last)}" : "") +
        (relation.Until is { } until ? $", until {Time(until)}" : "");

    private static string Group(string group) => group.Length > 0 ? $" for product group {group}" : "";

    private static string Organisation(string name) => name == "*" ? "all" : name;
}
