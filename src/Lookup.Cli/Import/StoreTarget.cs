using Lookup.Cli.Hosting;
using Lookup.Core.Facts;
using Lookup.Redis.Imports;
using Lookup.Server.Access;
using Lookup.Server.Facts;
using Lookup.Server.Imports;
using Lookup.Server.Trail;
using Lookup.V1;
using Outcome = Lookup.V1.FactResult.Types.Outcome;

namespace Lookup.Cli.Import;

/// <summary>Imports directly into a store, without a service, with the same checks and merges.</summary>
internal sealed class StoreTarget(OpenStore store, IRegisterCatalog registers, TimeProvider clock) : IImportTarget
{
    private readonly FactWriter _writer = new(store.Store.Writer, store.Store.Names, store.Store.Imports, new RecordingOrder(store.Store.Feed), new FactExpander(registers, store.Cipher, clock), clock);

    private readonly BlockWriter _blocks = new(store.Store.Registry, store.Store.Names, store.Store.Imports, clock);

    public string Name => $"store {store.Store.Manifest.Epoch:x16}";

    public bool CanResume => true;

    public async Task RunAsync(
        ImportDescription import, IAsyncEnumerable<ImportBatch> batches, Action<ImportBatch, BatchOutcome> recorded, CancellationToken ct)
    {
        await store.RunAsync(TrailActs.Import(import), () => ImportAsync(import, batches, recorded, ct), clock, ct);
    }

    private async Task<ImportFactsResponse> ImportAsync(
        ImportDescription import, IAsyncEnumerable<ImportBatch> batches, Action<ImportBatch, BatchOutcome> recorded, CancellationToken ct)
    {
        var session = await BeginAsync(import, ct);
        try
        {
            await RecordAsync(session, batches, recorded, ct);
            await session.EndAsync(ct);
            return new ImportFactsResponse { ImportId = session.Id };
        }
        catch
        {
            await session.BreakOffAsync();
            throw;
        }
    }

    public ValueTask DisposeAsync() => store.DisposeAsync();

    private async Task<ImportSession> BeginAsync(ImportDescription import, CancellationToken ct)
    {
        var record = ImportMapping.Read(import);
        return record.Id.Length == 0
            ? await ImportSession.BeginAsync(store.Store.Imports, record, clock, ct)
            : await ImportSession.ResumeAsync(store.Store.Imports, record.Id, clock, ct);
    }

    private async Task RecordAsync(
        ImportSession session, IAsyncEnumerable<ImportBatch> batches, Action<ImportBatch, BatchOutcome> recorded, CancellationToken ct)
    {
        await foreach (var batch in batches.WithCancellation(ct))
        {
            await session.TouchAsync(ct);
            var (outcomes, _) = await _writer.WriteAsync(batch.Facts, session, Caller.Anyone, ct);
            var rejected = new List<RefusedFact>();
            var unchanged = 0;
            for (var i = 0; i < outcomes.Length; i++)
            {
                unchanged += outcomes[i].Outcome == Outcome.Unchanged ? 1 : 0;
                if (outcomes[i].Outcome == Outcome.Refused)
                {
                    rejected.Add(new RefusedFact { Index = (uint)i, Errors = { outcomes[i].Errors } });
                }
            }

            var blocked = batch.Blocks.Count > 0 ? await _blocks.RecordAsync(batch.Blocks, session, Caller.Anyone, ct) : [];
            var recordedBlocks = blocked.Count(one => one.Outcome == BlockResult.Types.Outcome.Recorded);
            var outcome = new BatchOutcome(
                outcomes.Length - unchanged - rejected.Count + recordedBlocks,
                unchanged + blocked.Count(one => one.Outcome == BlockResult.Types.Outcome.Unchanged),
                rejected,
                session.Id)
            {
                Warnings = [.. FactOutcome.Summarise(outcomes)],
                RefusedBlocks = [.. BlockOutcome.Refused(blocked)],
                BlockWarnings = [.. BlockOutcome.Summarise(blocked)],
            };
            session.Count(outcome.Recorded, outcome.Unchanged, outcome.Refused.Count + outcome.RefusedBlocks.Count);
            recorded(batch, outcome);
        }
    }
}
