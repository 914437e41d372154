using Lookup.Core.Blocks;
using Lookup.Core.Facts;
using Lookup.Redis.Imports;
using Lookup.Redis.Registers;
using Lookup.Redis.Writing;
using Lookup.Server.Access;
using Lookup.Server.Mapping;
using Lookup.Server.Store;

namespace Lookup.Server.Facts;

/// <summary>Validates, records and removes blocks of numbers.</summary>
/// <param name="store">Stores them.</param>
/// <param name="names">Has the names of organisations with facts.</param>
/// <param name="imports">Assigns the numbers of sources.</param>
/// <param name="clock">The clock.</param>
/// <param name="registry">The registry of this process, read before the call returns; null for none.</param>
/// <param name="options">Has the limit of new sources; null for no limit.</param>
internal sealed class BlockWriter(
    IRegistryStore store, INameStore names, IImportStore imports, TimeProvider clock, RegistryReplica? registry = null, LookupServerOptions? options = null)
{
    /// <summary>Records blocks. When it returns, this process decides by them.</summary>
    /// <param name="blocks">The blocks.</param>
    /// <param name="import">Their import, or null.</param>
    /// <param name="caller">The caller; blocks of organisations without a grant are rejected.</param>
    /// <param name="cancellation">Cancels the wait.</param>
    internal Task<BlockOutcome[]> RecordAsync(
        IReadOnlyList<V1.Block> blocks, ImportSession? import, Caller caller, CancellationToken cancellation) =>
        ChangeAsync(blocks, import, caller, isRemoval: false, cancellation);

    /// <summary>Removes blocks.</summary>
    /// <param name="blocks">The blocks, with the numbers that they were recorded with.</param>
    /// <param name="caller">The caller; blocks of organisations without a grant are rejected.</param>
    /// <param name="cancellation">Cancels the wait.</param>
    internal Task<BlockOutcome[]> RemoveAsync(IReadOnlyList<V1.Block> blocks, Caller caller, CancellationToken cancellation) =>
        ChangeAsync(blocks, null, caller, isRemoval: true, cancellation);

    private async Task<BlockOutcome[]> ChangeAsync(
        IReadOnlyList<V1.Block> blocks, ImportSession? import, Caller caller, bool isRemoval, CancellationToken cancellation)
    {
        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        var outcomes = new BlockOutcome[blocks.Count];
        var changes = new List<BlockChange>(blocks.Count);
        var places = new List<int>(blocks.Count);
        var checks = new WriteChecks(names, imports, registry, options, import, caller, now);
        for (var i = 0; i < blocks.Count; i++)
        {
            var block = blocks[i];
            var faults = new List<FieldFault>();
            var (range, written, entry) = BlockMapping.Map(block, isRemoval, now, faults);
            checks.CheckGrant(block.Organisation, "organisation", faults);
            var source = faults.Count > 0 ? null : await checks.SourceIdAsync(block.Source, block.Actor, forbids: !isRemoval, faults, cancellation);
            if (source is null)
            {
                outcomes[i] = new BlockOutcome(V1.BlockResult.Types.Outcome.Refused, "", faults);
                continue;
            }

            var place = i;
            outcomes[place] = new BlockOutcome(V1.BlockResult.Types.Outcome.Unchanged, range.ToString(), []);
            // A block that an earlier version recorded has the numbers as written.
            foreach (var numbers in isRemoval && written != range ? [range, written] : (BlockRange[])[range])
            {
                places.Add(place);
                changes.Add(new BlockChange(block.Organisation, numbers, known =>
                {
                    outcomes[place] = outcomes[place] with { IsIncluded = !isRemoval && known.Includes(entry) };
                    return isRemoval
                        ? known.Without(new BlockRemoval(now, entry.Recorded, source.Value, entry.Reason))
                        : known.With(entry with { Source = source.Value });
                }));
            }
        }

        if (import is not null && changes.Count > 0)
        {
            await import.AnnounceAsync(changes.Count, cancellation);
        }

        var changed = changes.Count > 0 ? await store.ChangeBlocksAsync(changes, cancellation) : [];
        if (changes.Count > 0 && registry is not null)
        {
            await registry.ReadAsync(cancellation);
        }

        for (var i = 0; i < changed.Length; i++)
        {
            var misspelt = isRemoval ? null : await checks.SpellingAsync(changes[i].Organisation, "organisation", cancellation);
            ref var outcome = ref outcomes[places[i]];
            // An import that names a block in force is noted with it, for reverts; the block is the same.
            var isChanged = changed[i] && !outcome.IsIncluded;
            outcome = outcome with
            {
                Outcome = isChanged ? V1.BlockResult.Types.Outcome.Recorded : outcome.Outcome,
                Warnings = misspelt is { } warning ? [warning] : [],
            };
        }

        return outcomes;
    }
}

/// <summary>The outcome of one block.</summary>
/// <param name="Outcome">What was done.</param>
/// <param name="Numbers">The numbers as they were understood; empty if the block was rejected.</param>
/// <param name="Faults">Why it was rejected.</param>
internal sealed record BlockOutcome(V1.BlockResult.Types.Outcome Outcome, string Numbers, IReadOnlyList<FieldFault> Faults)
{
    /// <summary>Whether a recording that was in force already forbade as much.</summary>
    internal bool IsIncluded { get; init; }

    /// <summary>Possible mistakes in a recorded block.</summary>
    internal IReadOnlyList<FieldFault> Warnings { get; init; } = [];

    /// <summary>Returns the rejected blocks of a batch.</summary>
    internal static IEnumerable<V1.RefusedFact> Refused(IReadOnlyList<BlockOutcome> outcomes) => outcomes
        .Select((outcome, i) => (outcome, i))
        .Where(pair => pair.outcome.Faults.Count > 0)
        .Select(pair => new V1.RefusedFact { Index = (uint)pair.i, Errors = { FactOutcome.ToProto(pair.outcome.Faults) } });

    /// <summary>Returns the distinct warnings of a batch, each with the number of blocks and the first of them.</summary>
    internal static IEnumerable<V1.ImportWarning> Summarise(IReadOnlyList<BlockOutcome> outcomes) => outcomes
        .SelectMany((outcome, i) => outcome.Warnings.Select(warning => (warning, i)))
        .GroupBy(pair => pair.warning)
        .Select(group => new V1.ImportWarning
        {
            Warning = FactOutcome.ToProto([group.Key]).Single(),
            Count = (uint)group.Count(),
            FirstIndex = (uint)group.First().i,
        });

    internal V1.BlockResult ToProto() => new()
    {
        Outcome = Outcome,
        Numbers = Numbers,
        Errors = { FactOutcome.ToProto(Faults) },
        Warnings = { FactOutcome.ToProto(Warnings) },
    };
}
