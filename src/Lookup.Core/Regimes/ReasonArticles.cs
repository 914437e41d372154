namespace Lookup.Core.Regimes;

/// <summary>Finds the articles behind a reason code. A receipt holds only the code and the version of the rules.</summary>
public static class ReasonArticles
{
    /// <summary>Returns the articles, separated by "; ".</summary>
    /// <param name="regimes">The regimes.</param>
    /// <param name="regime">Name of the regime that decided.</param>
    /// <param name="version">Version of its file.</param>
    /// <param name="code">The reason.</param>
    /// <returns>Empty if the regimes do not have that version, or if the code does not belong to one kind of rule.</returns>
    public static string Of(RegimeSet regimes, string regime, string version, ReasonCode code)
    {
        var rules = regimes.AllRules().Where(one => one.Id == regime && one.Version == version);
        var texts = code == ReasonCode.NothingForbids
            ? rules.Select(one => one.Otherwise)
            : RuleOf(code) is var (type, permit)
                ? rules.SelectMany(one => one.All)
                    .Where(rule => rule.Type == type)
                    .SelectMany(rule => permit is null ? [rule.Text] : rule.Unless.Where(one => one.By == permit).Select(one => one.Text))
                : [];
        return string.Join("; ", texts.Select(text => text.Article).Where(article => article.Length > 0).Distinct());
    }

    private static (RuleType Type, PermitBy? Permit)? RuleOf(ReasonCode code) => code switch
    {
        ReasonCode.Consent => (RuleType.Permission, PermitBy.Consent),
        ReasonCode.Relation => (RuleType.Permission, PermitBy.Relation),
        ReasonCode.PublishedForOffers => (RuleType.Permission, PermitBy.Published),
        ReasonCode.NoConsent or ReasonCode.ConsentWithdrawn or ReasonCode.ConsentWithoutEvidence or ReasonCode.LegalPerson => (RuleType.Permission, null),
        ReasonCode.Objection => (RuleType.Objection, null),
        ReasonCode.Refusal => (RuleType.Refusal, null),
        ReasonCode.Registered or ReasonCode.RegisterStale or ReasonCode.RegisterNotLoaded => (RuleType.Register, null),
        ReasonCode.CallerNumberWithheld => (RuleType.Withheld, null),
        ReasonCode.CallerNumberNotAllowed => (RuleType.CallerNumber, null),
        ReasonCode.AutomatedWithoutConsent => (RuleType.Automated, null),
        ReasonCode.ProductGroupBanned => (RuleType.Banned, null),
        ReasonCode.OutsideHours or ReasonCode.Holiday => (RuleType.Hours, null),
        ReasonCode.TooManyAttempts => (RuleType.Attempts, null),
        _ => null,
    };
}
