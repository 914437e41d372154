using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Lookup.Client;
using Lookup.V1;

namespace Lookup.Cli.Import;

/// <summary>Imports into a running service.</summary>
internal sealed class ServiceTarget(LookupClient client) : IImportTarget
{
    /// <summary>Unacknowledged batches; enough to keep the service busy while one is made durable.</summary>
    private const int Window = 8;

    public string Name => $"service {client.Address}";

    public bool CanResume => true;

    public async Task RunAsync(
        ImportDescription import, IAsyncEnumerable<ImportBatch> batches, Action<ImportBatch, BatchOutcome> recorded, CancellationToken ct)
    {
        // In file order, including batches without facts to send.
        var pending = Channel.CreateUnbounded<ImportBatch>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
        var outcomes = new Dictionary<ulong, BatchOutcome>();
        await foreach (var answer in client.ImportFactsAsync(Requests(import, batches, pending.Writer, ct), Window, ct))
        {
            outcomes.Add(answer.Sequence, new BatchOutcome((int)answer.Recorded, (int)answer.Unchanged, answer.Refused, answer.ImportId) { Warnings = answer.Warnings, RefusedBlocks = answer.RefusedBlocks, BlockWarnings = answer.BlockWarnings });
            Report(pending.Reader, outcomes, recorded);
        }

        Report(pending.Reader, outcomes, recorded);
        if (pending.Reader.TryPeek(out var left))
        {
            throw new CliException($"The service at {client.Address} did not acknowledge every batch: run the same command again to resume at line {left.LastLine}.");
        }
    }

    public ValueTask DisposeAsync()
    {
        client.Dispose();
        return ValueTask.CompletedTask;
    }

    private static async IAsyncEnumerable<ImportFactsRequest> Requests(
        ImportDescription? import,
        IAsyncEnumerable<ImportBatch> batches,
        ChannelWriter<ImportBatch> pending,
        [EnumeratorCancellation] CancellationToken ct)
    {
        await foreach (var batch in batches.WithCancellation(ct))
        {
            await pending.WriteAsync(batch, ct);
            if (batch.Facts.Count + batch.Blocks.Count > 0)
            {
                yield return new ImportFactsRequest { Sequence = batch.Sequence, Facts = { batch.Facts }, Blocks = { batch.Blocks }, Import = import };
                import = null;
            }
        }
    }

    private static void Report(ChannelReader<ImportBatch> pending, Dictionary<ulong, BatchOutcome> outcomes, Action<ImportBatch, BatchOutcome> recorded)
    {
        while (pending.TryPeek(out var batch))
        {
            var outcome = new BatchOutcome(0, 0, []);
            if (batch.Facts.Count + batch.Blocks.Count > 0 && !outcomes.Remove(batch.Sequence, out outcome))
            {
                return;
            }

            pending.TryRead(out _);
            recorded(batch, outcome);
        }
    }
}
