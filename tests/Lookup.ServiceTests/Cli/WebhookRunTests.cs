using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Google.Protobuf.WellKnownTypes;
using Lookup.Cli;
using Lookup.Cli.Webhooks;
using Lookup.Client;
using Lookup.V1;

namespace Lookup.ServiceTests.Cli;

/// <summary>The order of what is pushed, and the position.</summary>
public sealed class WebhookRunTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly ConcurrentQueue<string> _notes = [];

    private static CancellationToken Test => TestContext.Current.CancellationToken;

    private string Path => _folder.PathOf("webhook.position");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Push_OneChangeRefused_HoldsItsNumberAndThePositionOnly()
    {
        var open = false;
        await using var receiver = await WebhookReceiver.StartAsync((webhook, context) =>
        {
            context.Response.StatusCode = webhook.Id == "a1" && !Volatile.Read(ref open) ? 500 : 200;
            return Task.CompletedTask;
        });
        using var end = CancellationTokenSource.CreateLinkedTokenSource(Test);
        using var position = WebhookPosition.Open(Path, []);
        // Another number may share the lane of A; of many some do not.
        string[] others = [.. Enumerable.Range(0, 30).Select(i => $"b{i}")];
        var running = RunAsync(receiver, position, [Beat("t0"), Event("A", "a1"), Event("A", "a2"), .. others.Select(id => Event(id, id)), Beat("t9")], end.Token);
        await UntilAsync(() => receiver.All.Any(webhook => webhook.Id[0] == 'b'));
        Assert.Contains("\"t0\"", await File.ReadAllTextAsync(Path, Test), StringComparison.Ordinal);

        Volatile.Write(ref open, true);
        await UntilAsync(() => position.Token == "t9");
        await end.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
        Assert.Contains("\"t9\"", await File.ReadAllTextAsync(Path, Test), StringComparison.Ordinal);
        Assert.Equal(["a1", "a2"], receiver.All.Select(webhook => webhook.Id).Where(id => id[0] == 'a').Distinct());
        Assert.Equal(others.Order(), receiver.All.Select(webhook => webhook.Id).Where(id => id[0] == 'b').Order());
    }

    [Fact]
    public async Task Push_NothingAccepted_ReadsNoMoreThanTheWindow()
    {
        await using var receiver = await WebhookReceiver.StartAsync((_, context) =>
        {
            context.Response.StatusCode = 500;
            return Task.CompletedTask;
        });
        using var end = CancellationTokenSource.CreateLinkedTokenSource(Test);
        using var position = WebhookPosition.Open(Path, []);
        var read = 0;
        var running = RunAsync(receiver, position, Endless(), end.Token);
        await UntilAsync(() => Volatile.Read(ref read) > WebhookRun.Window && receiver.All.Count >= 16);
        await end.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
        Assert.Equal(WebhookRun.Window + 1, read);
        Assert.Contains("\"t0\"", await File.ReadAllTextAsync(Path, Test), StringComparison.Ordinal);

        IEnumerable<WatchEvent> Endless()
        {
            yield return Beat("t0");
            while (true)
            {
                var i = Interlocked.Increment(ref read);
                yield return Event($"{i}", $"{i}");
            }
        }
    }

    [Fact]
    public async Task Push_ReceiverGone_EndsWithThePositionBeforeTheChange()
    {
        await using var receiver = await WebhookReceiver.StartAsync((webhook, context) =>
        {
            context.Response.StatusCode = webhook.Id == "2" ? 410 : 204;
            return Task.CompletedTask;
        });
        using var position = WebhookPosition.Open(Path, []);
        var gone = await Assert.ThrowsAsync<CliException>(() => RunAsync(receiver, position, [Beat("t0"), Event("A", "1"), Event("A", "2"), Event("A", "3")], Test));
        Assert.Equal(7, gone.ExitCode);
        Assert.Equal("t1", position.Token);
        Assert.Equal(["1", "2"], receiver.All.Select(webhook => webhook.Id));
    }

    [Fact]
    public async Task Push_ChangeWithoutId_IsRefused()
    {
        await using var receiver = await WebhookReceiver.StartAsync();
        using var position = WebhookPosition.Open(Path, []);
        var old = await Assert.ThrowsAsync<CliException>(() => RunAsync(receiver, position, [Beat("t0"), Event("A", "")], Test));
        Assert.Contains("too old for --webhook", old.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Position_Saved_IsReadAgainForTheSameOrganisationsOnly()
    {
        using (var position = WebhookPosition.Open(Path, ["bolt", "acme"]))
        {
            position.Save("t1");
            Assert.Contains("is in use by another watch", Assert.Throws<CliException>(() => WebhookPosition.Open(Path, ["acme", "bolt"])).Message, StringComparison.Ordinal);
        }

        using (var position = WebhookPosition.Open(Path, ["acme", "bolt"]))
        {
            Assert.Equal("t1", position.Token);
        }

        var other = Assert.Throws<CliException>(() => WebhookPosition.Open(Path, []));
        Assert.Equal((2, true), (other.ExitCode, other.Message.Contains("other organisations (acme, bolt)", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("{\"format\": 2, \"organisations\": [], \"resume_token\": \"t\"}")]
    [InlineData("{\"format\": 1, \"organisations\": [], \"resume_token\": null}")]
    [InlineData("{\"format\": 1, \"organisations\": [1], \"resume_token\": \"t\"}")]
    public void Position_FileOfSomethingElse_IsRefused(string content)
    {
        _folder.Write("webhook.position", content);
        Assert.Contains("is not a position file", Assert.Throws<CliException>(() => WebhookPosition.Open(Path, [])).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--webhook ftp://a/b", "--webhook is not an http:// or https:// address")]
    [InlineData("--webhook https://me:pass@a/b", "--webhook is not an http:// or https:// address")]
    [InlineData("--webhook http://dialer.example/lookup?key=1", "--webhook http://dialer.example/lookup is plain text to another machine")]
    [InlineData("--webhook https://a/b --blocks", "--blocks cannot be combined with --webhook")]
    [InlineData("--webhook https://a/b --from t", "--from cannot be combined with --webhook")]
    [InlineData("--webhook https://a/b", "--webhook requires a secret")]
    [InlineData("--webhook https://a/b --secret-file good", "--webhook requires --position FILE")]
    [InlineData("--webhook https://a/b --secret-file bad --position p", "--secret-file bad: secret 2 is not whsec_ and 24 to 64 bytes in base64.")]
    [InlineData("--webhook https://a/b --secret-file empty --position p", "--secret-file empty has no secret")]
    [InlineData("--webhook https://a/b --secret-file missing --position p", "--secret-file missing: Could not find file")]
    [InlineData("--webhook https://a/b --secret-file good --position p --in-flight 0", "--in-flight 0 is out of range: 1 to 256.")]
    [InlineData("--position p", "--position requires --webhook")]
    public async Task Watch_OptionsThatDoNotFit_AreRefused(string line, string error)
    {
        _folder.Write("good", WebhookReceiver.Secret + "\n");
        _folder.Write("bad", WebhookReceiver.Secret + " whsec_c2hvcnQ=\n");
        _folder.Write("empty", "\n");
        string[] files = ["good", "bad", "empty", "missing", "p"];
        var run = await CliRun.Async(["watch", .. line.Split(' ').Select(word => files.Contains(word) ? _folder.PathOf(word) : word)]);
        Assert.Equal(2, run.ExitCode);
        Assert.Contains(error, run.Error.Replace(_folder.Path + "/", "", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.DoesNotContain("c2hvcnQ", run.Error, StringComparison.Ordinal);
    }

    private async Task RunAsync(WebhookReceiver receiver, WebhookPosition position, IEnumerable<WatchEvent> events, CancellationToken ct)
    {
        var tally = new WebhookTally("", _notes.Enqueue);
        using var sender = new WebhookSender(receiver.Url, WebhookSigner.Parse(WebhookReceiver.Secret, ""), TimeSpan.FromSeconds(30), tally, TimeProvider.System);
        using var run = new WebhookRun(sender, position, tally, 16, TimeProvider.System);
        await run.RunAsync(stop => WatchAsync(events, stop), ct);
    }

    // A watch ends with an error only.
    private static async IAsyncEnumerable<WatchEvent> WatchAsync(IEnumerable<WatchEvent> events, [EnumeratorCancellation] CancellationToken stop)
    {
        foreach (var one in events)
        {
            yield return one;
        }

        await Task.Delay(Timeout.Infinite, stop);
    }

    private static WatchEvent Beat(string token) => WatchEvent.From(new WatchResponse { Heartbeat = new Heartbeat(), ResumeToken = token });

    private static WatchEvent Event(string number, string id) => WatchEvent.From(new WatchResponse
    {
        Change = new Change { Number = number, Id = id, Fact = new KnownFact { Fact = new Fact { Effective = new Timestamp(), Objection = new Objection() } } },
        ResumeToken = $"t{id}",
    });

    private static async Task UntilAsync(Func<bool> condition)
    {
        while (!condition())
        {
            await Task.Delay(5, Test);
        }
    }
}
