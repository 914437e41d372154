using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Lookup.V1;

namespace Lookup.Client.Testing;

/// <summary>
/// Replaces <see cref="LookupClient"/> in tests: answers by script, without a service, data or network. It returns the same results,
/// so that you can test how a dialer handles failures. Thread-safe; script it before its first use.
/// </summary>
/// <remarks>
/// The first match answers: an objection or refusal that was recorded with it (DENY); the script, last line first;
/// <see cref="MagicNumbers"/>; <see cref="Otherwise"/>, NOT_COVERED by default, so that no real number is allowed by mistake.
/// </remarks>
public sealed class FakeLookup : ILookupClient
{
    /// <summary>Maximum checks and facts to keep; the oldest are dropped first.</summary>
    public const int MaxRemembered = 10_000;

    /// <summary>Marks fake decisions in place of the regime.</summary>
    public const string Mark = "FAKE";

    /// <summary>A resume token that is always too old: a watch from it throws <see cref="ChangesLostException"/>.</summary>
    public const string OldToken = Mark + "-old";

    private readonly TimeProvider _clock;
    private readonly FakeWatch _watch;
    private readonly List<(Func<string, Question, bool> Fits, FakeAnswer Answer)> _script = [];
    private readonly ConcurrentQueue<CheckRequest> _asked = [];
    private readonly ConcurrentQueue<Fact> _recorded = [];
    private FakeAnswer _otherwise = FakeAnswer.NotCovered();

    /// <summary>Creates a fake that answers only magic numbers.</summary>
    /// <param name="clock">The clock; null: the system clock.</param>
    public FakeLookup(TimeProvider? clock = null)
    {
        _clock = clock ?? TimeProvider.System;
        _watch = new FakeWatch(_clock);
    }

    /// <summary>The last 10,000 checks, in order.</summary>
    public IReadOnlyList<CheckRequest> Asked => [.. _asked];

    /// <summary>The last 10,000 recorded facts, in order.</summary>
    public IReadOnlyList<Fact> Recorded => [.. _recorded];

    /// <summary>Sets the answer for a number, in the notation in which it will be checked.</summary>
    public FakeLookup On(string number, FakeAnswer answer)
    {
        ArgumentNullException.ThrowIfNull(number);
        var plain = Plain(number);
        return On((asked, _) => asked == plain, answer);
    }

    /// <summary>Sets the answer for every number (without spaces) and question that the predicate matches.</summary>
    public FakeLookup On(Func<string, Question, bool> fits, FakeAnswer answer)
    {
        ArgumentNullException.ThrowIfNull(fits);
        ArgumentNullException.ThrowIfNull(answer);
        _script.Add((fits, answer));
        return this;
    }

    /// <summary>Sets the answer for every other number.</summary>
    public FakeLookup Otherwise(FakeAnswer answer)
    {
        ArgumentNullException.ThrowIfNull(answer);
        _otherwise = answer;
        return this;
    }

