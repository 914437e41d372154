// For: deciding in a few nanoseconds whether an integer is a number of its country's plan.
//
// Calling codes are prefix-free and at most three digits long, and libphonenumber describes the national numbers of each by patterns.
// NumberPlanSource compiles all of them to one set of digit strings, and this table is the minimal automaton of that set. The first three
// digits are one step. Each further digit is one step until only the length matters, which for most numbers is after a few digits: the
// step then leads to a mask of the lengths that may follow.
//
// Digits are read from the front without division: the number as a fraction of 10^15, scaled to 64 bits, yields its next digits as the
// high half of a product. The scale is rounded up; the error after 15 digits is below 0.0003 of the last digit.
//
// Where a country dials 0 before national numbers, the 0 is often left in by mistake: +31 06... Networks treat it differently. If it
// were a separate number, an objection stored without the 0 would not be found, so such numbers are rejected here. This also rejects a few
// real numbers that begin with 0 in such a country (Japan, Rwanda, Uruguay: toll-free numbers). Italy and others without a trunk 0 keep
// theirs.
//
// Reference: ITU-T E.164; https://github.com/google/libphonenumber, FALSEHOODS.md and the FAQ on valid numbers.
using System.Runtime.CompilerServices;

namespace Lookup.Core.Numbers;

internal static class NumberPlan
{
    // The number of first digits that are one step: the longest calling code.
    private const int Head = 3;
    private const int Heads = 1000;

    // ceil(2^113 / 10^15): a number of 15 digits times this, shifted by 49 bits, is its fraction of 10^15 in 64 bits.
    private const int FractionShift = 113 - 64;
    private const ulong Fraction = 10_384_593_717_069_655_258;

    // Entries of a state: one per digit, and whether a number may end here.
    private const int End = 10;

    // What follows each head, or each state and digit: a state, or the complement of a mask of the remaining lengths.
    private static readonly int[] ByHead = new int[Heads];
    private static readonly int[] ByDigit;
    private static readonly CallingCode[] Codes;
    private static readonly OtherForm[] OtherForms;

    static NumberPlan()
    {
        var source = new NumberPlanSource();
        Codes = source.Codes;
        OtherForms = [.. source.OtherForms];
        ByDigit = new Table(source.Sets).Fill(source.Numbers, ByHead);
    }

    /// <summary>Returns why an integer is not a number of a plan, or None. Allocates nothing.</summary>
    public static NumberFault Check(ulong number)
    {
        var digits = Digits.Count(number);
        return IsNumber(number, digits) ? NumberFault.None : Explain(number, digits);
    }

    /// <summary>Returns whether an integer is a number of a plan. Such a number has at least four digits. Allocates nothing.</summary>
    public static bool IsNumber(ulong number) => IsNumber(number, Digits.Count(number));

    /// <summary>Returns the calling code at the start of the digits; 0 for none.</summary>
    public static int CallingCodeOf(ReadOnlySpan<char> digits)
    {
        var head = 0;
        for (var i = 0; i < Head; i++)
        {
            head = (head * 10) + (i < digits.Length ? digits[i] - '0' : 0);
        }

        return Codes[head] is var code && code.Digits <= digits.Length ? code.Code : 0;
    }

    /// <summary>Returns how many more digits the numbers have that begin with some digits: one bit per count; 0 for no such number.</summary>
    /// <param name="prefix">The digits, as an integer of at most 15 digits.</param>
    public static int LengthsAfter(ulong prefix)
    {
        var digits = Digits.Count(prefix);
        var more = Math.Max(0, Head - digits);
        var size = (int)Digits.PowersOfTen[more];
        var head = (int)(prefix / Digits.PowersOfTen[Math.Max(0, digits - Head)]) * size;
        var lengths = 0;
        for (var i = head; i < head + size; i++)
        {
            lengths |= LengthsAfter(ByHead[i], prefix, Math.Max(0, digits - Head)) << more;
        }

        return lengths;
    }

