using Lookup.Client;
using Lookup.V1;

namespace Lookup.Cli.Gates;

/// <summary>Sends one check; a failure is a result that permits no call.</summary>
internal delegate Task<CheckResult> CheckCall(string number, Question question, CheckOptions? options, CancellationToken ct);

/// <summary>Asks the service about calls, and counts the answers.</summary>
/// <param name="check">Sends a check, as <see cref="ILookupClient"/> does.</param>
/// <param name="tally">Counts the answers.</param>
/// <param name="warn">Reports, once for each cause, that the service rejects the credential or the question.</param>
internal sealed class CallGate(CheckCall check, GateTally tally, Action<string>? warn = null)
{
    // More causes are one cause: the dialplan writes anything into the question.
    private const int MaxWarnings = 20;

    // The first answer over a new connection can be older than it may be used.
    private const int Attempts = 2;

    private readonly HashSet<string> _warned = new(StringComparer.Ordinal);

    public GateTally Tally => tally;

    /// <summary>Decides one call. Never throws, except when it is cancelled.</summary>
    public async Task<GateAnswer> DecideAsync(string number, Question question, string region, CancellationToken ct)
    {
        var started = TimeProvider.System.GetTimestamp();
        GateAnswer answer;
        try
        {
            answer = await AskAsync(number, question, region, ct);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            answer = GateAnswer.Invalid("BROKEN", exception.Message);
        }

        tally.Add(answer, TimeProvider.System.GetElapsedTime(started));
        if (answer.IsQuestionRejected)
        {
            Warn(answer.Rejection);
        }

        return answer;
    }

    private void Warn(string rejection)
    {
        lock (_warned)
        {
            if (_warned.Count == MaxWarnings || !_warned.Add(rejection))
            {
                return;
            }
        }

        warn?.Invoke($"The service rejects calls of this gate: {rejection}");
    }

    private async Task<GateAnswer> AskAsync(string number, Question question, string region, CancellationToken ct)
    {
        var options = new CheckOptions { DefaultRegion = region };
        for (var left = Attempts; ; left--)
        {
            var result = await check(number, question, options, ct);
            if (left == 1 || result.MayCall || result.Verdict != Verdict.Allow)
            {
                return GateAnswer.From(result);
            }
        }
    }
}
