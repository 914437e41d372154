using System.Diagnostics;

namespace Lookup.Core.Numbers;

/// <summary>Why a text or an integer is not a number.</summary>
public enum NumberFault : byte
{
    /// <summary>It is one.</summary>
    None,
    /// <summary>Nothing there.</summary>
    Empty,
    /// <summary>Letters: a name, a vanity number or an extension.</summary>
    Letters,
    /// <summary>A character that numbers are not written with.</summary>
    InvalidCharacter,
    /// <summary>More digits than the country or E.164 has.</summary>
    TooLong,
    /// <summary>Fewer digits than the country has.</summary>
    TooShort,
    /// <summary>It begins with a calling code that nobody has.</summary>
    UnknownCallingCode,
    /// <summary>The country has shorter and longer numbers, but none of this length.</summary>
    ImpossibleLength,
    /// <summary>A national form, and no region was given.</summary>
    NationalWithoutRegion,
    /// <summary>The region given is none.</summary>
    UnknownRegion,
    /// <summary>An emergency or short number.</summary>
    EmergencyOrShort,
    /// <summary>The length is right, but no number of the country begins like this.</summary>
    NotInPlan,
    /// <summary>Too much text.</summary>
    InputTooLong,
    /// <summary>The zero that is dialled within the country stands after the calling code.</summary>
    TrunkZero,
    /// <summary>Decimals of a spreadsheet: 31612345678.0.</summary>
    Fraction,
    /// <summary>A spreadsheet's notation that has lost digits: 3.16E+10.</summary>
    ScientificNotation,
    /// <summary>A second number, or a second ending: 020-1234567/8.</summary>
    SecondNumber,
    /// <summary>The calling code stands twice.</summary>
    RepeatedCallingCode,
    /// <summary>No number of the region, but one of another country without its plus.</summary>
    ForeignWithoutPlus,
    /// <summary>Two numbers of the region can be meant.</summary>
    Ambiguous,
    /// <summary>A pattern for many numbers: 202*.</summary>
    Pattern,
    /// <summary>A date: 03.12.2024.</summary>
    Date,
}

/// <summary>Words for <see cref="NumberFault"/>.</summary>
public static class NumberFaults
{
    /// <summary>A sentence for the one who sent the number. It does not repeat the number.</summary>
    public static string Describe(this NumberFault fault) => fault switch
    {
        NumberFault.None => "The number is fine.",
        NumberFault.Empty => "The number is empty.",
        NumberFault.Letters => "The number contains letters; write digits only, without an extension.",
        NumberFault.InvalidCharacter =>
            "The number contains a character that numbers are not written with; write it like +31612345678.",
        NumberFault.TooLong => "The number has too many digits.",
        NumberFault.TooShort => "The number has too few digits.",
        NumberFault.UnknownCallingCode => "The number begins with a country calling code that does not exist.",
        NumberFault.ImpossibleLength => "Numbers of this country do not have this many digits.",
        NumberFault.NationalWithoutRegion =>
            "The number does not begin with + and a country calling code; add them or give the region.",
        NumberFault.UnknownRegion => "The region is not a known ISO 3166 code of two letters, like NL.",
        NumberFault.EmergencyOrShort => "This is an emergency or short number.",
        NumberFault.NotInPlan => "No number of this country begins with these digits; look for a digit too many, missing or mistyped.",
        NumberFault.InputTooLong => $"The text is longer than {NumberParser.MaxInput} characters.",
        NumberFault.TrunkZero =>
            "After the country calling code stands a 0 that is dialled only within the country; leave it out.",
        NumberFault.Fraction => "The number ends in a decimal fraction; a spreadsheet stored it as a quantity. Export the column as text.",
        NumberFault.ScientificNotation =>
            "The number is in scientific notation and has lost digits; a spreadsheet stored it as a quantity. Export the column as text.",
        NumberFault.SecondNumber => "The text holds a second number or a second ending; write one number for each line.",
        NumberFault.RepeatedCallingCode => "The country calling code appears twice; write it once.",
        NumberFault.ForeignWithoutPlus =>
            "This is not a number of the region, but it is one of another country; write + before its calling code.",
        NumberFault.Ambiguous => "Two numbers of the region can be meant; write it with + or with the 0 that is dialled within the country.",
        NumberFault.Pattern => "A pattern cannot be recorded or checked; give each number on a line of its own.",
        NumberFault.Date => "This is a date, not a number; check which column holds the numbers.",
        _ => throw new UnreachableException(),
    };
}
