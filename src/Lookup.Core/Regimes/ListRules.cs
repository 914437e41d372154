// For: finding the rules of millions of numbers in a few nanoseconds each.
//
// Lists contain numbers of few countries, and nearly always the first four digits of a number determine its rules. The result is therefore
// cached by those digits for one chunk; only prefixes longer than four digits are looked up per number. The step of NumberPlan after
// these digits is cached with it, so that most numbers are checked against their plan by their length alone.
using Lookup.Core.Numbers;

namespace Lookup.Core.Regimes;

/// <summary>The rules for the numbers of a list at one call time. Not thread-safe; reusable for the next list.</summary>
public sealed class ListRules
{
    /// <summary>The result of <see cref="IndexOf"/> for an integer that is not a phone number.</summary>
    public const int NotANumber = -1;

    // The index while more digits determine the rules.
    private const int Unsettled = -1;

    private const int LeadingDigits = RegimeSet.LeadingDigits;
    private const int Leads = 10_000;

    private readonly RegimeSet _regimes;
    private readonly Known[] _known = new Known[Leads];
    private readonly List<Rules?> _found = [];
    private readonly Dictionary<Rules, int> _places = [];
    private int _withoutRules = NotANumber;
    private long _callTime;
    private string _region = "";
    private int _list;

    /// <summary>Makes an instance for these regimes.</summary>
    public ListRules(RegimeSet regimes) => _regimes = regimes;

    /// <summary>The rules found, each once; null for numbers without rules.</summary>
    public IReadOnlyList<Rules?> Found => _found;

    /// <summary>Starts a list.</summary>
    /// <param name="callTime">The call time in Unix milliseconds.</param>
    /// <param name="region">The region that the question names; empty for none.</param>
    public void Start(long callTime, string region = "")
    {
        (_callTime, _region) = (callTime, region);
        _list++;
        _found.Clear();
        _places.Clear();
        _withoutRules = NotANumber;
    }

    /// <summary>Returns the index of a number's rules in <see cref="Found"/>.</summary>
    /// <param name="value">The number as an integer.</param>
    /// <returns><see cref="NotANumber"/> if it is not a phone number.</returns>
    public int IndexOf(ulong value)
    {
        var digits = Digits.Count(value);
        if ((uint)(digits - LeadingDigits) > PhoneNumber.MaxDigits - LeadingDigits)
        {
            return NotANumber;
        }

        var rest = NumberPlan.FractionOf(value, digits);
        var leading = NumberPlan.Take(ref rest, Leads);
        ref var known = ref _known[leading];
        if (known.List != _list)
        {
            known = new Known(_list, NumberPlan.StepAfterFour(leading), Unsettled);
        }

        return !NumberPlan.IsNumberFrom(known.Step, rest, digits - LeadingDigits) ? NotANumber
            : known.Index >= 0 ? known.Index
            : Find(value, ref known);
    }

    private int Find(ulong value, ref Known known)
    {
        var place = Add(_regimes.Find(new PhoneNumber(value), _callTime, _region, out var settled));
        if (settled)
        {
            known = known with { Index = place };
        }

        return place;
    }

    private int Add(Rules? rules)
    {
        if (rules is null)
        {
            if (_withoutRules == NotANumber)
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

    // What applies to all numbers with the same first digits.
    private readonly record struct Known(int List, int Step, int Index);
}
