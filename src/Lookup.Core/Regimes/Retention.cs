namespace Lookup.Core.Regimes;

/// <summary>
/// How long a country's records are kept, in months: consents and relations from their end, objections from the time at which they were
/// lifted, refusals, attempts and receipts from their own time. Immutable.
/// </summary>
public sealed class Retention
{
    /// <summary>The name of receipts, which are not facts.</summary>
    public const string Receipt = "receipt";

    /// <summary>The shortest term: the rules that an organisation sets for itself look back at most 366 days.</summary>
    public const int MinMonths = 24;

    private const int MaxMonths = 1_200;

    private readonly Dictionary<FactKind, int> _months = [];

    private Retention(string country) => Country = country;

    /// <summary>The records that a file states, by the word that an import uses.</summary>
    internal static IReadOnlyDictionary<string, FactKind> Records { get; } = new Dictionary<string, FactKind>
    {
        ["consent"] = FactKind.Consent,
        ["relation"] = FactKind.Relation,
        ["objection"] = FactKind.Objection,
        ["refusal"] = FactKind.Refusal,
        ["attempt"] = FactKind.Attempt,
        [Receipt] = FactKind.None,
    };

    /// <summary>The country.</summary>
    public string Country { get; }

    /// <summary>
    /// Returns the time before which records are deleted, in Unix milliseconds; null if records of the kind are kept: those that
    /// registers and other sources maintain, and refusals where one forbids all later calls.
    /// </summary>
    public long? DeleteBefore(FactKind kind, DateTimeOffset now) =>
        _months.TryGetValue(kind, out var months) ? now.AddMonths(-months).ToUnixTimeMilliseconds() : null;

    /// <summary>Reads the terms of a file; null if it states none, so that all records are kept.</summary>
    internal static Retention? Read(JsonFields json, RuleTexts texts, string country, IEnumerable<Rule> rules)
    {
        if (!json.Has("retention"))
        {
            return null;
        }

        var retention = new Retention(country);
        var stated = new HashSet<string>();
        foreach (var term in json.Objects("retention"))
        {
            var months = term.Int("months", MinMonths, MaxMonths);
            texts.Read(term);
            foreach (var name in term.Texts("records"))
            {
                if (!Records.TryGetValue(name, out var kind) || !stated.Add(name))
                {
                    term.Fault("records", $"\"{name}\" is a duplicate, or not one of {string.Join(", ", Records.Keys)}");
                }
                else if (kind != FactKind.None)
                {
                    retention._months[kind] = months;
                }
            }

            term.RejectUnknown();
        }

        if (Records.Keys.Except(stated).ToList() is { Count: > 0 } missing)
        {
            json.Fault("retention", $"must state how long each record is kept; {string.Join(", ", missing)} is missing");
        }

        foreach (var rule in rules)
        {
            retention.Check(rule, json);
        }

        return retention;
    }

    // What still counts for a rule must not be deleted.
    private void Check(Rule rule, JsonFields json)
    {
        if (rule is { Type: RuleType.Refusal, PauseDays: 0 })
        {
            _months.Remove(FactKind.Refusal);
        }

        foreach (var (kind, days) in new[] { (FactKind.Refusal, rule.PauseDays), (FactKind.Attempt, Math.Max(rule.DaysBack, rule.WithinHours / 24)) })
        {
            // A month has at least 28 days.
            if (_months.TryGetValue(kind, out var months) && days + 2 > months * 28)
            {
                json.Fault("retention", $"deletes what \"{rule.Text.Article}\" still counts: it looks back {days} days");
            }
        }
    }
}
