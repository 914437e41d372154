using Lookup.Cli.Hosting;
using Lookup.Core.Facts;
using Lookup.Server.Services;
using Lookup.V1;
using Outcome = Lookup.V1.FactResult.Types.Outcome;

namespace Lookup.Cli.Import;

/// <summary>Imports straight into a store, without a service, by the same checks and merges.</summary>
internal sealed class StoreTarget(OpenStore store, IRegisterCatalog registers, TimeProvider clock) : IImportTarget
{
    private readonly FactWriter _writer = new(store.Store, new FactExpander(registers, store.Cipher, clock));

    public string Name => $"store {store.Store.Manifest.Epoch:x16}";

    public bool CanResume => true;

    public async Task RunAsync(IAsyncEnumerable<ImportBatch> batches, Action<ImportBatch, BatchOutcome> recorded, CancellationToken ct)
    {
        await foreach (var batch in batches.WithCancellation(ct))
        {
            var (outcomes, _) = await _writer.WriteAsync(batch.Facts, ct);
            var refused = new List<RefusedFact>();
            var unchanged = 0;
            for (var i = 0; i < outcomes.Length; i++)
            {
                unchanged += outcomes[i].Outcome == Outcome.Unchanged ? 1 : 0;
                if (outcomes[i].Outcome == Outcome.Refused)
                {
                    refused.Add(new RefusedFact { Index = (uint)i, Errors = { outcomes[i].Errors } });
                }
            }

            recorded(batch, new BatchOutcome(outcomes.Length - unchanged - refused.Count, unchanged, refused));
        }
    }

    public ValueTask DisposeAsync() => store.DisposeAsync();
}
