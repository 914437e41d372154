using Grpc.Core;
using Lookup.Cli.Bench;
using Lookup.Load.Processes;
using Lookup.Load.Results;
using Lookup.V1;

namespace Lookup.Load.Latency;

/// <summary>Unary checks with a verdict that is known.</summary>
internal sealed class Checker(ChannelBase channel, Report report)
{
    // Longer than any answer that counts as one.
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(20);

    private readonly LookupService.LookupServiceClient _client = new(channel);
    private readonly Question _question = Streams.StreamDriver.Open(TestBed.Organisation).Question;
    private string _lastStatus = "";

    /// <summary>The last status that a check ended with instead of an answer; empty if there was none.</summary>
    internal string LastStatus => _lastStatus;

    /// <summary>The whole answer about a number.</summary>
    internal async Task<CheckResponse> AskAsync(string number) =>
        await _client.CheckAsync(new CheckRequest { Number = number, Question = _question }, deadline: DateTime.UtcNow + Deadline);

    /// <summary>Asks, and compares the verdict with those that may be given.</summary>
    internal async Task<Outcome> CheckAsync(string number, string what, params Verdict[] permitted)
    {
        try
        {
            var verdict = (await AskAsync(number)).Decision.Verdict;
            if (permitted.Contains(verdict))
            {
                return Outcome.Right;
            }

            if (verdict == Verdict.Unknown)
            {
                _lastStatus = "UNKNOWN";
                return Outcome.Undecided;
            }

            report.Wrong($"{what} was answered {verdict} instead of {string.Join(" or ", permitted)}.");
            return Outcome.Wrong;
        }
        catch (RpcException e)
        {
            _lastStatus = $"{e.StatusCode}: {e.Status.Detail}";
            return Outcome.Undecided;
        }
    }
}
