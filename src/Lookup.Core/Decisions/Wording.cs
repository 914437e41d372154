using System.Globalization;
using System.Text;
using Lookup.Core.Blocks;
using Lookup.Core.Facts;
using Lookup.Core.Regimes;

namespace Lookup.Core.Decisions;

/// <summary>Formats decisions for people.</summary>
internal static class Wording
{
    internal static string NameOf(RuleType type) => type switch
    {
        RuleType.Range => "range",
        RuleType.Withheld => "withheld",
        RuleType.CallerNumber => "callerNumber",
        RuleType.Automated => "automated",
        RuleType.Banned => "banned",
        RuleType.Objection => "objection",
        RuleType.Refusal => "refusal",
        RuleType.Register => "register",
        RuleType.Permission => "permission",
        RuleType.Hours => "hours",
        _ => "attempts",
    };

    /// <summary>Formats the day of a time in the zone of the called number: "2026-03-12".</summary>
    internal static string Date(long at, TimeZoneInfo zone) =>
        TimeZoneInfo.ConvertTime(DateTimeOffset.FromUnixTimeMilliseconds(at), zone).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    /// <summary>Formats a time in the zone of the called number: "Thu 2026-03-12 14:00 +01:00 (Europe/Paris)".</summary>
    internal static string Time(long at, TimeZoneInfo zone)
    {
        var local = TimeZoneInfo.ConvertTime(DateTimeOffset.FromUnixTimeMilliseconds(at), zone);
        var format = local.Second == 0 ? "ddd yyyy-MM-dd HH:mm zzz" : "ddd yyyy-MM-dd HH:mm:ss zzz";
        return $"{local.ToString(format, CultureInfo.InvariantCulture)} ({zone.Id})";
    }

    /// <summary>Describes a consent: "Consent of 2026-03-12 14:00 +01:00 (Europe/Paris), until 2027-03-12 00:00 +01:00 (Europe/Paris), with evidence".</summary>
    internal static string Consent(in FactEntry consent, TimeZoneInfo zone) => consent.Withdrawn
        ? $"Consent withdrawn on {Time(consent.Effective, zone)}"
        : $"Consent of {Time(consent.Effective, zone)}{Until(consent, zone)}, {((consent.Marks & FactMarks.Evidence) != 0 ? "with" : "without")} evidence";

    /// <summary>Describes a relation: "Relation since 2022-01-15 00:00 +01:00 (Europe/Paris), last transaction 2026-...".</summary>
    internal static string Relation(in FactEntry relation, TimeZoneInfo zone) =>
        $"Relation since {Time(relation.Start, zone)}" +
        (relation.LastTransaction != 0 ? $", last transaction {Time(relation.LastTransaction, zone)}" : "") +
        Until(relation, zone);

    /// <summary>The name of a block in an explanation, beside those of the rules.</summary>
    internal const string Block = "block";

    /// <summary>Returns the reason of a call that a block forbids.</summary>
    internal static RuleText TextOf(NumberBlock block) => block.Organisation == Scope.AllName ? Texts.BlockedForAll : Texts.BlockedForOne;

    /// <summary>Describes a block: "Block of +1313XXXXXXX for all since 2026-03-12 14:00 +01:00 (Europe/Paris), without an end".</summary>
    internal static string Describe(NumberBlock block, long callTime, TimeZoneInfo zone)
    {
        var entry = block.Entries.LastOrDefault(one => one.Forbids(callTime, isTimeNamed: true), block.Entries[^1]);
        var until = entry.End == BlockEntry.Open ? "without an end" : $"until {Time(entry.End, zone)}";
        return $"Block of {block.Range} for {(block.Organisation == Scope.AllName ? "all organisations" : block.Organisation)} since {Time(entry.From, zone)}, {until}.";
    }

    private static string Until(in FactEntry fact, TimeZoneInfo zone) => fact.Until == FactEntry.Open ? "" : $", until {Time(fact.Until, zone)}";

    internal static string Explain(in Decision decision, in Question question, IReadOnlyList<TraceStep> steps)
    {
        var zone = decision.Rules!.Zones[0];
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{VerdictName(decision.Verdict)} for a call at {Time(question.CallTime, zone)} under {decision.Rules.Id} (version {decision.Rules.Version}).\n");
        for (var i = 0; i < decision.ReasonCount; i++)
        {
            var (code, rule) = decision.ReasonAt(i);
            text.Append(CultureInfo.InvariantCulture, $"- {code}: {rule.Text} [{SourceOf(rule.Layer, rule.Article)}]\n");
            foreach (var (language, local) in rule.Local)
            {
                text.Append(CultureInfo.InvariantCulture, $"  {language}: {local}\n");
            }
        }

        text.Append("Rules evaluated:\n");
        foreach (var step in steps)
        {
            text.Append(CultureInfo.InvariantCulture, $"- {step.Rule} [{SourceOf(step.Layer, step.Article)}]: {step.Outcome}. {step.Detail}\n");
        }

        if (decision.NextPermitted != 0)
        {
            text.Append(CultureInfo.InvariantCulture, $"Permitted again from {Time(decision.NextPermitted, zone)}.\n");
        }

        return text.ToString();
    }

    private static string SourceOf(Layer layer, string article) => $"{layer.ToString().ToLowerInvariant()}, {article}";

    private static string VerdictName(Verdict verdict) => verdict switch
    {
        Verdict.Allow => "ALLOW",
        Verdict.Deny => "DENY",
        Verdict.Unknown => "UNKNOWN",
        _ => "NOT COVERED",
    };
}
