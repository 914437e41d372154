using System.Globalization;

namespace Lookup.Core.Numbers;

/// <summary>
/// A phone number in E.164: calling code and national number as one integer, up to 15 digits, without the plus. A value from
/// <see cref="TryParse"/> or <see cref="TryFrom"/> is a number of its country's plan; whether it is assigned is not known. One subscriber
/// has one value: other forms that a network would connect to the same telephone are rejected or, by <see cref="NumberParser"/>,
/// normalised.
/// </summary>
/// <param name="Value">The digits as an integer, for example 31612345678.</param>
public readonly record struct PhoneNumber(ulong Value)
{
    /// <summary>The most digits of a phone number.</summary>
    public const int MaxDigits = 15;

    // Digits of the largest integer, which is not a phone number.
    private const int MaxValueDigits = 20;

    private const string Hidden = "*****";

    /// <summary>For logs and messages: the first and last digits, "+316*****78".</summary>
    public string Masked
    {
        get
        {
            var text = ToString();
            return text.Length >= 10
                ? string.Concat(text.AsSpan(0, 4), Hidden, text.AsSpan(text.Length - 2))
                : string.Concat(text.AsSpan(0, 2), Hidden);
        }
    }

    /// <summary>Parses a number in E.164: a plus and digits, nothing else. Allocates nothing.</summary>
    /// <returns>False for any other text; <paramref name="fault"/> is the reason.</returns>
    public static bool TryParse(ReadOnlySpan<char> e164, out PhoneNumber number, out NumberFault fault)
    {
        number = default;
        if (e164.IsEmpty)
        {
            fault = NumberFault.Empty;
            return false;
        }

        var digits = e164[0] == '+' ? e164[1..] : e164;
        ulong value = 0;
        for (var i = 0; i < digits.Length; i++)
        {
            var digit = (uint)(digits[i] - '0');
            if (digit > 9)
            {
                fault = char.IsLetter(digits[i]) ? NumberFault.Letters : NumberFault.InvalidCharacter;
                return false;
            }

            if (i == MaxDigits)
            {
                fault = NumberFault.TooLong;
                return false;
            }

            value = (value * 10) + digit;
        }

        if (digits.Length == e164.Length)
        {
            fault = NumberFault.NationalWithoutRegion;
            return false;
        }

        if (digits.IsEmpty)
        {
            fault = NumberFault.TooShort;
            return false;
        }

        if (digits[0] == '0')
        {
            fault = NumberFault.UnknownCallingCode;
            return false;
        }

        return TryFrom(value, out number, out fault);
    }

    /// <summary>Makes a number from an integer such as 31612345678. Allocates nothing.</summary>
    /// <returns>False if no country's plan contains it; <paramref name="fault"/> is the reason.</returns>
    public static bool TryFrom(ulong digits, out PhoneNumber number, out NumberFault fault)
    {
        fault = NumberPlan.Check(digits);
        number = fault == NumberFault.None ? new PhoneNumber(digits) : default;
        return fault == NumberFault.None;
    }

    /// <summary>Returns the number in E.164, "+31612345678".</summary>
    public override string ToString()
    {
        Span<char> text = stackalloc char[1 + MaxValueDigits];
        text[0] = '+';
        Value.TryFormat(text[1..], out var digits, default, CultureInfo.InvariantCulture);
        return new string(text[..(1 + digits)]);
    }
}
