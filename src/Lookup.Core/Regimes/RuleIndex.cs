// For: visiting only the rules that can bind a question, of the fourteen to thirty that a country has.
//
// Most rules of a regime concern other questions: a hidden number, a call without a human, a legal person, another purpose. Testing each
// field of each rule costs more than evaluating the few that remain. The rules of a period fit into the bits of one word, so a table holds,
// for each value of each field of the question, the rules that this value does not rule out. The words of all fields are joined by AND.
namespace Lookup.Core.Regimes;

/// <summary>For each value of a field of the question, the rules that can bind it, as bits in the order of <see cref="Rules.All"/>. Immutable.</summary>
internal sealed class RuleIndex
{
    // The first entry of each field. A field has a power of two of entries, more than its largest value.
    private const int LayerSets = 0;
    private const int Subscribers = 32;
    private const int Kinds = 48;
    private const int Purposes = 56;
    private const int Sectors = 64;
    private const int Modes = 72;
    private const int Lines = 80;
    private const int Callers = 84;
    private const int Size = 88;

    private const int WithheldBit = 1;
    private const int StatedBit = 2;

    private readonly ulong[] _table = new ulong[Size];

    internal RuleIndex(Rule[] rules)
    {
        for (var i = 0; i < rules.Length; i++)
        {
            var bit = 1UL << i;
            for (var entry = 0; entry < Size; entry++)
            {
                _table[entry] |= Binds(rules[i], entry) ? bit : 0;
            }
        }
    }

    /// <summary>Returns the rules that can bind a question, as bits. Allocates nothing.</summary>
    /// <param name="layers">The layers that bind the organisation.</param>
    /// <param name="kind">The kind that the call counts as.</param>
    /// <param name="subscribers">The types that the subscriber can have, as bits.</param>
    /// <param name="purpose">The purpose of the call.</param>
    /// <param name="sector">The sector of the organisation.</param>
    /// <param name="mode">How the call is dialled.</param>
    /// <param name="line">The type of the called line.</param>
    /// <param name="isWithheld">Whether the call hides the caller's number.</param>
    /// <param name="isCallerStated">Whether the question states the caller's number.</param>
    internal ulong Find(
        Layers layers,
        CallKind kind,
        int subscribers,
        Purpose purpose,
        Sector sector,
        DiallingMode mode,
        LineType line,
        bool isWithheld,
        bool isCallerStated)
    {
        var table = _table;
        return table[LayerSets + (int)layers]
            & table[Subscribers + subscribers]
            & table[Kinds + (int)kind]
            & table[Purposes + (int)purpose]
            & table[Sectors + (int)sector]
            & table[Modes + (int)mode]
            & table[Lines + (int)line]
            & table[Callers + (isWithheld ? WithheldBit : 0) + (isCallerStated ? StatedBit : 0)];
    }

    private static bool Binds(Rule rule, int entry) => entry switch
    {
        < Subscribers => ((entry - LayerSets) & (1 << (int)rule.Text.Layer)) != 0,
        < Kinds => ((entry - Subscribers) & rule.Subscribers) != 0,
        < Purposes => (rule.Kinds & (1 << (entry - Kinds))) != 0,
        < Sectors => (rule.Purposes & (1 << (entry - Purposes))) != 0,
        < Modes => (rule.Sectors & SectorsOf(entry - Sectors)) != 0,
        < Lines => (rule.Modes & (1 << (entry - Modes))) != 0,
        < Callers => (rule.Lines & (1 << (entry - Lines))) != 0,
        _ => BindsCaller(rule, entry - Callers),
    };

    private static bool BindsCaller(Rule rule, int caller) => rule.Type switch
    {
        RuleType.Withheld => (caller & WithheldBit) != 0,
        RuleType.CallerNumber => rule.Callers!.BindsStated == ((caller & StatedBit) != 0),
        _ => true,
    };

    // A sector that is not stated also counts as another one.
    private static int SectorsOf(int sector) => (1 << sector) | (sector == (int)Sector.Unspecified ? 1 << (int)Sector.Other : 0);
}
