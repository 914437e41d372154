using System.Globalization;
using Lookup.Cli.Options;
using Lookup.Core.Regimes;
using Lookup.Redis.Maintenance;
using Lookup.V1;

namespace Lookup.Cli.Audit;

/// <summary>The audit that a page reports.</summary>
/// <param name="File">Name of the call records.</param>
/// <param name="FileSha256">Their SHA-256.</param>
/// <param name="Findings">Name of the file of findings.</param>
/// <param name="Question">The question about each call.</param>
/// <param name="Choice">How the records were read.</param>
/// <param name="Made">When the audit started.</param>
/// <param name="Header">Names of the columns of the findings.</param>
/// <param name="Receipts">The receipts; null: checks were not audited.</param>
/// <param name="CountsCalls">Whether the calls of the file counted as attempts.</param>
/// <param name="Numbers">What is on record about the called numbers.</param>
internal sealed record Report(
    string File, string FileSha256, string Findings, Question Question, CallChoice Choice, DateTimeOffset Made, string[] Header,
    ReceiptIndex? Receipts, bool CountsCalls, NumberTally Numbers)
{
    private const int WarnDays = 7;

    /// <summary>The registers that the service has.</summary>
    public IReadOnlyCollection<Register> Registers { get; init; } = [];

    /// <summary>Name of the zone of days and times.</summary>
    public string Zone => Choice.Selection.Zone.Id;

    /// <summary>Returns the loaded registers of the called countries, with the age of the newest snapshot in days and the most that the rules allow.</summary>
    public IEnumerable<(Register Register, int Age, int? MaxAge)> LoadedRegisters(AuditState state)
    {
        HashSet<string> countries = [.. state.Rules.Keys.Select(CountryOf)];
        return Registers.Where(register => register.SnapshotDates.Count > 0 && countries.Contains(CountryOf(register.Name)))
            .Select(register => (register, (int)(Made - register.SnapshotDates[0].ToDateTimeOffset()).TotalDays, RegimeSet.BuiltIn.MaxAgeDaysOf(register.Name)));
    }

    /// <summary>Returns what to do about the findings, the gravest first: what was found, and how to mend it.</summary>
    public IEnumerable<(string Found, string Do)> Actions(AuditState state)
    {
        var (not, late, early, undecided) = (
            state.Findings[(int)Finding.NotPermitted], state.Findings[(int)Finding.ForbiddenByLaterRecord],
            state.Findings[(int)Finding.PermittedByLaterRecord], state.Findings[(int)Finding.Undecided]);
        if (not > 0)
        {
            var (reason, article, calls) = state.Reasons(AuditTally.NameOf(Finding.NotPermitted)).First();
            yield return (
                $"{Calls(not)} not permitted by what was on record at that moment.",
                $"Check each number just before dialling, and dial only on ALLOW. Begin with {reason}{(article.Length > 0 ? $" ({article})" : "")}: {Calls(calls)}.{Worst(state)}");
        }

        if (state.Checks[(int)CheckState.AgainstAnswer] is > 0 and var against)
        {
            yield return ($"{Calls(against)} dialled against the answer.", "Let the dialer stop on every answer but ALLOW.");
        }

        if (state.Checks[(int)CheckState.NeverChecked] is > 0 and var never)
        {
            yield return ($"{Calls(never)} never checked.", "Attach every dialer and every campaign to the check.");
        }

        if (state.Checks[(int)CheckState.AnswerExpired] is > 0 and var expired)
        {
            yield return ($"{Calls(expired)} dialled after the answer had expired.", "Check just before dialling, not when the list is filled.");
        }

        if (late > 0)
        {
            yield return (
                $"{Calls(late)} forbidden by records that arrived after the call{(state.Late.Count > 0 ? $", typically {DelayCount.Format(state.Late.Median)} late" : "")}.",
                "Record objections and withdrawals at once, by API or a daily import.");
        }

        if (early > 0)
        {
            yield return ($"{Calls(early)} permitted only by records made after the call.", "Record consents before the first call; keep the evidence of when each was given.");
        }

        if (undecided > 0)
        {
            yield return ($"{Calls(undecided)} undecided.", "Decide them by hand: the history does not reach back, or a record is damaged.");
        }

        if (Numbers.Consents.Values.Sum(source => source.Without) is > 0 and var without)
        {
            yield return ($"{N(without)} consents have no evidence, so they permit no call.", "Obtain the evidence from their source, or take the numbers off the lists.");
        }

        if (Numbers.Certificates is { First: { } first } certificates)
        {
            yield return ($"{N(certificates.Due)} certificates of consents must be claimed within {CertificateCount.WarnDays} days, the first by {first.UtcDateTime.ToString("d MMMM yyyy", CultureInfo.InvariantCulture)}.", "Claim them, and record when.");
        }

        if (Numbers.Certificates.Missed is > 0 and var missed)
        {
            yield return ($"{N(missed)} certificates of consents were not claimed in time, so their proof may be gone.", "Ask their issuers, or obtain new consents.");
        }

        if (Numbers.Expiring[0] is > 0 and var soon)
        {
            yield return ($"{N(soon)} consents expire within {NumberTally.ExpiryDays[0]} days.", "Renew them, or take the numbers off the lists in time.");
        }

        foreach (var (register, age, max) in LoadedRegisters(state).Where(one => one.Age > one.MaxAge - WarnDays))
        {
            yield return ($"The register {register.Name} is {age} days old; the rules allow {max}.", "Load a new snapshot.");
        }

        if (state.Faulty > 0)
        {
            yield return ($"{N(state.Faulty)} lines could not be read.", "Correct the export and audit again.");
        }

        if (Receipts is null)
        {
            yield return ("Whether the calls were checked is not shown.", "Keep receipts, and name them with --receipts.");
        }
    }

    /// <summary>Formats a count.</summary>
    public static string N(long count) => count.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>Formats the period for people.</summary>
    public string Period(AuditState state)
    {
        var (from, to) = (
            Choice.Selection.From ?? (state.Calls > 0 ? Day(state.First) : null),
            Choice.Selection.To ?? (state.Calls > 0 ? Day(state.Last) : null));
        return (from, to) switch
        {
            ({ } first, { } last) when first == last => Format(first),
            ({ } first, { } last) => $"{Format(first)} to {Format(last)}",
            ({ } first, null) => $"from {Format(first)}",
            (null, { } last) => $"until {Format(last)}",
            _ => "no calls",
        };

        DateOnly Day(long milliseconds) => DateOnly.FromDateTime(TimeZoneInfo.ConvertTime(DateTimeOffset.FromUnixTimeMilliseconds(milliseconds), Choice.Selection.Zone).DateTime);

        static string Format(DateOnly day) => day.ToString("d MMMM yyyy", CultureInfo.InvariantCulture);
    }

    /// <summary>Formats the question for people.</summary>
    public string About() => string.Join(", ", new[]
    {
        Choice.Selection.Column is { } only ? $"{only} {Choice.Selection.Value}" : "",
        Question.Purpose == Purpose.Unspecified ? "" : $"purpose {Words.Purposes.WordFor(Question.Purpose)}",
        Question.Kind == CallKind.Unspecified ? "" : $"kind {Words.CallKinds.WordFor(Question.Kind)}",
        Question.ProductGroup.Length == 0 ? "" : $"product group {Question.ProductGroup}",
    }.Where(text => text.Length > 0));

    private static string Calls(long count) => count == 1 ? "1 call" : $"{N(count)} calls";

    private static string CountryOf(string name) => name.Split('-', ',')[0].ToLowerInvariant();

    // Of the first column.
    private string Worst(AuditState state)
    {
        if (state.Groups.Length == 0 || state.Groups[0].Count < 2)
        {
            return "";
        }

        var (name, count) = state.Groups[0].MaxBy(group => group.Value.ToAnswerFor);
        return $" Most calls to answer for: {Choice.Groups[0]} {name}, {N(count.ToAnswerFor)} of {N(count.Calls)}.";
    }
}
