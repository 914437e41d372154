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
    /// <summary>No number of the region looks like this.</summary>
    Impossible,
    /// <summary>Too much text.</summary>
    InputTooLong,
    /// <summary>The zero that is dialled within the country stands after the calling code.</summary>
    TrunkZero,
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
        NumberFault.Impossible => "No number of the region looks like this.",
        NumberFault.InputTooLong => $"The text is longer than {NumberParser.MaxInput} characters.",
        NumberFault.TrunkZero =>
            "After the country calling code stands a 0 that is dialled only within the country; leave it out.",
        _ => throw new UnreachableException(),
    };
}
