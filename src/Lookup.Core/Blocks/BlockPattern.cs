using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Lookup.Core.Numbers;

namespace Lookup.Core.Blocks;

/// <summary>Reads the forms in which people write blocks: "313XXXXXXX", "+49151*", and two numbers of a range.</summary>
public static class BlockPattern
{
    /// <summary>The fewest numbers of a block. Fewer are a person's or a household's, and belong into objections.</summary>
    public const int MinNumbers = 100;

    /// <summary>The refusal of a block of most of a country.</summary>
    public const string WholeCountry =
        "Covers most numbers of a country calling code; set whole_country (--whole-country) if that is meant, or write more digits.";

    private const string OneNumber =
        "Names one number: write the digits that vary as X, as in 313XXXXXXX, or end a prefix with *, as in +49151*. For one number, record an objection.";

    private const string TooFew = "Covers fewer than 100 numbers: record an objection for each of them. A block would store a person's number unencrypted.";

    private const string ANumber =
        "Begins with the digits of a whole number: write an X for each digit that varies, or record an objection for the number. "
        + "A block would store a person's number unencrypted.";

    private const string NoNumber = "No number of the country has these digits and this length: check the digits and how many vary.";

    private const string NoPrefix = "No number of the country begins with these digits: check them.";

    private const string ExitCode = "Has no digits after the prefix of international calls.";

    private const string Ambiguous =
        "Can mean numbers of more than one country or area: write it with + and the country calling code, or more of its digits.";

    private const string TooManyDigits = "Has more than 15 digits.";

    // A number with the prefix of international calls, 00 or 011.
    private const int MaxTypedDigits = PhoneNumber.MaxDigits + 3;

    private const int MinVaryingDigits = 2;

    // A number is read by its first digits, together with its length: 0594 of France is not a number of France.
    private const int Deciding = 5;

    // Numbers that are tried for each of the first digits and each length, until one exists.
    private const int Tries = 6;

    // No national form is shorter.
    private const int ShortestTyped = 7;

    /// <summary>Reads a pattern: digits, then an X for each digit that varies, or * for any number of digits.</summary>
    /// <param name="text">With or without +, spaces and punctuation.</param>
    /// <param name="region">ISO 3166 code of two letters for a national form; null or empty for none.</param>
    /// <param name="range">The numbers.</param>
    /// <param name="written">The integers as written; others than the numbers if the text is another form of them.</param>
    /// <param name="fault">Why the text is not a pattern.</param>
    public static bool TryParse(string text, string? region, out BlockRange range, out BlockRange written, [NotNullWhen(false)] out string? fault)
    {
        ArgumentNullException.ThrowIfNull(text);
        (range, written) = (default, default);
        if (!TryScan(text, out var digits, out var varying, out var isPrefix, out var isInternational, out fault))
        {
            return false;
        }

        if (varying == 0 && !isPrefix)
        {
            fault = OneNumber;
            return false;
        }

        if (!isPrefix && varying < MinVaryingDigits)
        {
            fault = TooFew;
            return false;
        }

        if (!TryInternational(digits, isPrefix ? null : varying, isInternational, region, out var prefix, out fault))
        {
            return false;
        }

        written = RangeOf(prefix);
        if (!TryPlan(ref prefix, isPrefix ? null : varying, out fault))
        {
            return false;
        }

        range = RangeOf(prefix);
        return true;

        BlockRange RangeOf(ulong start)
        {
            var size = Digits.PowersOfTen[isPrefix ? 0 : varying];
            return isPrefix ? new BlockRange(start, start, IsPrefix: true) : new BlockRange(start * size, (start * size) + size - 1, IsPrefix: false);
        }
    }