    /// <summary>Returns the numbers of which some integers are another form, such as +33 692... of +262 692...</summary>
    /// <param name="first">The first integer.</param>
    /// <param name="last">The last integer.</param>
    internal static IEnumerable<(ulong First, ulong Last)> ValuesOfForms(ulong first, ulong last)
    {
        var (from, to) = (0, OtherForms.Length);
        while (from < to)
        {
            var middle = (from + to) / 2;
            (from, to) = OtherForms[middle].Last < first ? (middle + 1, to) : (from, middle);
        }

        for (; from < OtherForms.Length && OtherForms[from].First <= last; from++)
        {
            var form = OtherForms[from];
            yield return (form.Value + Math.Max(first, form.First) - form.First, form.Value + Math.Min(last, form.Last) - form.First);
        }
    }

    /// <summary>Returns the calling code of a number.</summary>
    public static int CallingCodeOf(PhoneNumber number) =>
        Codes[number.Value / Digits.PowersOfTen[Digits.Count(number.Value) - Head]].Code;

    /// <summary>Returns whether a 0 is dialled before national numbers in the country of a number.</summary>
    public static bool HasTrunkZero(PhoneNumber number) =>
        Codes[number.Value / Digits.PowersOfTen[Digits.Count(number.Value) - Head]].TrunkZero;

    /// <summary>Returns the digits of a number as a fraction of 10^15, for <see cref="Take"/>.</summary>
    /// <param name="number">The number.</param>
    /// <param name="digits">The number of its digits, 1 to 15.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong FractionOf(ulong number, int digits)
    {
        var high = Math.BigMul(number * Digits.PowersOfTen[PhoneNumber.MaxDigits - digits], Fraction, out var low);
        return ((high << (64 - FractionShift)) | (low >> FractionShift)) + 1;
    }

    /// <summary>Takes the next digits off a fraction.</summary>
    /// <param name="fraction">What is left of the number.</param>
    /// <param name="size">10 to the power of the number of digits to take.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static int Take(ref ulong fraction, int size) => (int)Math.BigMul(fraction, (ulong)size, out fraction);

    /// <summary>Returns the step to which the first four digits lead, for <see cref="IsNumberFrom"/>.</summary>
    /// <param name="digits">The digits, 1000 to 9999.</param>
    internal static int StepAfterFour(int digits)
    {
        var step = ByHead[digits / 10];
        return step >= 0 ? ByDigit[step + (digits % 10)] : ~(~step >> 1);
    }

    /// <summary>Returns whether the number of which a part was taken is a number of a plan.</summary>
    /// <param name="step">The step to which the taken digits lead.</param>
    /// <param name="fraction">What is left.</param>
    /// <param name="left">The number of digits left.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool IsNumberFrom(int step, ulong fraction, int left) =>
        step < 0 ? ((~step >> left) & 1) != 0 : Follow(step, fraction, left);

    private static bool IsNumber(ulong number, int digits)
    {
        if ((uint)(digits - Head) > PhoneNumber.MaxDigits - Head)
        {
            return false;
        }

        var fraction = FractionOf(number, digits);
        var step = ByHead[Take(ref fraction, Heads)];
        return IsNumberFrom(step, fraction, digits - Head);
    }

    private static bool Follow(int next, ulong fraction, int left)
    {
        while (next >= 0)
        {
            if (left == 0)
            {
                return ByDigit[next + End] != 0;
            }

            next = ByDigit[next + Take(ref fraction, 10)];
            left--;
        }

        return ((~next >> left) & 1) != 0;
    }

    // The last digits of the prefix lead on from the step.
    private static int LengthsAfter(int step, ulong prefix, int left)
    {
        if (step < 0)
        {
            return ~step >> left;
        }

        if (left > 0)
        {
            return LengthsAfter(ByDigit[step + (int)(prefix / Digits.PowersOfTen[left - 1] % 10)], prefix, left - 1);
        }

        var lengths = ByDigit[step + End];
        for (var digit = 0; digit < 10; digit++)
        {
            lengths |= LengthsAfter(ByDigit[step + digit], prefix, 0) << 1;
        }

        return lengths;
    }

