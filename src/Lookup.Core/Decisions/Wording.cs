using System.Globalization;
using System.Text;
using Lookup.Core.Regimes;

namespace Lookup.Core.Decisions;

/// <summary>Texts that belong to no rule of a file.</summary>
internal static class Texts
{
    internal static readonly RuleText CannotTell = new(
        Layer.Policy, Decision.OwnPolicy, "What is on record does not tell for this call time; what cannot be told is not permitted.");

    internal static readonly RuleText Reassigned = new(
        Layer.Policy,
        Decision.OwnPolicy,
        "The number was reassigned or disconnected. A consent, a relation, a publication or a subscriber type from before that does not count.");

    internal static readonly RuleText NameTheGroup = new(
        Layer.Strict,
        Decision.OwnPolicy,
        "The rules of this country name product groups, and the question names none of them. Name the group if the offer is of one.");

    internal static readonly RuleText OutsideTheRule = new(
        Layer.Policy, Decision.OwnPolicy, "Not a marketing call, so outside the rules for those.");
}

/// <summary>Decisions in words.</summary>
internal static class Wording
{
    internal static string NameOf(RuleType type) => type switch
    {
        RuleType.Range => "range",
        RuleType.Withheld => "withheld",
        RuleType.Automated => "automated",
        RuleType.Banned => "banned",
        RuleType.Objection => "objection",
        RuleType.Refusal => "refusal",
        RuleType.Register => "register",
        RuleType.Permission => "permission",
        RuleType.Hours => "hours",
        _ => "attempts",
    };

    /// <summary>A time as the place of the called number has it, with that place: "2026-03-12 14:00 +01:00 (Europe/Paris)".</summary>
    internal static string Time(long at, TimeZoneInfo zone)
    {
        var local = TimeZoneInfo.ConvertTime(DateTimeOffset.FromUnixTimeMilliseconds(at), zone);
        var format = local.Second == 0 ? "yyyy-MM-dd HH:mm zzz" : "yyyy-MM-dd HH:mm:ss zzz";
        return $"{local.ToString(format, CultureInfo.InvariantCulture)} ({zone.Id})";
    }

    internal static string Whole(in Decision decision, in Question question, IReadOnlyList<TraceStep> steps)
    {
        var zone = decision.Rules!.Zones[0];
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{Name(decision.Verdict)} for a call at {Time(question.CallTime, zone)} under {decision.Rules.Id} (version {decision.Rules.Version}).\n");
        for (var i = 0; i < decision.ReasonCount; i++)
        {
            var (code, rule) = decision.ReasonAt(i);
            text.Append(CultureInfo.InvariantCulture, $"- {code}: {rule.Text} [{Source(rule.Layer, rule.Article)}]\n");
            foreach (var (language, local) in rule.Local)
            {
                text.Append(CultureInfo.InvariantCulture, $"  {language}: {local}\n");
            }
        }

        text.Append("Looked at:\n");
        foreach (var step in steps)
        {
            text.Append(CultureInfo.InvariantCulture, $"- {step.Rule} [{Source(step.Layer, step.Article)}]: {step.Outcome}. {step.Detail}\n");
        }

        if (decision.NextPermitted != 0)
        {
            text.Append(CultureInfo.InvariantCulture, $"Permitted again from {Time(decision.NextPermitted, zone)}.\n");
        }

        return text.ToString();
    }

    private static string Source(Layer layer, string article) => $"{layer.ToString().ToLowerInvariant()}, {article}";

    private static string Name(Verdict verdict) => verdict switch
    {
        Verdict.Allow => "ALLOW",
        Verdict.Deny => "DENY",
        Verdict.Unknown => "UNKNOWN",
        _ => "NOT COVERED",
    };
}
