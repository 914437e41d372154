using Lookup.Core.Regimes;

namespace Lookup.Core.Decisions;

/// <summary>The reasons that an ALLOW can carry after its first: what it does not take into account.</summary>
public static class FurtherReasons
{
    /// <summary>Their codes, one bit per code.</summary>
    public static UInt128 All { get; } = (UInt128.One << (int)ReasonCode.ProductGroupNotNamed) | (UInt128.One << (int)ReasonCode.RegisterNotLoaded);

    /// <summary>Returns the text that holds for every number of a list.</summary>
    public static RuleText TextOf(ReasonCode code) => code == ReasonCode.ProductGroupNotNamed ? Texts.NameTheGroup : Texts.LoadTheRegister;
}
