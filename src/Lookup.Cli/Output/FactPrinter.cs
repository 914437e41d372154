using Lookup.Cli.Options;
using Lookup.V1;
using Spectre.Console;

namespace Lookup.Cli.Output;

/// <summary>Prints facts for people, one per line.</summary>
internal static class FactPrinter
{
    public static void Write(IAnsiConsole console, IReadOnlyCollection<KnownFact> facts)
    {
        console.MarkupLine(facts.Count == 0 ? "[bold]No facts.[/]" : "[bold]Facts[/]");
        foreach (var known in facts)
        {
            var fact = known.Fact;
            var marks = string.Join(", ", new[]
            {
                known.Current ? "current" : "earlier",
                $"recorded {DecisionPrinter.Time(known.Recorded)}",
                known.FromSnapshot ? "by comparing snapshots" : "",
                fact.Source.Length > 0 ? $"source {fact.Source}" : "",
                fact.Actor.Length > 0 ? $"by {fact.Actor}" : "",
                known.ImportId.Length > 0 ? $"import {known.ImportId}" : "",
                fact.Reason.Length > 0 ? $"because {fact.Reason}" : "",
            }.Where(text => text.Length > 0));
            console.MarkupLine(
                $"  {DecisionPrinter.Time(fact.Effective)}  {(fact.Withdrawn ? "[yellow]withdrawn[/] " : "")}{SafeText.Escape(Describe(fact))}  [grey]({SafeText.Escape(marks)})[/]");
        }
    }

    /// <summary>Describes the fact in words.</summary>
    public static string Describe(Fact fact) => fact.KindCase switch
    {
        Fact.KindOneofCase.Registration =>
            $"registration on {fact.Registration.Register}{(fact.Registration.Categories.Count > 0 ? ", blocks " + string.Join(", ", fact.Registration.Categories) : ", blocks all")}",
        Fact.KindOneofCase.Objection => $"objection to {Organisation(fact.Objection.Organisation)}",
        Fact.KindOneofCase.Consent => Describe(fact.Consent),
        Fact.KindOneofCase.Relation => Describe(fact.Relation),
        Fact.KindOneofCase.Subscriber => $"subscriber is {Words.SubscriberTypes.WordFor(fact.Subscriber.Type)}",
        Fact.KindOneofCase.PublishedForOffers => "published for offers" + Group(fact.PublishedForOffers.ProductGroup),
        Fact.KindOneofCase.Attempt => $"{(fact.Attempt.ReservedUntil is { } until ? $"call reserved until {TimeText.Format(until.ToDateTimeOffset())}" : "attempt")} by {fact.Attempt.Organisation}{Group(fact.Attempt.ProductGroup)}",
        Fact.KindOneofCase.Refusal => $"refusal to {fact.Refusal.Organisation}",
        Fact.KindOneofCase.Reassignment => "number reassigned or disconnected",
        _ => "a fact of a kind that this version does not know",
    };

    private static string Describe(Consent consent) =>
        $"consent to {consent.Organisation} for {string.Join(", ", consent.Purposes.Select(Words.Purposes.WordFor))}{Group(consent.ProductGroup)}" +
        (consent.Form == ConsentForm.Unspecified ? "" : ", " + Words.ConsentForms.WordFor(consent.Form)) +
        (consent.Appointment is { } appointment ? $" at {DecisionPrinter.Time(appointment)}" : "") +
        (consent.Expires is { } expires ? $", until {DecisionPrinter.Time(expires)}" : ", no expiry") +
        (consent.Evidence is { } evidence ? $", evidence {evidence.Reference}" : ", no evidence");

    private static string Describe(Relation relation) =>
        $"{Words.RelationKinds.WordFor(relation.Relation_)} of {relation.Organisation}{Group(relation.ProductGroup)}" +
        (relation.Since is { } since ? $", since {DecisionPrinter.Time(since)}" : "") +
        (relation.LastTransaction is { } last ? $", last transaction {DecisionPrinter.Time(last)}" : "") +
        (relation.Until is { } until ? $", until {DecisionPrinter.Time(until)}" : "");

    private static string Group(string group) => group.Length > 0 ? $" for product group {group}" : "";

    private static string Organisation(string name) => name == "*" ? "all" : name;
}
