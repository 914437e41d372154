using System.Globalization;
using Lookup.Core.Decisions;
using Lookup.Core.Facts;
using Lookup.Server.Errors;
using Window = Lookup.V1.AttemptCap.WindowOneofCase;

namespace Lookup.Server.Mapping;

/// <summary>Maps the rules that an organisation sets itself.</summary>
internal static class OwnRulesMapping
{
    /// <summary>Reads the rules. The result is valid only if no fault was added.</summary>
    internal static OwnRules? Map(V1.Organisation source, ref List<FieldFault>? faults)
    {
        var before = faults?.Count ?? 0;
        Within(source.PauseAfterRefusalDays, 0, OwnRules.MaxDays, "organisation.pause_after_refusal_days", ref faults);
        if (source.AttemptCaps.Count > OwnRules.MaxCaps)
        {
            FieldFaults.Add(ref faults, "organisation.attempt_caps", $"{source.AttemptCaps.Count} caps; at most {OwnRules.MaxCaps} are allowed.");
            return null;
        }

        for (var i = 0; i < source.AttemptCaps.Count; i++)
        {
            var (cap, field) = (source.AttemptCaps[i], $"organisation.attempt_caps[{i}]");
            Within(cap.Max, 1, OwnRules.MaxAttempts, field + ".max", ref faults);
            switch (cap.WindowCase)
            {
                case Window.WithinHours:
                    Within(cap.WithinHours, 1, OwnRules.MaxHours, field + ".within_hours", ref faults);
                    break;
                case Window.DaysBack:
                    Within(cap.DaysBack, 0, OwnRules.MaxDays, field + ".days_back", ref faults);
                    break;
                default:
                    FieldFaults.Add(ref faults, field, "Requires within_hours or days_back.");
                    break;
            }
        }

        return (faults?.Count ?? 0) != before
            ? null
            : OwnRules.Create(
                [.. source.AttemptCaps.Select(c => new AttemptCap((int)c.Max, (int)c.WithinHours, (int)c.DaysBack, c.PerProductGroup))],
                (int)source.PauseAfterRefusalDays);
    }

    internal static IEnumerable<V1.AttemptCap> ToProto(OwnRules? own)
    {
        foreach (var cap in own?.Caps ?? [])
        {
            var result = new V1.AttemptCap { Max = (uint)cap.Max, PerProductGroup = cap.PerSubject };
            if (cap.WithinHours > 0)
            {
                result.WithinHours = (uint)cap.WithinHours;
            }
            else
            {
                result.DaysBack = (uint)cap.DaysBack;
            }

            yield return result;
        }
    }

    private static void Within(uint value, int least, int most, string field, ref List<FieldFault>? faults)
    {
        if (value < least || value > most)
        {
            FieldFaults.Add(ref faults, field, string.Create(CultureInfo.InvariantCulture, $"{value:N0} is out of range; must be {least:N0} to {most:N0}."));
        }
    }
}
