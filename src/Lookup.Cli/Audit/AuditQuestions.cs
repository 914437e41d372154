using System.Globalization;
using Google.Protobuf.WellKnownTypes;
using Lookup.Client;
using Lookup.V1;

namespace Lookup.Cli.Audit;

/// <summary>Asks the service about past calls, many in one request.</summary>
/// <param name="client">The service.</param>
/// <param name="template">The question without number and times.</param>
/// <param name="wait">How long to retry a request.</param>
/// <param name="clock">Measures it.</param>
internal sealed class AuditQuestions(LookupClient client, CheckRequest template, TimeSpan wait, TimeProvider clock)
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(2);

    /// <summary>Whether a request is being retried.</summary>
    public bool IsWaiting { get; private set; }

    /// <summary>Returns the assumptions about one call.</summary>
    /// <param name="at">The start of the call.</param>
    /// <param name="known">Leave out facts recorded after this time; null: none.</param>
    /// <param name="placed">The calls before it; null: only attempts on record count.</param>
    public WhatIf WhatIf(Timestamp at, Timestamp? known, PlacedCalls? placed)
    {
        var whatIf = template.WhatIf?.Clone() ?? new WhatIf();
        (whatIf.CallTime, whatIf.KnownAt, whatIf.PlacedCalls) = (at, known, placed);
        return whatIf;
    }

    /// <summary>Returns the organisation of a call: that of its line, or of the question.</summary>
    public string Organisation(string ofLine) => ofLine.Length > 0 ? ofLine : template.Question.Organisation;

    /// <summary>Returns the decisions, in order.</summary>
    /// <param name="organisation">The organisation of the lines; empty: that of the question.</param>
    /// <param name="asked">Numbers with their assumptions.</param>
    /// <param name="ct">Ends the wait.</param>
    /// <exception cref="LookupException">The service rejected the question, or did not answer for as long as --wait says.</exception>
    public async Task<IReadOnlyList<Decision>> AskAsync(string organisation, IReadOnlyCollection<(ulong Number, WhatIf WhatIf)> asked, CancellationToken ct)
    {
        var request = new CheckBatchRequest { Question = About(organisation) };
        foreach (var (number, whatIf) in asked)
        {
            request.Numbers.Add(string.Create(CultureInfo.InvariantCulture, $"+{number}"));
            request.WhatIfs.Add(whatIf);
        }

        return await AskAsync(
            async () => Read(request, await client.CheckBatchAsync(request, ct)),
            decisions => decisions.Exists(decision => decision.Verdict == Verdict.Unknown && decision.RetryAfter is not null),
            ct);
    }

    /// <summary>Returns the explanation of one decision; the exception as above.</summary>
    public Task<ExplainResponse> ExplainAsync(string organisation, ulong number, WhatIf whatIf, CancellationToken ct)
    {
        var request = new ExplainRequest { Question = About(organisation), Number = string.Create(CultureInfo.InvariantCulture, $"+{number}"), WhatIf = whatIf };
        return AskAsync(() => client.ExplainAsync(request, ct), response => response.Decision is { Verdict: Verdict.Unknown, RetryAfter: not null }, ct);
    }

    /// <summary>Returns the facts on record about a number; the exception as above.</summary>
    public async Task<IReadOnlyCollection<KnownFact>> FactsAsync(ulong number, CancellationToken ct) => (await AskAsync(
        () => client.ListFactsAsync(new ListFactsRequest { Number = string.Create(CultureInfo.InvariantCulture, $"+{number}") }, ct), _ => false, ct)).Facts;

    private Question About(string organisation) => organisation.Length == 0 ? template.Question : new Question(template.Question) { Organisation = organisation };

    private async Task<T> AskAsync<T>(Func<Task<T>> ask, Func<T, bool> isUnanswered, CancellationToken ct)
    {
        var began = clock.GetTimestamp();
        for (var pause = FirstPause; ; pause = pause < LongestPause ? pause * 2 : LongestPause)
        {
            try
            {
                var answer = await ask();
                if (!isUnanswered(answer) || clock.GetElapsedTime(began) >= wait)
                {
                    IsWaiting = false;
                    return answer;
                }
            }
            catch (LookupException exception) when (exception.IsTransient && clock.GetElapsedTime(began) < wait)
            {
                // Again below.
            }

            IsWaiting = true;
            await Task.Delay(pause, clock, ct);
        }
    }

    // A service of an earlier version ignores the field, and would answer for now.
    private static List<Decision> Read(CheckBatchRequest request, CheckBatchResponse response)
    {
        var decisions = new List<Decision>(request.Numbers.Count);
        for (var i = 0; i < response.Answers.Count; i++)
        {
            var answer = response.Answers[i];
            var isAnswer = i < request.Numbers.Count
                && (answer.Error.Length > 0 || (answer.Number == request.Numbers[i] && answer.Decision is { Hypothetical: true } decision && decision.CallTime.Equals(request.WhatIfs[i].CallTime)));
            if (!isAnswer)
            {
                break;
            }

            decisions.Add(answer.Decision ?? new Decision { Verdict = Verdict.Unknown, Reasons = { new Reason { Code = answer.Reason, Text = answer.Error } } });
        }

        return decisions.Count == request.Numbers.Count
            ? decisions
            : throw new CliException("The service does not decide calls at their own times: it is of an earlier version than this tool. Update the service.");
    }
}