    /// <summary>Reads the first and the last number of a range; see <see cref="TryParse(string, string?, out BlockRange, out BlockRange, out string?)"/>.</summary>
    public static bool TryParse(string first, string last, string? region, out BlockRange range, out BlockRange written, [NotNullWhen(false)] out string? fault)
    {
        ArgumentNullException.ThrowIfNull(first);
        ArgumentNullException.ThrowIfNull(last);
        (range, written) = (default, default);
        if (!TryScan(first, out var from, out var varying, out var isPrefix, out var isInternational, out fault)
            || !TryScan(last, out var to, out var alsoVarying, out var isAlsoPrefix, out var isAlsoInternational, out fault))
        {
            return false;
        }

        if (varying + alsoVarying > 0 || isPrefix || isAlsoPrefix)
        {
            fault = "A range has two numbers without X and *: write either a pattern or a range.";
            return false;
        }

        if (from.Length != to.Length || isInternational != isAlsoInternational)
        {
            fault = "Both ends of a range must have the same form and the same number of digits.";
            return false;
        }

        if (from.Length > MaxTypedDigits)
        {
            fault = TooManyDigits;
            return false;
        }

        if (string.CompareOrdinal(from, to) > 0)
        {
            fault = "The first number of the range is greater than the last.";
            return false;
        }

        var common = from.AsSpan().CommonPrefixLength(to);
        var left = from.Length - common;
        var (low, high) = (ParseOr0(from[common..]), ParseOr0(to[common..]));
        if (high - low + 1 < MinNumbers)
        {
            fault = left == 0 ? OneNumber : TooFew;
            return false;
        }

        if (!TryInternational(from[..common], left, isInternational, region, out var prefix, out fault))
        {
            return false;
        }

        var size = Digits.PowersOfTen[left];
        written = new BlockRange((prefix * size) + low, (prefix * size) + high, IsPrefix: false);
        if (!TryPlan(ref prefix, left, out fault))
        {
            return false;
        }

        range = new BlockRange((prefix * size) + low, (prefix * size) + high, IsPrefix: false);
        return true;
    }

    /// <summary>Returns whether no number is as a range is written, so that it covers none, or those of which it is another form.</summary>
    public static bool IsOutsidePlan(BlockRange range)
    {
        var (prefix, varying) = (range.First, 0);
        for (var last = range.Last; prefix != last; varying++)
        {
            (prefix, last) = (prefix / 10, last / 10);
        }

        return WhyEmpty(prefix, range.IsPrefix ? null : varying) is NoPrefix or NoNumber;
    }

    // Digits that no number begins with may be another form of those that numbers begin with.
    private static bool TryPlan(ref ulong prefix, int? varying, [NotNullWhen(false)] out string? fault)
    {
        fault = WhyEmpty(prefix, varying);
        if (fault is NoPrefix or NoNumber && TryNational($"+{prefix}", varying, null, out var value, out _) && WhyEmpty(value, varying) is null)
        {
            (prefix, fault) = (value, null);
        }

        return fault is null;
    }

    /// <summary>Returns whether a range covers more than half of the numbers of a calling code, at least of those of one length.</summary>
    public static bool CoversCountry(BlockRange range)
    {
        var digits = range.First.ToString(CultureInfo.InvariantCulture);
        var code = NumberPlan.CallingCodeOf(digits).ToString(CultureInfo.InvariantCulture);
        if (range.IsPrefix)
        {
            return digits.Length <= code.Length;
        }

        var size = Digits.PowersOfTen[digits.Length - code.Length];
        return range.Last - range.First >= size / 2;
    }

    // A block that covers no number is a slip of the keyboard, and leaves the numbers that were meant without one.
    private static string? WhyEmpty(ulong prefix, int? varying)
    {
        var lengths = NumberPlan.LengthsAfter(prefix);
        return varying is { } digits
            ? (lengths & (1 << digits)) == 0 ? NoNumber : null
            : (lengths & 1) != 0 ? ANumber
            : lengths == 0 ? NoPrefix
            : lengths < (1 << MinVaryingDigits) ? TooFew
            : null;
    }

    private static ulong ParseOr0(string digits) => digits.Length == 0 ? 0 : ulong.Parse(digits, NumberStyles.None, CultureInfo.InvariantCulture);

    // Separates digits, X and *. Positions in faults count from 1.
    private static bool TryScan(
        string text, out string digits, out int varying, out bool isPrefix, out bool isInternational, [NotNullWhen(false)] out string? fault)
    {
        (digits, varying, isPrefix, isInternational, fault) = ("", 0, false, false, null);
        if (text.Length > NumberParser.MaxInput)
        {
            fault = $"Longer than {NumberParser.MaxInput} characters.";
            return false;
        }

        var found = new System.Text.StringBuilder();
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (c is ' ' or '-' or '.' or '(' or ')' or '/' or '\u00a0')
            {
                continue;
            }

            var at = (i + 1).ToString(CultureInfo.InvariantCulture);
            if (isPrefix)
            {
                fault = $"Character {at} follows the *, which must be the last.";
            }
            else if (char.IsAsciiDigit(c))
            {
                fault = varying > 0 ? $"Character {at} is a digit after X: only the last digits can vary." : null;
                found.Append(c);
            }
            else if (c is 'X' or 'x')
            {
                varying++;
            }
            else if (c == '*')
            {
                fault = varying > 0 ? $"Character {at} is * after X: write one of them." : null;
                isPrefix = true;
            }
            else if (c == '+' && found.Length == 0 && varying == 0 && !isInternational)
            {
                isInternational = true;
            }
            else
            {
                fault = PlainCharacter(c, at);
            }

            if (fault is not null)
            {
                return false;
            }
        }

