using System.Collections.Concurrent;
using System.Diagnostics;
using Google.Protobuf.WellKnownTypes;
using Lookup.Cli;
using Lookup.Cli.Webhooks;
using Lookup.V1;
using Microsoft.AspNetCore.Http;

namespace Lookup.ServiceTests.Cli;

/// <summary>What is sent to a receiver, and what follows on its answers.</summary>
public sealed class WebhookSenderTests
{
    private static readonly WebhookMessage Message = WebhookMessage.From(new Change
    {
        Number = "+31612345678",
        Id = "1-2-3-4",
        Fact = new KnownFact { Fact = new Fact { Effective = new Timestamp(), Objection = new Objection { Organisation = "acme" } }, Recorded = new Timestamp() },
    });

    private readonly ConcurrentQueue<string> _notes = [];

    private static CancellationToken Test => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(200, null, null)]
    [InlineData(204, null, null)]
    [InlineData(299, null, null)]
    [InlineData(301, null, "answered 301, a redirect, which is not followed")]
    [InlineData(307, null, "answered 307, a redirect, which is not followed")]
    [InlineData(400, null, "answered 400")]
    [InlineData(401, null, "answered 401")]
    [InlineData(429, "1", "answered 429")]
    [InlineData(500, null, "answered 500")]
    [InlineData(503, "1", "answered 503")]
    public async Task Send_FirstAnswer_IsAcceptedOrRetried(int status, string? retryAfter, string? why)
    {
        await using var receiver = await ReceiverAsync(context =>
        {
            context.Response.StatusCode = status;
            context.Response.Headers.RetryAfter = retryAfter;
            context.Response.Headers.Location = "/elsewhere";
            return Task.CompletedTask;
        });
        await SendAsync(receiver.Url);

        ReceivedWebhook[] came = [.. receiver.All];
        Assert.Equal(why is null ? 1 : 2, came.Length);
        Assert.All(came, webhook => Assert.Equal(("/lookup", "1-2-3-4", true), (webhook.Path, webhook.Id, webhook.IsSigned)));
        Assert.Equal("objection.recorded", (string?)came[^1].Body["type"]);
        Assert.Equal("1970-01-01T00:00:00Z", (string?)came[^1].Body["timestamp"]);
        Assert.Equal("+31612345678", (string?)came[^1].Body["data"]!["number"]);
        Assert.True(retryAfter is null || Stopwatch.GetElapsedTime(came[0].At, came[1].At) >= TimeSpan.FromSeconds(0.99));
        AssertNotes(why);
        Assert.DoesNotContain(_notes, note => note.Contains("key=1", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Send_Gone_IsAnErrorThatNamesTheReceiver()
    {
        await using var receiver = await ReceiverAsync(context =>
        {
            context.Response.StatusCode = StatusCodes.Status410Gone;
            return Task.CompletedTask;
        });
        var gone = await Assert.ThrowsAsync<CliException>(() => SendAsync(receiver.Url));

        Assert.Equal(7, gone.ExitCode);
        Assert.Contains($"http://127.0.0.1:{receiver.Url.Port}/lookup answered 410 Gone", gone.Message, StringComparison.Ordinal);
        Assert.Single(receiver.All);
    }

    [Fact]
    public async Task Send_NoAnswerInTime_IsRetried()
    {
        await using var receiver = await ReceiverAsync(context => Task.Delay(Timeout.Infinite, context.RequestAborted));
        await SendAsync(receiver.Url, timeoutMs: 300);

        Assert.True(receiver.All.Count >= 2);
        AssertNotes("did not answer within 0.3 s");
    }

    [Fact]
    public async Task Send_ReceiverAway_IsRetriedUntilItIsThere()
    {
        var port = RedisServer.FreePort();
        var sending = SendAsync(new Uri($"http://127.0.0.1:{port}/lookup"));
        while (_notes.IsEmpty)
        {
            await Task.Delay(5, Test);
        }

        await using var receiver = await WebhookReceiver.StartAsync(port: port);
        await sending;
        Assert.Single(receiver.All);
        AssertNotes("cannot be reached: ");
    }

    // The vector of the reference libraries of Standard Webhooks.
    [Fact]
    public void Sign_KnownMessage_HasItsKnownSignature() => Assert.Equal(
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        WebhookSigner.Parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", "").Sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, "{\"test\": 2432232314}"u8));

    [Fact]
    public void Sign_TwoSecrets_HasASignatureOfEach()
    {
        const string Other = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        var one = WebhookSigner.Parse(WebhookReceiver.Secret, "").Sign("a", 1, "b"u8);
        var two = WebhookSigner.Parse(Other, "").Sign("a", 1, "b"u8);
        Assert.Equal($"{one} {two}", WebhookSigner.Parse($"{WebhookReceiver.Secret}\n{Other}\n", "").Sign("a", 1, "b"u8));
    }

    public static TheoryData<Change, string> Types => new()
    {
        { Of(new Fact { Effective = new(), Objection = new() }), "objection.recorded" },
        { Of(new Fact { Effective = new(), Consent = new(), Withdrawn = true }), "consent.withdrawn" },
        { Of(new Fact { PublishedForOffers = new() }), "published_for_offers.unreadable" },
        { Of(new Fact { Registration = new() }, removed: true), "registration.removed" },
        { new Change(), "none.unreadable" },
    };

    [Theory]
    [MemberData(nameof(Types))]
    public void TypeOf_Change_IsItsKindAndWhatHappened(Change change, string type) => Assert.Equal(type, WebhookMessage.TypeOf(change));

    private static Change Of(Fact fact, bool removed = false) => new() { Fact = new KnownFact { Fact = fact }, Removed = removed };

    // Answers the first request as told and the others with 204.
    private static Task<WebhookReceiver> ReceiverAsync(Func<HttpContext, Task> first)
    {
        var came = 0;
        return WebhookReceiver.StartAsync((_, context) => Interlocked.Increment(ref came) == 1 ? first(context) : Task.CompletedTask);
    }

    private async Task SendAsync(Uri url, int timeoutMs = 30_000)
    {
        var tally = new WebhookTally(WebhookSender.Describe(url), _notes.Enqueue);
        using var sender = new WebhookSender(url, WebhookSigner.Parse(WebhookReceiver.Secret, ""), TimeSpan.FromMilliseconds(timeoutMs), tally, TimeProvider.System);
        await sender.SendAsync(Message, Test, Test);
    }

    private void AssertNotes(string? why)
    {
        if (why is null)
        {
            Assert.Empty(_notes);
            return;
        }

        Assert.Contains(why, _notes.First(), StringComparison.Ordinal);
        Assert.EndsWith("accepts changes again.", _notes.Last(), StringComparison.Ordinal);
    }
}
