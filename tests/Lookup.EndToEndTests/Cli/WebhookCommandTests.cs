using System.Collections.Concurrent;
using System.Globalization;
using Google.Protobuf.WellKnownTypes;
using Lookup.Client;
using Lookup.V1;

namespace Lookup.EndToEndTests.Cli;

/// <summary>lookup watch --webhook against a service and a receiver.</summary>
public sealed class WebhookCommandTests(RunningService service) : IClassFixture<RunningService>, IDisposable
{
    private const int Numbers = 100;
    private const int Batch = 50;

    // With 500 changes in a second: four seconds.
    private const int Batches = 40;

    private readonly TempFolder _folder = new();
    private readonly DateTimeOffset _began = DateTimeOffset.UtcNow.AddDays(-1);

    private static CancellationToken Test => TestContext.Current.CancellationToken;

    private string Position => _folder.PathOf("webhook.position");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Push_ReceiverAndToolKilledUnderLoad_DeliversEveryChangeInOrderOfItsNumber()
    {
        var all = new ConcurrentQueue<ReceivedWebhook>();
        var (count, calm) = (0, false);
        Func<ReceivedWebhook, Microsoft.AspNetCore.Http.HttpContext, Task> answer = (_, context) =>
        {
            if (Interlocked.Increment(ref count) % 40 == 0 && !Volatile.Read(ref calm))
            {
                // The receiver has the change, and its answer is lost.
                context.Abort();
            }

            return Task.CompletedTask;
        };
        using var client = new LookupClient(new LookupClientOptions { Address = new Uri(service.Address), Timeout = TimeSpan.FromSeconds(60) });
        var receiver = await WebhookReceiver.StartAsync(answer, 0, all);
        var url = receiver.Url;
        var tool = Start(url);
        try
        {
            await tool.UntilAsync(() => tool.Error.Contains("Watching.", StringComparison.Ordinal));
            using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
            for (var batch = 0; batch < Batches; batch++)
            {
                await RecordAsync(client, batch * Batch, Batch);
                switch (batch)
                {
                    case Batches / 8:
                        await receiver.KillAsync();
                        break;
                    case Batches / 4:
                        receiver = await WebhookReceiver.StartAsync(answer, url.Port, all);
                        break;
                    case Batches / 2:
                        await tool.KillAsync();
                        break;
                    case Batches * 5 / 8:
                        tool.Dispose();
                        tool = Start(url);
                        break;
                    case Batches * 3 / 4:
                        // Before that a signal ends the process as it ends any other.
                        await tool.UntilAsync(() => tool.Error.Contains("Watching.", StringComparison.Ordinal));
                        await EndAsync(tool);
                        tool.Dispose();
                        tool = Start(url);
                        break;
                }

                await pace.WaitForNextTickAsync(Test);
            }

            await tool.UntilAsync(() => all.Select(SequenceOf).Distinct().Count() == Batches * Batch);
            Assert.All(all, webhook => Assert.True(webhook.IsSigned));
            // Redeliveries have the id of the change; no other change has it.
            Assert.Equal(Batches * Batch, all.Select(webhook => webhook.Id).Distinct().Count());
            Assert.Equal(Batches * Batch, all.Select(webhook => (webhook.Id, SequenceOf(webhook))).Distinct().Count());
            Assert.True(all.Count > Batches * Batch);
            foreach (var number in all.GroupBy(webhook => (string)webhook.Body["data"]!["number"]!))
            {
                int[] first = [.. number.Select(SequenceOf).Distinct()];
                Assert.Equal(first.Order(), first);
            }

            // Stopped with everything accepted, it repeats nothing.
            Volatile.Write(ref calm, true);
            await EndAsync(tool);
            var before = all.Count;
            tool.Dispose();
            tool = Start(url);
            await RecordAsync(client, Batches * Batch, 1);
            await tool.UntilAsync(() => all.Select(SequenceOf).Contains(Batches * Batch));
            await EndAsync(tool);
            Assert.Equal(before + 1, all.Count);
        }
        finally
        {
            tool.Dispose();
            await receiver.DisposeAsync();
        }
    }

    [Fact]
    public async Task Push_PositionOfAnotherStore_SaysWhatToDo()
    {
        await using var receiver = await WebhookReceiver.StartAsync();
        _folder.Write("secret", WebhookReceiver.Secret);
        _folder.Write(
            "webhook.position", $$"""{"format": 1, "organisations": [], "resume_token": "{{Lookup.Redis.ConsistencyToken.Of(1, 0, 1)}}"}""");
        var run = await CliRun.Async(
            "watch", "--webhook", receiver.Url.ToString(), "--secret-file", _folder.PathOf("secret"), "--position", Position, "--address", service.Address);
        Assert.Equal(4, run.ExitCode);
        Assert.Contains("Scrub the active lists again", run.Error, StringComparison.Ordinal);
        Assert.Contains($"To start over, delete {Position}.", run.Error, StringComparison.Ordinal);
        Assert.Empty(receiver.All);
    }

    private ToolProcess Start(Uri url)
    {
        _folder.Write("secret", WebhookReceiver.Secret);
        return ToolProcess.Start("watch", "--webhook", url.ToString(), "--secret-file", _folder.PathOf("secret"), "--position", Position, "--address", service.Address);
    }

    private static async Task EndAsync(ToolProcess tool)
    {
        tool.Terminate();
        var end = await tool.EndAsync();
        Assert.True(end.ExitCode == 0, end.Error);
        Assert.Contains("changes accepted ", end.Error, StringComparison.Ordinal);
        Assert.Empty(end.Output);
        Assert.DoesNotContain("+316", end.Error, StringComparison.Ordinal);
    }

    // Objections and their withdrawals in turn, each later in effect than the one before it, and named by its sequence number.
    private async Task RecordAsync(LookupClient client, int from, int count)
    {
        var request = new RecordFactsRequest();
        for (var sequence = from; sequence < from + count; sequence++)
        {
            request.Facts.Add(new Fact
            {
                Number = $"+3161230{sequence % Numbers:0000}",
                Source = sequence.ToString(CultureInfo.InvariantCulture),
                Effective = Timestamp.FromDateTimeOffset(_began.AddSeconds(sequence)),
                Withdrawn = sequence / Numbers % 2 == 1,
                Objection = new Objection { Organisation = "acme" },
            });
        }

        var recorded = await client.RecordFactsAsync(request, Test);
        Assert.All(recorded.Results, result => Assert.Equal(FactResult.Types.Outcome.Recorded, result.Outcome));
    }

    private static int SequenceOf(ReceivedWebhook webhook) =>
        int.Parse((string)webhook.Body["data"]!["fact"]!["fact"]!["source"]!, CultureInfo.InvariantCulture);
}
