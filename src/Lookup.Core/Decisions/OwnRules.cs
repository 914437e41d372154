using System.Globalization;
using Lookup.Core.Facts;
using Lookup.Core.Regimes;

namespace Lookup.Core.Decisions;

/// <summary>A cap on attempts that an organisation sets for itself.</summary>
/// <param name="Max">The most attempts, 1 to <see cref="OwnRules.MaxAttempts"/>.</param>
/// <param name="WithinHours">Length in hours of the window that ends at the call, 1 to 8,784; 0 if the cap counts days.</param>
/// <param name="DaysBack">
/// The window is the day of the call and this many days before it, 0 to 366, in the zone of the called number; 0 if the cap counts hours.
/// </param>
/// <param name="PerSubject">Counts only the attempts of the call's product group.</param>
public sealed record AttemptCap(int Max, int WithinHours, int DaysBack, bool PerSubject);

/// <summary>
/// Rules that an organisation sets for itself beyond the regimes. They bind it whichever layers it switched off, are evaluated after
/// the regime's rules and can only forbid. Immutable.
/// </summary>
public sealed class OwnRules
{
    /// <summary>The largest cap: the number of attempts that the stored history always keeps.</summary>
    public const int MaxAttempts = Timeline.MaxEntries - 1;

    /// <summary>The most caps that an organisation can have.</summary>
    public const int MaxCaps = 4;

    /// <summary>The longest window, in hours.</summary>
    public const int MaxHours = 24 * 366;

    /// <summary>The longest window or pause, in days.</summary>
    public const int MaxDays = 366;

    private const string Article = "own rule";

    private OwnRules(IReadOnlyList<AttemptCap> caps, int pauseDays)
    {
        (Caps, PauseDays) = (caps, pauseDays);
        All = [.. caps.Select(CapRule), .. pauseDays > 0 ? [PauseRule(pauseDays)] : Array.Empty<Rule>()];
        Slots = All.Aggregate(0UL, (slots, rule) => slots | RegimeSet.SlotsOf(rule));
    }

    /// <summary>The caps.</summary>
    public IReadOnlyList<AttemptCap> Caps { get; }

    /// <summary>Full days without calls after a refusal; 0 for none.</summary>
    public int PauseDays { get; }

    internal Rule[] All { get; }

    /// <summary>Bits of the fact slots that these rules need.</summary>
    internal ulong Slots { get; }

    /// <summary>Makes the rules of an organisation; null if it sets none.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A value is outside its range.</exception>
    public static OwnRules? Create(IReadOnlyList<AttemptCap> caps, int pauseDays)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(caps.Count, MaxCaps, nameof(caps));
        ThrowIfOutside(pauseDays, 0, MaxDays, nameof(pauseDays));
        foreach (var cap in caps)
        {
            ThrowIfOutside(cap.Max, 1, MaxAttempts, nameof(AttemptCap.Max));
            ThrowIfOutside(cap.WithinHours, 0, MaxHours, nameof(AttemptCap.WithinHours));
            ThrowIfOutside(cap.DaysBack, 0, cap.WithinHours > 0 ? 0 : MaxDays, nameof(AttemptCap.DaysBack));
        }

        return caps.Count == 0 && pauseDays == 0 ? null : new OwnRules(caps, pauseDays);
    }

    private static void ThrowIfOutside(int value, int least, int most, string name)
    {
        if (value < least || value > most)
        {
            throw new ArgumentOutOfRangeException(name, value, string.Create(CultureInfo.InvariantCulture, $"Must be from {least} to {most}."));
        }
    }

    private static Rule CapRule(AttemptCap cap) => new()
    {
        Type = RuleType.Attempts,
        Text = Text(string.Create(
            CultureInfo.InvariantCulture,
            $"The organisation allows itself {cap.Max} attempts {(cap.WithinHours > 0 ? $"in {cap.WithinHours} hours" : $"on the day of the call and the {cap.DaysBack} days before it")}{(cap.PerSubject ? " for one product group" : "")}.")),
        Max = cap.Max,
        WithinHours = cap.WithinHours,
        DaysBack = cap.DaysBack,
        PerSubject = cap.PerSubject,
    };

    private static Rule PauseRule(int days) => new()
    {
        Type = RuleType.Refusal,
        Text = Text(string.Create(CultureInfo.InvariantCulture, $"The organisation does not call for {days} days after a refusal.")),
        PauseDays = days,
    };

    private static RuleText Text(string text) => new(Layer.Policy, Article, text);
}