    private static NumberFault Explain(ulong number, int digits)
    {
        if (digits > PhoneNumber.MaxDigits)
        {
            return NumberFault.TooLong;
        }

        if (digits < Head)
        {
            return NumberFault.TooShort;
        }

        ref readonly var code = ref Codes[number / Digits.PowersOfTen[digits - Head]];
        if (code.Code == 0)
        {
            return NumberFault.UnknownCallingCode;
        }

        var national = digits - code.Digits;
        if (code.TrunkZero && national > 0 && number / Digits.PowersOfTen[national - 1] % 10 == 0)
        {
            return NumberFault.TrunkZero;
        }

        var bit = 1 << national;
        return (code.Lengths & bit) != 0 ? NumberFault.NotInPlan
            : code.Lengths < bit ? NumberFault.TooLong
            : (code.Lengths & (bit - 1)) == 0 ? NumberFault.TooShort
            : NumberFault.ImpossibleLength;
    }

    /// <summary>Integers that are another form of a number: no subscriber has them as a value.</summary>
    /// <param name="First">The first of them.</param>
    /// <param name="Last">The last of them.</param>
    /// <param name="Value">The number of which the first is a form; those of the others follow it.</param>
    internal readonly record struct OtherForm(ulong First, ulong Last, ulong Value);

    /// <summary>The calling code for each first three digits of a number.</summary>
    /// <param name="Code">The calling code; 0 for none.</param>
    /// <param name="Lengths">One bit per length of its national numbers.</param>
    /// <param name="TrunkZero">Whether a 0 is dialled before national numbers.</param>
    internal readonly record struct CallingCode(short Code, ushort Lengths, bool TrunkZero)
    {
        /// <summary>The number of digits of the code.</summary>
        public int Digits => Code < 10 ? 1 : Code < 100 ? 2 : 3;
    }

    // Assigns a state to each set that several kinds of strings can follow, and writes its steps.
    private sealed class Table(DigitSets sets)
    {
        private readonly Dictionary<int, int> _steps = [];
        private readonly Dictionary<int, int> _lengths = [];
        private readonly List<int> _byDigit = [];

        internal int[] Fill(int numbers, int[] byHead)
        {
            for (var head = 0; head < byHead.Length; head++)
            {
                byHead[head] = StepTo(sets.After(sets.After(sets.After(numbers, head / 100), head / 10 % 10), head % 10));
            }

            return [.. _byDigit];
        }

        private int StepTo(int set)
        {
            if (_steps.TryGetValue(set, out var step))
            {
                return step;
            }

            step = LengthsOnly(set);
            if (step < 0)
            {
                step = _byDigit.Count;
                _byDigit.AddRange(new int[End + 1]);
                _byDigit[step + End] = sets.HasEmpty(set) ? 1 : 0;
                for (var digit = 0; digit < 10; digit++)
                {
                    var next = StepTo(sets.After(set, digit));
                    _byDigit[step + digit] = next;
                }
            }
            else
            {
                step = ~step;
            }

            _steps.Add(set, step);
            return step;
        }

        // Returns the lengths of the strings if every string of such a length is in the set; otherwise -1.
        private int LengthsOnly(int set)
        {
            if (set == DigitSets.None)
            {
                return 0;
            }

            if (_lengths.TryGetValue(set, out var lengths))
            {
                return lengths;
            }

            var after = sets.After(set, 0);
            for (var digit = 1; digit < 10 && after >= 0; digit++)
            {
                after = sets.After(set, digit) == after ? after : -1;
            }

            lengths = after < 0 ? -1 : LengthsOnly(after);
            if (lengths >= 0)
            {
                lengths = (lengths << 1) | (sets.HasEmpty(set) ? 1 : 0);
            }

            _lengths.Add(set, lengths);
            return lengths;
        }
    }
}
