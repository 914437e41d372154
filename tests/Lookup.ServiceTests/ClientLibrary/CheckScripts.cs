using Google.Protobuf.WellKnownTypes;
using Lookup.Client;
using Lookup.V1;

namespace Lookup.ServiceTests.ClientLibrary;

/// <summary>Services that answer single checks as a test wants it.</summary>
internal static class CheckScripts
{
    internal const string Number = "+31612345678";

    internal static readonly Question Asked = new() { Organisation = "acme", Purpose = Purpose.Commercial };

    /// <summary>What the service sends: about its own present, reusable for a while.</summary>
    internal static Decision Decision(Verdict verdict = Verdict.Allow, double reusableSeconds = 0.5) => new()
    {
        Verdict = verdict,
        Reasons = { new Reason { Code = verdict == Verdict.Allow ? ReasonCode.NothingForbids : ReasonCode.Objection, Text = "As scripted." } },
        // The service's clock is a year ahead of ours; nothing may depend on it.
        CallTime = Timestamp.FromDateTimeOffset(ManualClock.Start.AddYears(1)),
        ReusableFor = verdict == Verdict.Allow ? Duration.FromTimeSpan(TimeSpan.FromSeconds(reusableSeconds)) : null,
    };

    internal static CheckResponse Response(Decision decision, string number = Number) => new() { Decision = decision, Number = number };

    internal static Task<ScriptedService> ServiceAsync(Func<CheckRequest, CheckResponse> check) =>
        ScriptedService.StartAsync(new() { Check = (request, _) => Task.FromResult(check(request)) });

    internal static LookupClient ClientOf(ScriptedService service, ManualClock clock, int reuse = 10) =>
        StreamScripts.ClientOf(service, o => o with { TimeProvider = clock, ReuseLimit = reuse });
}
