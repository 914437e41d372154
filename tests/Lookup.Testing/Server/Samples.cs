using Google.Protobuf.WellKnownTypes;
using Lookup.V1;

namespace Lookup.Testing.Server;

/// <summary>Requests and facts that are in order. Each test takes numbers of its own.</summary>
internal static class Samples
{
    private static int _next = 10_000_000;

    /// <summary>A Dutch mobile number that no other test uses.</summary>
    internal static string NewNumber() => $"+316{Interlocked.Increment(ref _next)}";

    internal static Question Question(string organisation = "acme") =>
        new() { Organisation = organisation, Purpose = Purpose.Commercial };

    internal static CheckRequest Check(string number, string organisation = "acme") =>
        new() { Number = number, Question = Question(organisation) };

    internal static Fact Consent(string number, string organisation = "acme") => new()
    {
        Number = number,
        Source = "web form 12",
        Actor = "anna",
        Reason = "asked for offers",
        Consent = new Consent
        {
            Organisation = organisation,
            Purposes = { Purpose.Commercial, Purpose.Survey },
            Captured = Timestamp.FromDateTimeOffset(ShiftedClock.Afternoon.AddDays(-10)),
            Expires = Timestamp.FromDateTimeOffset(ShiftedClock.Afternoon.AddYears(1)),
            Evidence = new Evidence { Reference = "rec-77", Channel = "web", Locale = "nl-NL", TextVersion = "3" },
            Verified = true,
        },
    };

    internal static Fact Objection(string number, string organisation = "acme") => new()
    {
        Number = number,
        Source = "call 4711",
        Objection = new Objection { Organisation = organisation },
    };

    internal static RecordOutcomeRequest Outcome(string number, CallOutcome outcome, string organisation = "acme") => new()
    {
        Number = number,
        Organisation = organisation,
        Outcome = outcome,
        Called = Timestamp.FromDateTimeOffset(ShiftedClock.Afternoon.AddMinutes(-5)),
        Source = "dialer 7",
    };

    internal static RecordFactsRequest Record(params IEnumerable<Fact> facts) => new() { Facts = { facts } };
}