        digits = found.ToString();
        fault = digits.Length == 0 ? "Has no digits: a block starts with the country calling code or, with a region, with the area code." : null;
        return fault is null;
    }

    private static string PlainCharacter(char c, string at) => char.IsBetween(c, ' ', '~')
        ? $"Character {at} is '{c}': write digits, X for each digit that varies, or * at the end."
        : $"Character {at} is U+{(int)c:X4}: write digits, X for each digit that varies, or * at the end.";

    // Returns the digits before those that vary, in E.164.
    private static bool TryInternational(
        string digits, int? varying, bool isInternational, string? region, out ulong prefix, [NotNullWhen(false)] out string? fault)
    {
        prefix = 0;
        if (!string.IsNullOrEmpty(region) && !NumberParser.Instance.IsRegion(region))
        {
            fault = NumberFault.UnknownRegion.Describe();
            return false;
        }

        if (!isInternational)
        {
            if (string.IsNullOrEmpty(region))
            {
                fault = "Has no country: add + and the country calling code, or state the region.";
                return false;
            }

            return TryNational(digits, varying, region, out prefix, out fault);
        }

        if (digits.Length + (varying ?? 0) > PhoneNumber.MaxDigits)
        {
            fault = TooManyDigits;
            return false;
        }

        if (digits is "" or ['0', ..] || NumberPlan.CallingCodeOf(digits) is not (> 0 and var code))
        {
            fault = NumberFault.UnknownCallingCode.Describe();
            return false;
        }

        prefix = ulong.Parse(digits, NumberStyles.None, CultureInfo.InvariantCulture);
        var length = code.ToString(CultureInfo.InvariantCulture).Length;
        // Numbers with the trunk 0 do not exist, so the block would cover none.
        if (digits.Length > length && digits[length] == '0' && NumberPlan.Check(PadTo(prefix, varying)) == NumberFault.TrunkZero)
        {
            fault = NumberFault.TrunkZero.Describe();
            return false;
        }

        fault = null;
        return true;
    }

    private static ulong PadTo(ulong prefix, int? varying) => prefix * Digits.PowersOfTen[varying ?? Math.Max(0, 10 - Digits.Count(prefix))];

    // The parser knows the forms of the region: the pattern is read as its numbers are, with some digits in place of X.
    private static bool TryNational(string digits, int? varying, string? region, out ulong prefix, [NotNullWhen(false)] out string? fault)
    {
        ulong? agreed = null;
        var random = new Random(digits.Length);
        var (shortest, longest) = varying is { } fixedCount
            ? (fixedCount, Math.Min(fixedCount, MaxTypedDigits - digits.Length))
            : (Math.Max(MinVaryingDigits, ShortestTyped - digits.Length), PhoneNumber.MaxDigits + 1 - digits.Length);
        // Each length is tried: "31612" begins the number 0316 12... of the Netherlands and, two digits longer, +31 6 12...
        for (var count = shortest; count <= longest; count++)
        {
            var leading = Math.Min(count, Math.Max(1, Deciding - digits.Length));
            for (var first = 0; first < (int)Digits.PowersOfTen[leading]; first++)
            {
                var start = first.ToString(CultureInfo.InvariantCulture).PadLeft(leading, '0');
                for (var tries = 0; tries < Tries; tries++)
                {
                    var end = start + string.Concat(Enumerable.Range(0, count - leading).Select(_ => (char)('0' + random.Next(10))));
                    // A number that ends otherwise is another form of one that a shorter pattern covers.
                    if (!NumberParser.Instance.TryParse(digits + end, region, out var number, out _)
                        || !number.ToString().EndsWith(end, StringComparison.Ordinal))
                    {
                        continue;
                    }

                    prefix = number.Value / Digits.PowersOfTen[count];
                    if (prefix != (agreed ??= prefix))
                    {
                        fault = Ambiguous;
                        return false;
                    }

                    break;
                }
            }
        }

        prefix = agreed ?? 0;
        fault = agreed is 0 ? ExitCode
            : agreed is not null ? null
            : $"No number of {region?.ToUpperInvariant()} has this form: check the digits and how many vary, or write it with + and the country calling code.";
        return fault is null;
    }
}
