// For: changing numbers as spreadsheets, forms and people change them, to see that none becomes another number in silence.
//
// Each mutation of a number must be refused or read as that number. Five kinds cannot be told from another number by any
// reader, and are left out by these rules:
//
// 1. A calling code put directly before digits, where the result is itself a number: +49 before 49170... is Wangerland's 04917.
// 2. A number without its plus, in a list of another region where the same digits are a number: 33612345678 in a German list.
// 3. Digits added by a space or without a separator, in a plan that has numbers of more than one length.
// 4. Digits added by a hyphen, in such a plan: one digit in Austria, Germany and Luxembourg, where it is an extension; more than
//    one digit anywhere.
// 5. A national form read in a list of another region.
using System.Globalization;
using Lookup.Core.Numbers;
using PhoneNumbers;
using PhoneNumber = Lookup.Core.Numbers.PhoneNumber;

namespace Lookup.Load.Fuzz;

/// <summary>A number that was changed.</summary>
/// <param name="Kind">What was done to it.</param>
/// <param name="Text">The text that came of it.</param>
/// <param name="Region">The region it is read with; null for none.</param>
/// <param name="MustBeRead">Whether it has to be read as the number; otherwise it may be refused too.</param>
internal sealed record NumberMutation(string Kind, string Text, string? Region, bool MustBeRead = false);

/// <summary>Numbers of all plans, and what happens to them.</summary>
internal static class NumberMutations
{
    private static readonly PhoneNumberUtil Util = PhoneNumberUtil.GetInstance();
    private static readonly string[] Regions = [.. Util.GetSupportedRegions().Order(StringComparer.Ordinal)];
    private static readonly string[] Endings =
        [".0", ".00", ",0", ",00", ".5", "/8", "/68", " / 06", "/-8", " / -68", "~9", "\uFF0F8", "(2)", " [2]", "\uFF082\uFF09", " x5", " ext 5", "#5", ";5", ";ext=5", ",,1#", "p1", "*", "E+10", "\r5", "\n5"];

    // What stands between groups, all of it accepted by libphonenumber, and what is not seen at all.
    private static readonly string[] Separators =
        [" ", "-", "\u2010", "\u2011", "\u2012", "\u2013", "\u2014", "\u2015", "\u2212", "\u30FC", "\uFF0D", "\u00A0", "\u3000", "\u00AD", "\u200B", "\u2060", "\t", " - ", "\u200E", "\uFEFF"];

    /// <summary>A number of a random region: the library's example with its last digits changed.</summary>
    internal static PhoneNumber Number(Random random, out string region)
    {
        while (true)
        {
            region = Regions[random.Next(Regions.Length)];
            var example = Util.GetExampleNumberForType(region, random.Next(2) == 0 ? PhoneNumberType.MOBILE : PhoneNumberType.FIXED_LINE);
            if (example is null)
            {
                continue;
            }

            var digits = Util.Format(example, PhoneNumberFormat.E164).ToCharArray();
            for (var i = random.Next(1, 6); i > 0; i--)
            {
                digits[^i] = (char)('0' + random.Next(10));
            }

            // The example's region may differ from the changed number's: a national form is read in the latter.
            if (PhoneNumber.TryParse(digits, out var number, out _) && Util.GetRegionCodeForNumber(Library(number)) == region)
            {
                return number;
            }
        }
    }

