// For: finding the rules of millions of numbers in a few nanoseconds each.
//
// Lists keep to few countries, and nearly always the first four digits of a number settle which rules it comes under. So that
// answer is kept by those digits for the length of a chunk; only prefixes longer than four digits are looked up number by
// number. Whether it is a number at all, NumberPlan decides for each.
using Lookup.Core.Numbers;

namespace Lookup.Core.Regimes;

/// <summary>The rules that the numbers of a list come under at one call time. Not thread-safe; used again for the next list.</summary>
public sealed class ListRules
{
    /// <summary>What <see cref="PlaceOf"/> gives for an integer that is no number.</summary>
    public const int NoNumber = -1;

    private const int LeadingDigits = RegimeSet.LeadingDigits;

    private readonly RegimeSet _regimes;
    private readonly Known[] _known = new Known[(int)Digits.PowersOfTen[LeadingDigits]];
    private readonly List<Rules?> _found = [];
    private readonly Dictionary<Rules, int> _places = [];
    private int _withoutRules = NoNumber;
    private long _callTime;
    private string _region = "";
    private int _list;

    /// <summary>Makes one for these regimes.</summary>
    public ListRules(RegimeSet regimes) => _regimes = regimes;

    /// <summary>The rules found, each once; null for numbers without any.</summary>
    public IReadOnlyList<Rules?> Found => _found;

    /// <summary>Begins a list.</summary>
    /// <param name="callTime">The call time in Unix milliseconds.</param>
    /// <param name="region">The region that the question names; empty for none.</param>
    public void Begin(long callTime, string region = "")
    {
        (_callTime, _region) = (callTime, region);
        _list++;
        _found.Clear();
        _places.Clear();
        _withoutRules = NoNumber;
    }

    /// <summary>Place among <see cref="Found"/> of the rules for a number.</summary>
    /// <param name="value">The number as an integer.</param>
    /// <returns><see cref="NoNumber"/> if it is none.</returns>
    public int PlaceOf(ulong value)
    {
        if (!NumberPlan.IsNumber(value))
        {
            return NoNumber;
        }

        ref var known = ref _known[value / Digits.PowersOfTen[Digits.Count(value) - LeadingDigits]];
        return known.List == _list ? known.Place : Find(value, ref known);
    }

    private int Find(ulong value, ref Known known)
    {
        var place = Add(_regimes.Find(new PhoneNumber(value), _callTime, _region, out var settled));
        if (settled)
        {
            known = new Known(_list, place);
        }

        return place;
    }

    private int Add(Rules? rules)
    {
        if (rules is null)
        {
            if (_withoutRules == NoNumber)
            {
                _withoutRules = _found.Count;
                _found.Add(null);
            }

            return _withoutRules;
        }

        if (!_places.TryGetValue(rules, out var place))
        {
            place = _found.Count;
            _places.Add(rules, place);
            _found.Add(rules);
        }

        return place;
    }

    private readonly record struct Known(int List, int Place);
}
