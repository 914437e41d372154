namespace Lookup.Core.Regimes;

/// <summary>A set of days since 1970-01-01, as bits: each decision looks a day up. Immutable.</summary>
internal sealed class DaySet
{
    private readonly int _first;
    private readonly ulong[] _bits;

    internal DaySet(IReadOnlyCollection<int> days)
    {
        _first = days.Count == 0 ? 0 : days.Min();
        _bits = new ulong[days.Count == 0 ? 0 : ((days.Max() - _first) / 64) + 1];
        foreach (var day in days)
        {
            _bits[(day - _first) / 64] |= 1UL << (day - _first);
        }
    }

    internal bool Contains(int day)
    {
        var at = (uint)(day - _first);
        var word = at / 64;
        return word < (uint)_bits.Length && (_bits[word] & (1UL << (int)at)) != 0;
    }

    internal DaySet With(IEnumerable<int> others) => new([.. Days(), .. others]);

    private IEnumerable<int> Days() => Enumerable.Range(_first, _bits.Length * 64).Where(Contains);
}