    /// <summary>One mutation of each kind.</summary>
    internal static IEnumerable<NumberMutation> Of(PhoneNumber number, string region, Random random)
    {
        var library = Library(number);
        var digits = number.Value.ToString(CultureInfo.InvariantCulture);
        var code = library.CountryCode.ToString(CultureInfo.InvariantCulture);
        var national = digits[code.Length..];
        var shown = Util.Format(library, PhoneNumberFormat.NATIONAL);
        var international = Util.Format(library, PhoneNumberFormat.INTERNATIONAL);
        var (other, otherRegion) = (Number(random, out var region2), region2);
        (string Text, string? Region)[] forms = [("+" + digits, null), (international, null), (shown, region), (digits, region)];

        foreach (var (text, of) in forms)
        {
            yield return new("as it is", text, of, MustBeRead: of is null);
            foreach (var ending in Endings)
            {
                yield return new("ending " + ending, text + ending, of);
            }

            yield return new("two numbers", $"{text} / {text}", of);
            yield return new("two numbers in lines", $"{text}\n{text}", of);
            yield return new("a number and another", $"{text}/{(otherRegion == region ? Util.Format(Library(other), PhoneNumberFormat.NATIONAL) : other)}", of);
        }

        yield return new("all digits grouped", string.Join(Separators[random.Next(Separators.Length)], Groups("+" + digits, random)), null, MustBeRead: true);
        yield return new("other digits", string.Concat(("+" + digits).Select(c => c == '+' ? '+' : (char)('\u0660' + (c - '0')))), null, MustBeRead: true);
        yield return new("apostrophe", "'" + digits, region);
        yield return new("formula", $"=\"{shown}\"", region);
        yield return new("thousands", Thousands(digits), region);
        yield return new("result of a formula", (library.CountryCode - long.Parse(national, CultureInfo.InvariantCulture)).ToString(CultureInfo.InvariantCulture), region);
        yield return new("00 in its own region", "00" + digits, region, MustBeRead: true);
        yield return new("scientific", $"{digits[0]}.{digits[1..6]}E+{digits.Length - 1}", region);

        yield return new("code again, in a group", $"+{code} {code} {national}", null);
        yield return new("code again, in parentheses", $"+{code} ({code}) {national}", null);
        yield return new("code again, with 00", $"+{code} 00{code} {national}", null);
        yield return new("code again, with plus", $"+{code}+{digits}", null);
        yield return new("code again, in one group", $"+{code}{code} {national}", null);
        // Rule 1.
        if (!PhoneNumber.TryParse($"+{code}{digits}", out _, out _))
        {
            yield return new("code again", $"+{code}{digits}", null);
        }

        yield return new("trunk 0", $"+{code} (0) {national}", null);
        yield return new("trunk 0 inside", $"+{code} {national[..2]} (0) {national[2..]}", null);

        foreach (var elsewhere in (string[])["NL", "GB", "US", "IT", "IN", "FR", "BE", "DE", "AT", otherRegion])
        {
            yield return new("plus lost before a trunk 0 in " + elsewhere, $"{code} (0) {national}", elsewhere);
            yield return new("plus lost before a trunk 0 in " + elsewhere, $"{code}(0){national}", elsewhere);
        }

        // Saint-Pierre's six digits have none, and with more before them can be a number of all France.
        if (library.CountryCode != 508 && Util.GetLengthOfGeographicalAreaCode(library) is > 0 and var area && Util.GetNddPrefixForRegion(region, true) == "0")
        {
            yield return new("area code again", $"0{national[..area]} 0{national}", region);
            yield return new("area code again", $"+{code} {national[..area]} 0{national}", null);
        }

        // Rule 2: of its own region the same digits are read or refused, of another one refused unless they are a number there.
        foreach (var elsewhere in (string[])["NL", "GB", "US", "IT", "IN", "FR", "BE", "DE", otherRegion])
        {
            var there = Util.GetCountryCodeForRegion(elsewhere);
            if (there == library.CountryCode || IsNumberOf(digits, elsewhere, there))
            {
                continue;
            }

            yield return new("plus lost in " + elsewhere, digits, elsewhere);
            yield return new("plus lost in " + elsewhere + ", grouped", international[1..], elsewhere);
        }

        // Rules 3 and 4.
        if (!HasLongerNumbers(digits))
        {
            yield return new("digit added", $"+{digits} 5", null);
            yield return new("digits added", $"+{digits}-55", null);
        }

        if (library.CountryCode is not (43 or 49 or 352))
        {
            yield return new("digit added by a hyphen", $"+{digits}-5", null);
        }
    }

    /// <summary>What a reader made of a mutation, if that is wrong.</summary>
    internal static string? Fault(PhoneNumber number, NumberMutation mutation)
    {
        var read = NumberParser.Instance.TryParse(mutation.Text, mutation.Region, out var found, out var fault);
        return read && found != number ? $"{mutation.Kind}: '{mutation.Text}' {mutation.Region} of {number} is read as {found}"
            : !read && mutation.MustBeRead ? $"{mutation.Kind}: '{mutation.Text}' {mutation.Region} of {number} is refused: {fault}"
            : null;
    }

    private static PhoneNumbers.PhoneNumber Library(PhoneNumber number) => Util.Parse(number.ToString(), null);

    private static bool HasLongerNumbers(string digits) =>
        Enumerable.Range(0, 100).Any(i => PhoneNumber.TryParse($"+{digits}{i % 10}", out _, out _) || PhoneNumber.TryParse($"+{digits}{i:00}", out _, out _));

    // As the library reads it there: with the region's calling code, or with what is mended in its plan.
    private static bool IsNumberOf(string digits, string region, int code)
    {
        try
        {
            var there = Util.Parse(digits, region);
            return PhoneNumber.TryParse(Util.Format(there, PhoneNumberFormat.E164), out _, out _) || PhoneNumber.TryParse($"+{code}{digits}", out _, out _);
        }
        catch (NumberParseException)
        {
            return false;
        }
    }

    private static IEnumerable<string> Groups(string text, Random random)
    {
        for (var at = 0; at < text.Length;)
        {
            // A last group of one digit can be a second ending.
            var length = Math.Min(random.Next(2, 5), text.Length - at);
            length += text.Length - at - length == 1 ? 1 : 0;
            yield return text.Substring(at, length);
            at += length;
        }
    }

    private static string Thousands(string digits)
    {
        var first = digits.Length % 3 == 0 ? 3 : digits.Length % 3;
        return string.Join('.', Enumerable.Range(0, ((digits.Length - first) / 3) + 1)
            .Select(i => i == 0 ? digits[..first] : digits.Substring(first + ((i - 1) * 3), 3)));
    }
}