    /// <inheritdoc/>
    public async Task<CheckResult> CheckAsync(
        string number, Question question, CheckOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(number);
        ArgumentNullException.ThrowIfNull(question);
        var sent = Moment.Now(_clock);
        try
        {
            var response = await CheckAsync(RequestOf(number, question, options), cancellationToken);
            return CheckResult.Answered(response, sent);
        }
        catch (LookupException exception)
        {
            return CheckResult.Failed(number, exception);
        }
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<CheckResult> CheckAsync(
        IAsyncEnumerable<string> numbers, Question question, CheckOptions? options = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(numbers);
        await foreach (var number in numbers.WithCancellation(cancellationToken))
        {
            var result = await CheckAsync(number, question, options, cancellationToken);
            // In a list, an invalid number is an item like others.
            yield return result.Fields is [{ Field: "number" }]
                ? CheckResult.InList(number, Verdict.Unknown, ReasonCode.InvalidNumber, null, null)
                : result;
        }
    }

    /// <summary>Answers like the service.</summary>
    /// <exception cref="LookupException">The script sets a failure, or the number is invalid.</exception>
    public async Task<CheckResponse> CheckAsync(CheckRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        Remember(_asked, request.Clone());
        var number = Plain(request.Number);
        var answer = AnswerTo(number, request.Question ?? new Question());
        if (answer.Delay > TimeSpan.Zero)
        {
            await Task.Delay(answer.Delay, _clock, cancellationToken);
        }

        cancellationToken.ThrowIfCancellationRequested();
        if (answer.Failure is { } status)
        {
            throw LookupException.Because(status, $"Fake: the script answers {status}.", answer.RetryAfter);
        }

        return new CheckResponse { Number = number, Decision = DecisionOf(answer, request.WhatIf) };
    }

    /// <inheritdoc/>
    public async Task<ExplainResponse> ExplainAsync(ExplainRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        var check = new CheckRequest
        {
            Number = request.Number,
            DefaultRegion = request.DefaultRegion,
            Question = request.Question,
            Consistency = request.Consistency,
            WhatIf = request.WhatIf,
        };
        var response = await CheckAsync(check, cancellationToken);
        return new ExplainResponse
        {
            Number = response.Number,
            Decision = response.Decision,
            Steps = { new TraceStep { Rule = Mark, Outcome = response.Decision.Verdict.ToString(), Detail = response.Decision.Reasons[0].Text } },
            Text = response.Decision.Reasons[0].Text,
        };
    }

    /// <inheritdoc/>
    public Task<ListFactsResponse> ListFactsAsync(ListFactsRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        var number = Plain(request.Number);
        var response = new ListFactsResponse { Number = number };
        foreach (var fact in _recorded.Where(f => Plain(f.Number) == number))
        {
            var known = fact.Clone();
            known.Number = "";
            response.Facts.Add(new KnownFact { Fact = known, Current = true, Recorded = Timestamp.FromDateTimeOffset(_clock.GetUtcNow()) });
        }

        return Task.FromResult(response);
    }

    /// <inheritdoc/>
    public Task<RecordFactsResponse> RecordFactsAsync(RecordFactsRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        var response = new RecordFactsResponse();
        foreach (var fact in request.Facts)
        {
            Remember(_recorded, fact.Clone());
            _watch.Add(Plain(fact.Number), fact);
            response.Results.Add(new FactResult { Outcome = FactResult.Types.Outcome.Recorded });
        }

        return Task.FromResult(response);
    }

    /// <summary>Streams the facts recorded with it, and a heartbeat every second.</summary>
    /// <exception cref="ChangesLostException">The token is <see cref="OldToken"/>, or of another fake.</exception>
    public async IAsyncEnumerable<WatchEvent> WatchAsync(
        IEnumerable<string>? organisations = null, string resumeToken = "", [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await foreach (var response in WatchAsync(new WatchRequest { Organisations = { organisations ?? [] }, ResumeToken = resumeToken }, cancellationToken))
        {
            yield return WatchEvent.From(response);
        }
    }

    /// <summary>Answers like the service.</summary>
    /// <exception cref="ChangesLostException">The token is <see cref="OldToken"/>, or of another fake.</exception>
    public IAsyncEnumerable<WatchResponse> WatchAsync(WatchRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        return _watch.RunAsync(request, cancellationToken);
    }

    /// <inheritdoc/>
    public void Forget(string number)
    {
        // The fake caches nothing.
    }

    /// <inheritdoc/>
    public void ForgetAll()
    {
        // The fake caches nothing.
    }

    private FakeAnswer AnswerTo(string number, Question question)
    {
        foreach (var fact in _recorded)
        {
            var organisation = fact.KindCase switch
            {
                Fact.KindOneofCase.Objection when !fact.Withdrawn => fact.Objection.Organisation,
                Fact.KindOneofCase.Refusal when !fact.Withdrawn => fact.Refusal.Organisation,
                _ => null,
            };
            if (organisation is not null && (organisation == "*" || organisation == question.Organisation) && Plain(fact.Number) == number)
            {
                return FakeAnswer.Deny(fact.KindCase == Fact.KindOneofCase.Objection ? ReasonCode.Objection : ReasonCode.Refusal);
            }
        }

        for (var i = _script.Count - 1; i >= 0; i--)
        {
            if (_script[i].Fits(number, question))
            {
                return _script[i].Answer;
            }
        }

        return MagicNumbers.Answer(number) ?? (E164.TryParse(number, out _)
            ? _otherwise
            : throw LookupException.Because(
                StatusCode.InvalidArgument, "number: Fake: expected E.164, such as +447700900001.", null,
                [new FieldError { Field = "number", Description = "Fake: expected E.164." }]));
    }

    private Decision DecisionOf(FakeAnswer answer, WhatIf? whatIf)
    {
        var now = _clock.GetUtcNow();
        var hypothetical = answer.Hypothetical || whatIf is not null;
        var decision = new Decision
        {
            Verdict = answer.Verdict,
            Regime = Mark,
            RegimeVersion = Mark,
            CallTime = whatIf?.CallTime ?? Timestamp.FromDateTimeOffset(now),
            Age = new Duration(),
            Hypothetical = hypothetical,
            Reasons = { new Reason { Code = answer.Reason, Text = $"{Mark}: a scripted answer for tests, {answer.Reason}." } },
        };
        if (answer.Verdict == Verdict.Allow && !hypothetical)
        {
            decision.ReusableUntil = Timestamp.FromDateTimeOffset(now + answer.ReusableFor);
            decision.ReusableFor = answer.ReusableFor > TimeSpan.Zero ? Duration.FromTimeSpan(answer.ReusableFor) : null;
        }

        if (answer.RetryAfter is { } pause)
        {
            decision.RetryAfter = Duration.FromTimeSpan(pause);
        }

        return decision;
    }

    private static CheckRequest RequestOf(string number, Question question, CheckOptions? options) => new()
    {
        Number = number,
        Question = question,
        DefaultRegion = options?.DefaultRegion ?? "",
        AllReasons = options?.AllReasons ?? false,
        Consistency = options?.Consistency,
        WhatIf = options?.WhatIf,
    };

    private static string Plain(string number) => string.Concat(number.Where(c => c is not (' ' or '-' or '.' or '(' or ')')));

    private static void Remember<T>(ConcurrentQueue<T> queue, T item)
    {
        queue.Enqueue(item);
        while (queue.Count > MaxRemembered && queue.TryDequeue(out _))
        {
        }
    }
}
