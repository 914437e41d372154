using Google.Protobuf.WellKnownTypes;
using Lookup.Client.Sharing;
using Lookup.V1;

namespace Lookup.Client;

// Single checks, each in a call of its own or in one with others.
public sealed partial class LookupClient
{
    private static CheckRequest RequestOf(string number, Question question, CheckOptions options) => new()
    {
        Number = number,
        Question = question,
        DefaultRegion = options.DefaultRegion,
        AllReasons = options.AllReasons,
        Consistency = options.Consistency,
        WhatIf = options.WhatIf,
        Reserve = options.Reserve is { } length ? new Reserve { Duration = Duration.FromTimeSpan(length) } : null,
    };

    private Task<CheckResponse> CheckAsync(CheckRequest request, DateTime deadline, CancellationToken cancellationToken) => ReadAsync(
        (channel, options) => new LookupService.LookupServiceClient(channel).CheckAsync(request, options), Strictness.Stricter, deadline, cancellationToken);

    /// <summary>Sends a check with the others of its lane if there are any, else alone.</summary>
    private async Task<CheckResponse> CheckAsync(
        SharedLane lane, string number, Question question, CheckOptions options, CancellationToken cancellationToken)
    {
        var deadline = DateTime.UtcNow + _options.Timeout;
        var due = Environment.TickCount64 + (long)_options.Timeout.TotalMilliseconds;
        var stream = lane.Enter();
        try
        {
            return stream is null ? await AloneAsync(cancellationToken)
                : _options.HedgeAfter is not { } delay ? await SharedAsync(cancellationToken) ?? await AloneAsync(cancellationToken)
                : await HedgedAsync(delay);
        }
        finally
        {
            lane.Leave();
        }

        Task<CheckResponse> AloneAsync(CancellationToken cancellation) => CheckAsync(RequestOf(number, question, options), deadline, cancellation);

        async Task<CheckResponse?> SharedAsync(CancellationToken cancellation)
        {
            _ = E164.TryParse(number, out var value);
            var check = new SharedCheck(number, value, due);
            if (!stream.TryAdd(check))
            {
                return null;
            }

            // The check keeps its place in the chunk; its answer is dropped.
            using var registration = cancellation.CanBeCanceled
                ? cancellation.UnsafeRegister(static (state, token) => ((SharedCheck)state!).TrySetCanceled(token), check)
                : default;
            return await check.Task;
        }

        // The second attempt goes alone: what holds up the shared call does not hold it up.
        Task<CheckResponse> HedgedAsync(TimeSpan delay)
        {
            var isFirst = true;
            return Hedge.RunAsync(AttemptAsync, delay, Strictness.Stricter, _options.TimeProvider, cancellationToken);

            async Task<CheckResponse> AttemptAsync(CancellationToken attempt)
            {
                var shared = isFirst;
                isFirst = false;
                return (shared ? await SharedAsync(attempt) : null) ?? await CallAsync(
                    callOptions => _lookup.CheckAsync(RequestOf(number, question, options), callOptions), deadline, attempt);
            }
        }
    }
}
