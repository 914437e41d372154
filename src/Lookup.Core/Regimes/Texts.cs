namespace Lookup.Core.Regimes;

/// <summary>Texts that do not come from a regime file.</summary>
internal static class Texts
{
    internal static readonly RuleText CannotTell = new(
        Layer.Policy, RuleText.OwnPolicy, "The facts on record do not determine the answer for this call time; without an answer the call is not permitted.");

    internal static readonly RuleText Reassigned = new(
        Layer.Policy,
        RuleText.OwnPolicy,
        "The number was reassigned or disconnected. A consent, relation, publication or subscriber type from before that does not count.");

    internal static readonly RuleText BlockedForAll = new(
        Layer.Policy, RuleText.OwnPolicy, "The number is in a range that is blocked for all organisations.");

    internal static readonly RuleText BlockedForOne = new(
        Layer.Policy, RuleText.OwnPolicy, "The number is in a range that the organisation has blocked.");

    internal static readonly RuleText NameTheGroup = new(
        Layer.Strict,
        RuleText.OwnPolicy,
        "Rules of this country depend on the product group, and the question names none of those groups. Name the group if the offer belongs to one.");

    internal static readonly RuleText LoadTheRegister = new(
        Layer.Strict,
        RuleText.OwnPolicy,
        "An optional register of a called area is not loaded for this time, so the answers do not take it into account. Load it if it binds the organisation.");

    internal static readonly RuleText CheckTheName = new(
        Layer.Strict,
        RuleText.OwnPolicy,
        "The organisation has no record, no grant, and no consent, relation or objection from anyone. Compare the spelling: under another name its objections do not count.");

    internal static readonly RuleText OutsideTheRule = new(
        Layer.Policy, RuleText.OwnPolicy, "Rules on marketing calls do not apply: this is not a marketing call.");
}
