using System.Threading.Channels;
using Lookup.Core;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Core.Regimes;
using Lookup.Redis;
using Lookup.Redis.Imports;

namespace Lookup.Load.Numbers;

/// <summary>Fills an empty store by a first load, reading and writing side by side.</summary>
internal static class StoreFiller
{
    internal const string Source = "measurement";

    private const int Batch = 8_192;
    private const int BatchesOnTheWay = 4;

    /// <param name="options">The store.</param>
    /// <param name="cipher">The cipher with its key.</param>
    /// <param name="expected">How many facts there will be.</param>
    /// <param name="facts">The facts.</param>
    /// <param name="withDetail">Store evidence and reasons too. Checks never read them, and a first load takes several times longer with them.</param>
    /// <param name="ct">Breaks it off.</param>
    internal static async Task<FirstLoadResult> FillAsync(
        StoreOptions options, NumberCipher cipher, long expected, IEnumerable<Fact> facts, bool withDetail, CancellationToken ct)
    {
        await using var load = await FirstLoad.BeginAsync(
            options, new InitOptions { KeyCheck = cipher.KeyCheck, ExpectedFacts = expected }, TimeProvider.System, ct);
        var source = await load.Imports.SourceIdAsync(Source, "", "", ct);
        var batches = Channel.CreateBounded<List<StoredFact>>(BatchesOnTheWay);
        var reading = Task.Run(
            async () =>
            {
                try
                {
                    await ExpandAsync(facts, source, cipher, withDetail, batches.Writer, ct);
                    batches.Writer.Complete();
                }
                catch (Exception e)
                {
                    batches.Writer.Complete(e);
                }
            },
            CancellationToken.None);
        await foreach (var batch in batches.Reader.ReadAllAsync(ct))
        {
            await load.AddAsync(batch, ct);
        }

        await reading;
        return await load.PublishAsync(ct);
    }

    /// <summary>Length in bytes of what is stored of a fact, without its field's name.</summary>
    internal static int ValueLength(Fact fact, NumberCipher cipher)
    {
        var stored = new List<StoredFact>();
        new FactExpander(RegimeSet.BuiltIn, cipher, TimeProvider.System).TryExpand(fact, 1, stored, []);
        return Timeline.Single(stored[0].Id.Kind, stored[0].Entry).Length;
    }

    /// <summary>A consent with evidence for each number of a block from a place on.</summary>
    internal static IEnumerable<Fact> Consents(NumberBlock block, long count, string organisation)
    {
        var since = DateTimeOffset.UtcNow.AddMonths(-1);
        for (long i = 0; i < count; i++)
        {
            yield return new Fact
            {
                Number = block.Number(i),
                Kind = FactKind.Consent,
                Organisation = organisation,
                Purposes = [Purpose.Commercial],
                Source = Source,
                Since = since,
                Evidence = new Evidence("recording 4711"),
            };
        }
    }

    /// <summary>A registration for the numbers of a block at some places.</summary>
    internal static IEnumerable<Fact> Registrations(NumberBlock block, IEnumerable<long> places, string register)
    {
        var since = DateTimeOffset.UtcNow.AddYears(-1);
        return places.Select(place => new Fact
        {
            Number = block.Number(place),
            Kind = FactKind.Registration,
            Register = register,
            Source = Source,
            Since = since,
        });
    }

    private static async Task ExpandAsync(
        IEnumerable<Fact> facts, uint source, NumberCipher cipher, bool withDetail, ChannelWriter<List<StoredFact>> output, CancellationToken ct)
    {
        var expander = new FactExpander(RegimeSet.BuiltIn, cipher, TimeProvider.System);
        var faults = new List<FieldFault>();
        var batch = new List<StoredFact>(Batch);
        foreach (var fact in facts)
        {
            if (!expander.TryExpand(fact, source, batch, faults))
            {
                throw new InvalidDataException(faults[0].Description);
            }

            if (!withDetail)
            {
                batch[^1] = batch[^1] with { Detail = null };
            }

            if (batch.Count >= Batch)
            {
                await output.WriteAsync(batch, ct);
                batch = new List<StoredFact>(Batch);
            }
        }

        await output.WriteAsync(batch, ct);
    }
}
