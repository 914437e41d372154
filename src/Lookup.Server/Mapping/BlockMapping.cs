using Google.Protobuf.Collections;
using Lookup.Core.Blocks;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Redis.Writing;
using Lookup.Server.Errors;

namespace Lookup.Server.Mapping;

/// <summary>Maps blocks between the contract and Core.</summary>
internal static class BlockMapping
{
    // Clocks of callers may be ahead.
    private const long ClockSkewMs = 5 * 60 * 1000;

    // As those of a fact.
    private const int MaxSource = 256;
    private const int MaxReason = 1024;

    /// <summary>Reads and checks a block.</summary>
    /// <param name="source">The block.</param>
    /// <param name="isRemoval">Whether it names a block to remove, which has no times.</param>
    /// <param name="now">Unix milliseconds.</param>
    /// <param name="faults">Receives the faults.</param>
    /// <returns>
    /// Valid only if no fault was added. The entry has no source yet. The numbers as written differ from the numbers if they are in another
    /// form, under which an earlier version may have recorded a block.
    /// </returns>
    internal static (BlockRange Range, BlockRange Written, BlockEntry Entry) Map(V1.Block source, bool isRemoval, long now, List<FieldFault> faults)
    {
        if (source.Organisation != Scope.AllName && !FieldFaults.IsName(source.Organisation))
        {
            faults.Add(new FieldFault("organisation", FieldFaults.NameRule + " \"*\" blocks for all organisations."));
        }

        if (string.IsNullOrWhiteSpace(source.Source))
        {
            faults.Add(new FieldFault("source", "Required: the origin of the record."));
        }

        List<FieldFault>? texts = null;
        FieldFaults.CheckText(source.Source, MaxSource, "source", ref texts);
        FieldFaults.CheckText(source.Actor, MaxSource, "actor", ref texts);
        FieldFaults.CheckText(source.Reason, MaxReason, "reason", ref texts);
        var effective = FieldFaults.Time(source.Effective, "effective", ref texts);
        var until = FieldFaults.Time(source.Until, "until", ref texts);
        faults.AddRange(texts ?? []);
        if (isRemoval)
        {
            if (source.Effective is not null || source.Until is not null)
            {
                faults.Add(new FieldFault(source.Effective is not null ? "effective" : "until", "Must not be set: a removal takes effect now."));
            }
        }
        else
        {
            if (effective > now + ClockSkewMs)
            {
                faults.Add(new FieldFault("effective", "Must not be in the future: a block forbids from its acknowledgement."));
            }

            if (until <= now)
            {
                faults.Add(new FieldFault("until", "Must be in the future."));
            }
        }

        var range = Numbers(source, isRemoval, faults, out var written);
        return (range, written, new BlockEntry
        {
            From = Math.Min(effective ?? now, now),
            Until = until ?? BlockEntry.Open,
            Recorded = (uint)(now / 1_000),
            Reason = source.Reason,
        });
    }

    /// <summary>Writes a block with its history.</summary>
    /// <param name="block">The block.</param>
    /// <param name="now">Unix milliseconds.</param>
    /// <param name="names">Has the sources.</param>
    /// <param name="cancellation">Ends the wait.</param>
    internal static async Task<V1.KnownBlock> ToProtoAsync(NumberBlock block, long now, INameStore names, CancellationToken cancellation)
    {
        var result = new V1.KnownBlock
        {
            Organisation = block.Organisation,
            Numbers = block.Range.ToString(),
            Range = block.Range.IsPrefix
                ? null
                : new V1.NumberRange { First = new PhoneNumber(block.Range.First).ToString(), Last = new PhoneNumber(block.Range.Last).ToString() },
            Current = block.Forbids(now, isTimeNamed: false),
        };
        foreach (var entry in block.Entries)
        {
            var source = await names.SourceAsync(entry.Source, cancellation);
            var version = new V1.BlockVersion
            {
                Effective = FieldFaults.ToTimestamp(entry.From),
                Until = entry.Until == BlockEntry.Open ? null : FieldFaults.ToTimestamp(entry.Until),
                Recorded = FieldFaults.ToTimestamp(entry.Recorded * 1_000L),
                Source = source?.Source ?? "",
                Actor = source?.Actor ?? "",
                Reason = entry.Reason,
                ImportId = source?.ImportId ?? "",
            };
            if (entry.Removal is { } removal)
            {
                var remover = await names.SourceAsync(removal.Source, cancellation);
                version.Removal = new V1.BlockRemoval
                {
                    Effective = FieldFaults.ToTimestamp(removal.At),
                    Recorded = FieldFaults.ToTimestamp(removal.Recorded * 1_000L),
                    Source = remover?.Source ?? "",
                    Actor = remover?.Actor ?? "",
                    Reason = removal.Reason,
                };
            }

            result.Versions.Add(version);
        }

        return result;
    }

    /// <summary>Adds the blocks over a number that a caller may see.</summary>
    internal static async Task AddOverAsync(
        RepeatedField<V1.KnownBlock> output, BlockSet blocks, ulong number, Access.Caller caller, long now, INameStore names, CancellationToken cancellation)
    {
        foreach (var block in InOrder(blocks.Over(number)).Where(block => MaySee(caller, block, now)))
        {
            output.Add(await ToProtoAsync(block, now, names, cancellation));
        }
    }

    /// <summary>Returns whether a caller may see a block: it is of a granted organisation, or of all.</summary>
    internal static bool MaySee(Access.Caller caller, NumberBlock block, long now) =>
        block.Organisation == Scope.AllName || caller.May(block.Organisation, now);

    internal static IEnumerable<NumberBlock> InOrder(IEnumerable<NumberBlock> blocks) => blocks
        .OrderBy(block => block.Range.First).ThenBy(block => block.Range.Last).ThenBy(block => block.Range.IsPrefix).ThenBy(block => block.Organisation, StringComparer.Ordinal);

    private static BlockRange Numbers(V1.Block source, bool isRemoval, List<FieldFault> faults, out BlockRange written)
    {
        BlockRange range;
        string? fault;
        var field = "pattern";
        switch (source.NumbersCase)
        {
            case V1.Block.NumbersOneofCase.Pattern:
                BlockPattern.TryParse(source.Pattern, source.DefaultRegion, out range, out written, out fault);
                break;
            case V1.Block.NumbersOneofCase.Range:
                field = "range";
                BlockPattern.TryParse(source.Range.First, source.Range.Last, source.DefaultRegion, out range, out written, out fault);
                break;
            default:
                written = default;
                faults.Add(new FieldFault(field, "Required: the numbers, as a pattern or a range."));
                return default;
        }

        if (fault is not null)
        {
            faults.Add(new FieldFault(field, fault));
        }
        else if (!source.WholeCountry && !isRemoval && BlockPattern.CoversCountry(range))
        {
            faults.Add(new FieldFault(field, BlockPattern.WholeCountry));
        }

        return range;
    }
}
