using System.Runtime.CompilerServices;
using Grpc.Core;
using Lookup.V1;

namespace Lookup.Client.Streams;

/// <summary>One watch, over as many connections as it takes.</summary>
/// <remarks>
/// The token of the last event handed out is where the next connection goes on, so nothing is missed, and what was under way is told
/// twice. A connection that is silent for longer than a few heartbeats counts as broken; silence counts only while the caller
/// listens.
/// </remarks>
internal sealed class WatchRun(
    LookupClientOptions options, WatchService.WatchServiceClient client, IEnumerable<string> organisations, string resumeToken)
{
    /// <summary>So many heartbeats may be missing.</summary>
    private const int Missing = 3;

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(5);

    // A service or a network may be held up for a moment; shorter intervals do not make it quicker.
    private static readonly TimeSpan ShortestSilence = TimeSpan.FromSeconds(2);

    private readonly string[] _organisations = [.. organisations];
    private string _token = resumeToken;
    private TimeSpan _pause = FirstPause;
    private TimeSpan _silence;

    public async IAsyncEnumerable<WatchEvent> RunAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        while (true)
        {
            LookupException? failure = null;
            var request = new WatchRequest { ResumeToken = _token, Organisations = { _organisations } };
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
                        yield return WatchEvent.Of(response);
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

    /// <summary>The next message, or why there is none.</summary>
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
                : LookupException.Because(StatusCode.Unavailable, $"The service at {options.Address} was not heard for {_silence.TotalSeconds:0.###} s."));
        }
    }

    /// <summary>Whatever the network does to a connection is worth another; what the service refuses is not.</summary>
    private static bool IsWorthAnother(LookupException failure) =>
        failure.IsTransient || failure.Status == StatusCode.Cancelled || failure.Status is StatusCode.Internal or StatusCode.Unknown;
}
