using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Redis.Imports;
using Lookup.Server.Imports;
using Lookup.Server.Trail;
using Lookup.V1;

namespace Lookup.Cli.Import;

/// <summary>Fills an empty redis store without the write script. No service uses the store before the load is complete.</summary>
internal sealed class FirstLoadTarget(FirstLoad load, NumberCipher cipher, IRegisterCatalog registers, TimeProvider clock) : IImportTarget
{
    private static readonly FieldError NoBlocks = new()
    {
        Field = "number",
        Description = "A first load stores no blocks of number ranges: import the rejected lines once it has ended.",
    };

    public string Name => $"first load {load.Manifest.Epoch:x16}";

    public bool CanResume => false;

    public Task RunAsync(
        ImportDescription import, IAsyncEnumerable<ImportBatch> batches, Action<ImportBatch, BatchOutcome> recorded, CancellationToken ct) =>
        new TrailWriter(load.Trail, clock).RunAsync(
            TrailWriter.ToolUser, TrailActs.Import(import), () => LoadAsync(import, batches, recorded, ct), done => TrailActs.ResultOf(done), ct);

    private async Task<ImportFactsResponse> LoadAsync(
        ImportDescription import, IAsyncEnumerable<ImportBatch> batches, Action<ImportBatch, BatchOutcome> recorded, CancellationToken ct)
    {
        var session = await ImportSession.BeginAsync(load.Imports, ImportMapping.Read(import), clock, ct);
        var check = new FactCheck(new FactExpander(registers, cipher, clock));
        var stored = new List<StoredFact>();
        await foreach (var batch in batches.WithCancellation(ct))
        {
            var refused = new List<RefusedFact>();
            for (var i = 0; i < batch.Facts.Count; i++)
            {
                var begin = stored.Count;
                if (check.Expand(batch.Facts[i], i, stored, refused) is { } fact)
                {
                    var source = await session.SourceIdAsync(fact.Source, fact.Actor, ct);
                    for (var k = begin; k < stored.Count; k++)
                    {
                        stored[k] = stored[k] with { Entry = stored[k].Entry with { Source = source } };
                    }
                }
            }

            await session.AnnounceAsync(batch.Facts.Count - refused.Count, ct);
            await load.AddAsync(stored, ct);
            stored.Clear();
            var outcome = new BatchOutcome(batch.Facts.Count - refused.Count, 0, refused, session.Id)
            {
                Warnings = check.TakeWarnings(),
                RefusedBlocks = [.. batch.Blocks.Select((_, i) => new RefusedFact { Index = (uint)i, Errors = { NoBlocks } })],
            };
            session.Count(outcome.Recorded, 0, refused.Count + batch.Blocks.Count);
            await session.TouchAsync(ct);
            recorded(batch, outcome);
        }

        var result = await load.PublishAsync(ct);
        await session.EndAsync(ct);
        if (result.Collisions > 0)
        {
            throw new CliException(
                $"{result.Collisions} facts were not stored: the hash of their organisation or product group collides with another one; rename it.");
        }

        return new ImportFactsResponse { ImportId = session.Id };
    }

    public async ValueTask DisposeAsync()
    {
        await load.DisposeAsync();
        cipher.Dispose();
    }
}
