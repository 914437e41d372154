using Lookup.Client;
using Lookup.V1;

namespace Lookup.Cli.Gates;

/// <summary>Sends one check; a failure is a result that permits no call.</summary>
internal delegate Task<CheckResult> CheckCall(string number, Question question, CheckOptions? options, CancellationToken ct);

/// <summary>Asks the service about calls, and counts the answers.</summary>
/// <param name="check">Sends a check, as <see cref="ILookupClient"/> does.</param>
/// <param name="tally">Counts the answers.</param>
internal sealed class CallGate(CheckCall check, GateTally tally)
{
    // The first answer over a new connection can be older than it may be used.
    private const int Attempts = 2;

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
        return answer;
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
