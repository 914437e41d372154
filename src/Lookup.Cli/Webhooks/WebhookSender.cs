using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Mime;

namespace Lookup.Cli.Webhooks;

/// <summary>Sends webhooks to a receiver, each until the receiver accepts it. Thread-safe.</summary>
internal sealed class WebhookSender : IDisposable
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(30);

    // A receiver that asks for more by mistake must not hold changes back until the store no longer keeps them.
    private static readonly TimeSpan LongestRetryAfter = TimeSpan.FromHours(1);

    // A name may move to another address while the connection stays.
    private static readonly TimeSpan ConnectionLifetime = TimeSpan.FromMinutes(2);

    private readonly HttpClient _http;
    private readonly Uri _url;
    private readonly WebhookSigner _signer;
    private readonly TimeSpan _timeout;
    private readonly WebhookTally _tally;
    private readonly TimeProvider _clock;
    private long _notBefore;

    public WebhookSender(Uri url, WebhookSigner signer, TimeSpan timeout, WebhookTally tally, TimeProvider clock)
    {
        (_url, _signer, _timeout, _tally, _clock) = (url, signer, timeout, tally, clock);
        _notBefore = clock.GetTimestamp();
        _http = new HttpClient(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = !url.IsLoopback,
            PooledConnectionLifetime = ConnectionLifetime,
            ActivityHeadersPropagator = null,
        })
        {
            Timeout = Timeout.InfiniteTimeSpan,
        };
    }

    /// <summary>Returns a receiver as it is shown: the query may contain a secret.</summary>
    public static string Describe(Uri url) => url.GetLeftPart(UriPartial.Path);

    /// <summary>Sends a message until the receiver accepts it.</summary>
    /// <param name="message">The message.</param>
    /// <param name="stop">Starts no further attempt.</param>
    /// <param name="abort">Ends also a running attempt.</param>
    /// <exception cref="CliException">The receiver is gone.</exception>
    public async Task SendAsync(WebhookMessage message, CancellationToken stop, CancellationToken abort)
    {
        for (var pause = FirstPause; ; pause = pause * 2 < LongestPause ? pause * 2 : LongestPause)
        {
            for (TimeSpan wait; (wait = _clock.GetElapsedTime(_clock.GetTimestamp(), Volatile.Read(ref _notBefore))) > TimeSpan.Zero;)
            {
                await Task.Delay(wait, _clock, stop);
            }

            stop.ThrowIfCancellationRequested();
            var started = _clock.GetTimestamp();
            if (await TryAsync(message, abort) is not { } failure)
            {
                _tally.AddAccepted(_clock.GetElapsedTime(started));
                return;
            }

            _tally.AddFailed(failure);
            await Task.Delay(pause * (0.5 + (Random.Shared.NextDouble() / 2)), _clock, stop);
        }
    }

    public void Dispose() => _http.Dispose();

    /// <summary>Sends a message once; returns why it was not accepted, or null.</summary>
    private async Task<string?> TryAsync(WebhookMessage message, CancellationToken abort)
    {
        var timestamp = _clock.GetUtcNow().ToUnixTimeSeconds();
        using var request = new HttpRequestMessage(HttpMethod.Post, _url) { Content = new ByteArrayContent(message.Body) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue(MediaTypeNames.Application.Json);
        request.Headers.Add("webhook-id", message.Id);
        request.Headers.Add("webhook-timestamp", timestamp.ToString(CultureInfo.InvariantCulture));
        request.Headers.Add("webhook-signature", _signer.Sign(message.Id, timestamp, message.Body));
        using var limit = new CancellationTokenSource(_timeout, _clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, abort);
        try
        {
            using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, either.Token);
            if (response.IsSuccessStatusCode)
            {
                return null;
            }

            if (response.StatusCode == HttpStatusCode.Gone)
            {
                throw new CliException(
                    $"{Describe(_url)} answered 410 Gone: it accepts no more changes. The change that it refused and those after it are not delivered. Correct --webhook, or end this watch.",
                    ExitCodes.ReceiverGone);
            }

            HoldBack(response.Headers.RetryAfter);
            var code = (int)response.StatusCode;
            return code is >= 300 and < 400
                ? $"answered {code}, a redirect, which is not followed: name the final address with --webhook"
                : $"answered {code}";
        }
        catch (OperationCanceledException) when (!abort.IsCancellationRequested)
        {
            return string.Create(CultureInfo.InvariantCulture, $"did not answer within {_timeout.TotalSeconds:0.###} s");
        }
        catch (HttpRequestException exception)
        {
            return $"cannot be reached: {exception.GetBaseException().Message.TrimEnd('.')}";
        }
    }

    // Retry-After concerns the receiver, so every message waits.
    private void HoldBack(RetryConditionHeaderValue? header)
    {
        var asked = header?.Delta ?? header?.Date - _clock.GetUtcNow();
        if (asked is { } pause && pause > TimeSpan.Zero)
        {
            pause = pause < LongestRetryAfter ? pause : LongestRetryAfter;
            Volatile.Write(ref _notBefore, _clock.GetTimestamp() + (long)(pause.TotalSeconds * _clock.TimestampFrequency));
        }
    }
}
