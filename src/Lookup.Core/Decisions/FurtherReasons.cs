using Lookup.Core.Regimes;

namespace Lookup.Core.Decisions;

/// <summary>The reasons that an ALLOW can carry after its first: what it does not take into account.</summary>
public static class FurtherReasons
{
    /// <summary>Their codes, one bit per code.</summary>
    public static UInt128 All { get; } = Bit(ReasonCode.ProductGroupNotNamed) | Bit(ReasonCode.RegisterNotLoaded) | Bit(ReasonCode.OrganisationNotKnown);

    /// <summary>Returns the text that holds for every number of a list.</summary>
    public static RuleText TextOf(ReasonCode code) => code switch
    {
        ReasonCode.ProductGroupNotNamed => Texts.NameTheGroup,
        ReasonCode.OrganisationNotKnown => Texts.CheckTheName,
        _ => Texts.LoadTheRegister,
    };

    private static UInt128 Bit(ReasonCode code) => UInt128.One << (int)code;
}
