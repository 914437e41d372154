using System.Globalization;
using System.Text;

namespace Lookup.Core.Regimes;

/// <summary>
/// The loaded snapshots of registers. Immutable. Without a snapshot at or before the call time, a register gives no answer: the absence of
/// a number from a list that is not loaded proves nothing.
/// </summary>
public sealed class RegisterSnapshots
{
    private readonly IReadOnlyDictionary<string, long[]> _byRegister;
    private readonly long[][] _dates;
    private DatesText? _newest;

    /// <summary>Takes the dates (Unix milliseconds, in any order) by register name; unknown names are ignored.</summary>
    public RegisterSnapshots(RegimeSet regimes, IReadOnlyDictionary<string, long[]> datesByRegister)
    {
        _byRegister = datesByRegister;
        _dates = [.. regimes.Registers.Select(r => datesByRegister.TryGetValue(r.Name, out var d) ? d.Order().ToArray() : [])];
    }

    /// <summary>Returns the same snapshots for the registers of other regimes.</summary>
    public RegisterSnapshots For(RegimeSet regimes) => new(regimes, _byRegister);

    /// <summary>
    /// Names the registers of some rules that are loaded, each with the date of its newest snapshot at or before a time, in Unix
    /// milliseconds: "us-dnc 1795150800000, us-tx-dnc 1795154400000". Allocates nothing if rules and dates are those of the last call.
    /// </summary>
    public string DatesFor(Rules rules, long at)
    {
        ArgumentNullException.ThrowIfNull(rules);
        var known = _newest;
        if (known is not null && known.Rules == rules && at >= known.From)
        {
            return known.Text;
        }

        var text = new StringBuilder();
        var from = long.MinValue;
        foreach (var register in rules.All.Select(rule => rule.Register).OfType<RegisterDefinition>().DistinctBy(register => register.Index))
        {
            from = _dates[register.Index] is [.., var last] ? Math.Max(from, last) : from;
            if (TryNewest(register.Index, at, out var date))
            {
                text.Append(text.Length > 0 ? ", " : "").Append(register.Name).Append(' ').Append(date.ToString(CultureInfo.InvariantCulture));
            }
        }

        // A later call time has the same newest dates.
        var result = text.ToString();
        _newest = at >= from ? new DatesText(rules, from, result) : known;
        return result;
    }

    /// <summary>Finds the date of the newest snapshot at or before a time, in Unix milliseconds.</summary>
    /// <returns>False if there is none.</returns>
    public bool TryNewest(int register, long at, out long date)
    {
        var dates = _dates[register];
        for (var i = dates.Length - 1; i >= 0; i--)
        {
            if (dates[i] <= at)
            {
                date = dates[i];
                return true;
            }
        }

        date = 0;
        return false;
    }

    private sealed record DatesText(Rules Rules, long From, string Text);
}
