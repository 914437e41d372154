using System.Diagnostics;

namespace Lookup.Core.Numbers;

/// <summary>Why a text or an integer is not a phone number.</summary>
public enum NumberFault : byte
{
    /// <summary>It is a phone number.</summary>
    None,
    /// <summary>Empty.</summary>
    Empty,
    /// <summary>Letters: a name, a vanity number or an extension.</summary>
    Letters,
    /// <summary>A character that phone numbers do not use.</summary>
    InvalidCharacter,
    /// <summary>More digits than the country or E.164 allows.</summary>
    TooLong,
    /// <summary>Fewer digits than the country requires.</summary>
    TooShort,
    /// <summary>Begins with an unassigned calling code.</summary>
    UnknownCallingCode,
    /// <summary>The country has shorter and longer numbers, but none of this length.</summary>
    ImpossibleLength,
    /// <summary>A national form without a region.</summary>
    NationalWithoutRegion,
    /// <summary>The region does not exist.</summary>
    UnknownRegion,
    /// <summary>An emergency or short number.</summary>
    EmergencyOrShort,
    /// <summary>The length is right, but no number of the country begins with these digits.</summary>
    NotInPlan,
    /// <summary>Longer than <see cref="NumberParser.MaxInput"/>.</summary>
    InputTooLong,
    /// <summary>The calling code is followed by the 0 that is dialled only within the country.</summary>
    TrunkZero,
    /// <summary>Decimals from a spreadsheet: 31612345678.0.</summary>
    Fraction,
    /// <summary>Scientific notation from a spreadsheet, which has lost digits: 3.16E+10.</summary>
    ScientificNotation,
    /// <summary>A second number, or a second ending: 020-1234567/8.</summary>
    SecondNumber,
    /// <summary>The calling code or the area code appears twice.</summary>
    RepeatedCallingCode,
    /// <summary>Not a number of the region, but one of another country without its plus.</summary>
    ForeignWithoutPlus,
    /// <summary>Two numbers of the region are possible.</summary>
    Ambiguous,
    /// <summary>A pattern for many numbers: 202*.</summary>
    Pattern,
    /// <summary>A date: 03.12.2024.</summary>
    Date,
    /// <summary>A URI with an extension, a sub-address or digits to dial after the answer: tel:+31201234567;ext=12.</summary>
    Extension,
    /// <summary>A URI of a local number whose phone-context is not a calling code.</summary>
    NumberContext,
    /// <summary>A URI without a number: sip:host.</summary>
    UriWithoutNumber,
    /// <summary>An IP address: 192.168.1.20.</summary>
    IpAddress,
    /// <summary>A coordinate or an amount: 52.370216.</summary>
    Decimal,
    /// <summary>A hyphen or minus before the first digit: -5123414.</summary>
    Negative,
    /// <summary>The place in a list before the number: 1. 0612345678.</summary>
    ListItem,
}

/// <summary>Texts for <see cref="NumberFault"/>.</summary>
public static class NumberFaults
{
    /// <summary>Returns a sentence for the sender of the number. It does not repeat the number.</summary>
    public static string Describe(this NumberFault fault) => fault switch
    {
        NumberFault.None => "A valid phone number.",
        NumberFault.Empty => "Not a phone number: the text is empty.",
        NumberFault.Letters => "Not a phone number: contains letters; write digits only, without an extension.",
        NumberFault.InvalidCharacter =>
            "Not a phone number: contains a character that phone numbers do not use; write it like +31612345678.",
        NumberFault.TooLong => "Not a phone number: too many digits; write one number per line, without an extension.",
        NumberFault.TooShort => "Not a phone number: too few digits.",
        NumberFault.UnknownCallingCode => "Not a phone number: does not begin with an existing country calling code.",
        NumberFault.ImpossibleLength => "Not a phone number: numbers of this country do not have this many digits.",
        NumberFault.NationalWithoutRegion =>
            "Not an international phone number: add + and the country calling code or state the region.",
        NumberFault.UnknownRegion => "Not a known region: write an ISO 3166 code of two letters such as NL.",
        NumberFault.EmergencyOrShort => "Not a subscriber's phone number: an emergency or short number.",
        NumberFault.NotInPlan => "Not a phone number: no number of this country begins with these digits; look for an extra, missing or mistyped digit.",
        NumberFault.InputTooLong => $"Not a phone number: longer than {NumberParser.MaxInput} characters.",
        NumberFault.TrunkZero =>
            "Not a phone number: the 0 after the country calling code is dialled only within the country; remove it.",
        NumberFault.Fraction => "Not a phone number: ends in a decimal fraction, because a spreadsheet stored it as a quantity; export the column as text.",
        NumberFault.ScientificNotation =>
            "Not a phone number: in scientific notation, with which a spreadsheet has lost digits; export the column as text.",
        NumberFault.SecondNumber => "Not one phone number: contains a second number or a second ending; write one number per line.",
        NumberFault.RepeatedCallingCode => "Not a phone number: the country calling code or the area code appears twice; write it once.",
        NumberFault.ForeignWithoutPlus =>
            "Not a phone number of the region but of another country; write + before its calling code.",
        NumberFault.Ambiguous => "Not a unique phone number: two numbers of the region are possible; write it with + or with the 0 that is dialled within the country.",
        NumberFault.Pattern => "Not a phone number: a pattern for several numbers; write each number on its own line.",
        NumberFault.Date => "Not a phone number: a date; check which column holds the numbers.",
        NumberFault.Extension => "Not a phone number alone: the URI has an extension, a sub-address or digits to dial later (;ext, ;isub, ;postd); send the number without it.",
        NumberFault.NumberContext =>
            "Not an international phone number: the phone-context of the URI must be one country calling code such as +31; otherwise write the number with +.",
        NumberFault.UriWithoutNumber => "Not a phone number: the URI has none; write tel:+31612345678 or sip:+31612345678@host.",
        NumberFault.Decimal => "Not a phone number: a decimal number; check which column holds the numbers.",
        NumberFault.Negative =>
            "Not a phone number: begins with a minus, because a spreadsheet calculated with it; export the column as text, and write no hyphen before a number.",
        NumberFault.ListItem => "Not a phone number alone: begins with its place in a list; remove the place, and write one number per line.",
        NumberFault.IpAddress => "Not a phone number: an IP address; check which column holds the numbers.",
        _ => throw new UnreachableException(),
    };
}
