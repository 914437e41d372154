using System.Runtime.CompilerServices;
using Grpc.Core;
using Lookup.V1;

namespace Lookup.Client.Streams;

/// <summary>Runs one watch, over as many connections as necessary.</summary>
/// <remarks>
/// The next connection resumes from the token of the last yielded event, so no change is missed and those in flight are delivered
/// twice. A connection that is silent for longer than a few heartbeats counts as broken; silence counts only while the caller
/// reads.
/// </remarks>
internal sealed class WatchRun(
    LookupClientOptions options, WatchService.WatchServiceClient client, WatchRequest first)
{
    /// <summary>Heartbeats that may be missing before a connection counts as broken.</summary>
    private const int Missing = 3;

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(5);

    // Minimum, since a service or a network can pause for a moment even with short heartbeat intervals.
    private static readonly TimeSpan ShortestSilence = TimeSpan.FromSeconds(2);

    private string _token = first.ResumeToken;
    private TimeSpan _pause = FirstPause;
    private TimeSpan _silence;

    public async IAsyncEnumerable<WatchEvent> RunAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        while (true)
        {
            LookupException? failure = null;
            var request = new WatchRequest(first) { ResumeToken = _token };
            using (var end = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken))
            using (var call = client.Watch(request, cancellationToken: end.Token))
            {
                _silence = options.StreamAnswerTimeout;
                while (failure is null)
                {
                    (var response, failure) = await NextAsync(call.ResponseStream, end, cancellationToken);
                    if (response is not null)
                    {
                        _token = response.ResumeToken;
                        _pause = FirstPause;
                        yield return WatchEvent.From(response);
                    }
                }
            }

            if (!IsWorthAnother(failure))
            {
                throw failure;
            }

            yield return WatchEvent.Broken(failure, _token);
            var wait = _pause * (0.5 + Random.Shared.NextDouble() / 2);
            await Task.Delay(failure.RetryAfter is { } asked && asked > wait ? asked : wait, options.TimeProvider, cancellationToken);
            _pause = _pause * 2 < LongestPause ? _pause * 2 : LongestPause;
        }
    }

    /// <summary>Reads the next message, or returns the failure.</summary>
    private async Task<(WatchResponse? Response, LookupException? Failure)> NextAsync(
        IAsyncStreamReader<WatchResponse> responses, CancellationTokenSource end, CancellationToken cancellationToken)
    {
        var silent = false;
        try
        {
            var next = responses.MoveNext(end.Token);
            if (!next.IsCompleted)
            {
                using var timer = options.TimeProvider.CreateTimer(
                    _ =>
                    {
                        silent = true;
                        end.CancelAfter(TimeSpan.Zero);
                    },
                    null, _silence, Timeout.InfiniteTimeSpan);
                await next;
            }

            if (!await next)
            {
                return (null, LookupException.Because(StatusCode.Unavailable, $"The service at {options.Address} ended the watch."));
            }

            if (Durations.Pause(responses.Current.Heartbeat?.Interval) is { } interval)
            {
                _silence = interval * Missing > ShortestSilence ? interval * Missing : ShortestSilence;
            }

            return (responses.Current, null);
        }
        catch (Exception exception) when (exception is RpcException or OperationCanceledException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            return (null, exception is RpcException failed && !silent
                ? ChangesLostException.From(failed, LookupException.From(failed, options.Address))
                : LookupException.Because(StatusCode.Unavailable, $"The service at {options.Address} sent nothing for {_silence.TotalSeconds:0.###} s."));
        }
    }

    /// <summary>Whether to retry: network failures are retried, rejections by the service are not.</summary>
    private static bool IsWorthAnother(LookupException failure) =>
        failure.IsTransient || failure.Status == StatusCode.Cancelled || failure.Status is StatusCode.Internal or StatusCode.Unknown;
}
