namespace Lookup.Core.Regimes;

/// <summary>
/// Which snapshots of which registers are loaded. Immutable. A register without a snapshot at or before the call time
/// answers nothing: "not on the list" of a list that is not there is no answer.
/// </summary>
public sealed class RegisterSnapshots
{
    private readonly IReadOnlyDictionary<string, long[]> _byRegister;
    private readonly long[][] _dates;

    /// <summary>Takes the dates (Unix milliseconds, any order) by register name; unknown names are left out.</summary>
    public RegisterSnapshots(RegimeSet regimes, IReadOnlyDictionary<string, long[]> datesByRegister)
    {
        _byRegister = datesByRegister;
        _dates = [.. regimes.Registers.Select(r => datesByRegister.TryGetValue(r.Name, out var d) ? d.Order().ToArray() : [])];
    }

    /// <summary>The same snapshots, for the registers of another set of regimes.</summary>
    public RegisterSnapshots For(RegimeSet regimes) => new(regimes, _byRegister);

    /// <summary>Date of the newest snapshot at or before a time, in Unix milliseconds.</summary>
    /// <returns>False where there is none.</returns>
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
}
