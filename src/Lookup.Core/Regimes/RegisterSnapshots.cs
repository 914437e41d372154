namespace Lookup.Core.Regimes;

/// <summary>
/// The loaded snapshots of registers. Immutable. Without a snapshot at or before the call time, a register gives no answer: the absence of
/// a number from a list that is not loaded proves nothing.
/// </summary>
public sealed class RegisterSnapshots
{
    private readonly IReadOnlyDictionary<string, long[]> _byRegister;
    private readonly long[][] _dates;

    /// <summary>Takes the dates (Unix milliseconds, in any order) by register name; unknown names are ignored.</summary>
    public RegisterSnapshots(RegimeSet regimes, IReadOnlyDictionary<string, long[]> datesByRegister)
    {
        _byRegister = datesByRegister;
        _dates = [.. regimes.Registers.Select(r => datesByRegister.TryGetValue(r.Name, out var d) ? d.Order().ToArray() : [])];
    }

    /// <summary>Returns the same snapshots for the registers of other regimes.</summary>
    public RegisterSnapshots For(RegimeSet regimes) => new(regimes, _byRegister);

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
}
