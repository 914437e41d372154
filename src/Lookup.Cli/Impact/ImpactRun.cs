using Lookup.Cli.Hosting;
using Lookup.Cli.Lists;
using Lookup.Core.Decisions;
using Lookup.Core.Numbers;
using Lookup.Core.Regimes;
using Lookup.Redis;
using Lookup.Server.Mapping;
using Lookup.Server.Reading;
using Lookup.Server.Shadow;
using Lookup.Server.Store;

namespace Lookup.Cli.Impact;

/// <summary>Decides a list under two versions of the rules, chunk by chunk; memory does not depend on its length.</summary>
internal sealed class ImpactRun(OpenStore store, RegimeSet from, RegimeSet to, ImpactTally tally, TimeProvider clock)
{
    // A healthy store answers a chunk in milliseconds.
    private static readonly TimeSpan ReadLimit = TimeSpan.FromSeconds(30);

    /// <summary>Decides every line on facts read from the store, as a check with --exact does.</summary>
    /// <exception cref="StoreUnavailableException">The store could not answer for every number.</exception>
    public async Task RunAsync(AskedQuestion asked, ListReader reader, ListLayout layout, CancellationToken ct)
    {
        var registry = new RegistrySnapshot(await store.Store.Registry.ReadAsync(ct), from, readAt: 0);
        var (question, registers, toRegisters) = (asked.Resolve(registry, isKnown: true), registry.Registers, registry.Registers.For(to));
        var batch = new VersionBatch(from, to, new ScopeNames(store.Store.Names));
        var chunk = new ListChunk();
        var lines = new ImpactExample[ListChunk.MaxRecords];
        while (reader.Read(chunk, ct))
        {
            batch.Clear();
            chunk.ReadNumbers(layout);
            for (var i = 0; i < chunk.Count; i++)
            {
                var line = new ImpactExample(chunk.FirstLine + chunk.Records[i].Line, chunk.Numbers[i]);
                if (chunk.Records[i].Fault == ListFault.None)
                {
                    lines[batch.Count] = line;
                    var number = new PhoneNumber(line.Number);
                    batch.Add(number, store.Cipher.Encrypt(number), null, question, registers, toRegisters);
                }
                else
                {
                    tally.Add(line, chunk.Records[i].Fault);
                }
            }

            tally.Blank += chunk.Blank;
            await CompareAsync(batch, lines, ct);
        }
    }

    private async Task CompareAsync(VersionBatch batch, ImpactExample[] lines, CancellationToken ct)
    {
        var freshness = new ReadFreshness(clock.GetTimestamp(), IsDemanding: true, clock, BoundMs: 0);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(ReadLimit);
        try
        {
            await batch.ReadAsync(store.Store.Reader, store.Store.Manifest.Partitions, freshness, limit.Token);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            throw new StoreUnavailableException(StoreFault.Timeout, "The store did not answer in time.");
        }

        for (var i = 0; i < batch.Count; i++)
        {
            if (batch.Fault(i, freshness) is { } fault)
            {
                // Fail rather than show an incomplete table.
                throw fault;
            }

            var (now, then) = batch.Decide(i, Decider.Decide);
            tally.Add(lines[i], now, then);
        }
    }
}
