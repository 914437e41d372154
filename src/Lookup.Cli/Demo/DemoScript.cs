using Google.Protobuf.WellKnownTypes;
using Lookup.Cli.Options;
using Lookup.V1;

namespace Lookup.Cli.Demo;

/// <summary>One step of the demo: facts to record, a question, and the expected answer.</summary>
internal sealed record DemoStep(
    string Title, string Number, string CallTime, Verdict Verdict, ReasonCode Reason, IReadOnlyList<Fact> Before, string Comment)
{
    /// <summary>The expected next permitted time; null: none is expected.</summary>
    public string? NextPermitted { get; init; }

    public CheckRequest Request => new()
    {
        Number = Number,
        Question = new Question { Organisation = DemoScript.Organisation, Purpose = Purpose.Commercial },
        WhatIf = new WhatIf { CallTime = DemoScript.Time(CallTime) },
        Consistency = new Consistency { Exact = true },
    };
}

/// <summary>
/// The steps of the demo. All dates are fixed, so every run prints the same; the numbers are not taken from any real
/// subscriber's record.
/// </summary>
internal static class DemoScript
{
    public const string Organisation = "acme";
    public const string Register = "nl-bmnr";
    public const string SnapshotDate = "2015-03-01T00:00:00+01:00";

    private const string Consenting = "+31612345601";
    private const string Registered = "+31612345602";
    private const string Company = "+31201234503";
    private const string Sunday = "+31612345604";
    private const string Bonaire = "+5997151234";

    public static IReadOnlyList<DemoStep> Steps { get; } =
    [
        new(
            "A consumer who consented",
            Consenting, "2024-03-12T14:00:00+01:00", Verdict.Allow, ReasonCode.Consent,
            [Consent(Consenting, "2024-03-01T10:00:00+01:00", "2025-03-01T00:00:00+01:00")],
            "Since July 2021 the Netherlands require consent, with evidence, for this organisation and purpose."),
        new(
            "The same consumer objects, and the same call is checked again",
            Consenting, "2024-03-12T14:00:00+01:00", Verdict.Deny, ReasonCode.Objection,
            [Fact(Consenting, "2024-03-12T13:59:00+01:00", fact => fact.Objection = new Objection { Organisation = Organisation })],
            "An objection overrides an earlier consent. It counts immediately, without reloading any list."),
        new(
            "A consumer on the do-not-call register, in 2015",
            Registered, "2015-03-10T14:00:00+01:00", Verdict.Deny, ReasonCode.Registered,
            [
                Fact(Registered, null, fact => fact.Registration = new Registration
                {
                    Register = Register,
                    RegisteredSince = Time("2014-02-01T00:00:00+01:00"),
                }),
            ],
            "Until July 2021 the register decided: numbers that were not on it could be called."),
        new(
            "The same number after 1 July 2021",
            Registered, "2022-05-10T14:00:00+02:00", Verdict.Deny, ReasonCode.NoConsent,
            [],
            "The register no longer exists. Now the missing consent decides."),
        new(
            "The same number, with consent",
            Registered, "2022-05-10T14:00:00+02:00", Verdict.Allow, ReasonCode.Consent,
            [Consent(Registered, "2022-05-01T10:00:00+02:00", "2023-05-01T00:00:00+02:00")],
            "The old registration no longer matters."),
        new(
            "A legal person",
            Company, "2024-03-12T14:00:00+01:00", Verdict.Allow, ReasonCode.LegalPerson,
            [Fact(Company, "2024-01-02T00:00:00+01:00", fact => fact.Subscriber = new Subscriber { Type = SubscriberType.LegalPerson })],
            "The rule protects natural persons."),
        new(
            "With consent, but on a Sunday",
            Sunday, "2024-03-17T12:00:00+01:00", Verdict.Deny, ReasonCode.OutsideHours,
            [Consent(Sunday, "2024-03-01T10:00:00+01:00", "2025-03-01T00:00:00+01:00")],
            "The code of conduct forbids calls on Sundays. The answer gives the next permitted time, so a dialer need not poll.")
        {
            NextPermitted = "2024-03-18T09:00:00+01:00",
        },
        new(
            "A country without rules (Bonaire)",
            Bonaire, "2024-03-12T14:00:00+01:00", Verdict.NotCovered, ReasonCode.NoRegime,
            [],
            "Missing rules are no permission: only ALLOW permits a call."),
    ];

    public static Timestamp Time(string text) =>
        TimeText.TryParse(text, null, out var time, out var fault)
            ? Timestamp.FromDateTimeOffset(time)
            : throw new FormatException($"{text} {fault}");

    private static Fact Consent(string number, string captured, string expires) => Fact(number, null, fact => fact.Consent = new Consent
    {
        Organisation = Organisation,
        Purposes = { Purpose.Commercial },
        Captured = Time(captured),
        Expires = Time(expires),
        Verified = true,
        Evidence = new Evidence { Reference = "recording 4711", Channel = "phone" },
    });

    private static Fact Fact(string number, string? effective, Action<Fact> kind)
    {
        var fact = new Fact { Number = number, Source = "lookup demo", Effective = effective is null ? null : Time(effective) };
        kind(fact);
        return fact;
    }
}
