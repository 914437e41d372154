using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Server.Mapping;
using Lookup.V1;

namespace Lookup.Cli.Import;

/// <summary>Validates every fact as the service does, and records nothing.</summary>
internal sealed class DryRunTarget(IRegisterCatalog registers, TimeProvider clock) : IImportTarget
{
    // Not a real key: the pseudonyms are discarded.
    private readonly NumberCipher _cipher = new(new byte[32]);

    public string Name => "dry run";

    public bool CanResume => false;

    public async Task RunAsync(
        ImportDescription import, IAsyncEnumerable<ImportBatch> batches, Action<ImportBatch, BatchOutcome> recorded, CancellationToken ct)
    {
        var check = new FactCheck(new FactExpander(registers, _cipher, clock));
        var stored = new List<StoredFact>();
        await foreach (var batch in batches.WithCancellation(ct))
        {
            var refused = new List<RefusedFact>();
            for (var i = 0; i < batch.Facts.Count; i++)
            {
                check.Expand(batch.Facts[i], i, stored, refused);
                stored.Clear();
            }

            var refusedBlocks = new List<RefusedFact>();
            for (var i = 0; i < batch.Blocks.Count; i++)
            {
                var faults = new List<FieldFault>();
                BlockMapping.Map(batch.Blocks[i], isRemoval: false, clock.GetUtcNow().ToUnixTimeMilliseconds(), faults);
                if (faults.Count > 0)
                {
                    refusedBlocks.Add(new RefusedFact { Index = (uint)i, Errors = { faults.Select(fault => new FieldError { Field = fault.Field, Description = fault.Description }) } });
                }
            }

            recorded(batch, new BatchOutcome(batch.Facts.Count + batch.Blocks.Count - refused.Count - refusedBlocks.Count, 0, refused)
            {
                Warnings = check.TakeWarnings(),
                RefusedBlocks = refusedBlocks,
            });
        }
    }

    public ValueTask DisposeAsync()
    {
        _cipher.Dispose();
        return ValueTask.CompletedTask;
    }
}
