using Lookup.Core;
using Lookup.Core.Access;
using Lookup.Core.Facts;
using Lookup.Redis;
using Lookup.Redis.Following;
using Lookup.Redis.Imports;
using Lookup.Redis.Writing;
using Lookup.Server.Access;
using Lookup.Server.Mapping;
using Lookup.Server.Reading;
using Lookup.Server.Store;
using Lookup.Server.Telemetry;

namespace Lookup.Server.Facts;

/// <summary>Validates, expands and stores batches of facts, and returns the outcome of each.</summary>
/// <param name="store">Stores the facts.</param>
/// <param name="names">Has the names of organisations with facts.</param>
/// <param name="imports">Assigns the numbers of sources.</param>
/// <param name="order">Places facts without a time.</param>
/// <param name="expander">Validates and expands facts.</param>
/// <param name="clock">The clock.</param>
/// <param name="replica">The replica of this process, updated before the call returns; null for none.</param>
/// <param name="options">Has the limit of new sources; null for no limit.</param>
/// <param name="registry">The records of organisations; null if only facts define organisations.</param>
/// <param name="metrics">Counts the facts; null for none.</param>
internal sealed class FactWriter(
    IFactWriter store,
    INameStore names,
    IImportStore imports,
    RecordingOrder order,
    FactExpander expander,
    TimeProvider clock,
    FilterReplica? replica = null,
    LookupServerOptions? options = null,
    RegistryReplica? registry = null,
    FactMetrics? metrics = null)
{
    /// <summary>Stores a batch.</summary>
    /// <param name="facts">The facts.</param>
    /// <param name="import">Their import, or null.</param>
    /// <param name="caller">The caller; facts of organisations without a grant are rejected.</param>
    /// <param name="cancellation">Cancels the wait.</param>
    /// <returns>One outcome per fact, in order, and the consistency token.</returns>
    internal async Task<(FactOutcome[] Outcomes, string Token)> WriteAsync(
        IReadOnlyList<V1.Fact> facts, ImportSession? import, Caller caller, CancellationToken cancellation)
    {
        var outcomes = new FactOutcome[facts.Count];
        var warnings = new List<FieldFault>?[facts.Count];
        var ends = new int[facts.Count];
        var stored = new List<StoredFact>(facts.Count);
        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        var checks = new WriteChecks(names, imports, registry, options, import, caller, now);
        var announced = 0;
        for (var i = 0; i < facts.Count; i++)
        {
            List<FieldFault>? faults = null;
            var fact = FactMapping.Map(facts[i], ref faults);
            faults ??= [];
            checks.CheckGrant(FactOwner.Of(facts[i]), FactOwner.FieldOf(facts[i]), faults);
            var begin = stored.Count;
            // Requests the id of the source only if the fact is otherwise valid; 0 is never stored.
            if (expander.TryExpand(fact, 0, stored, faults) & faults.Count == 0
                && await checks.SourceIdAsync(fact.Source, fact.Actor, Forbids(fact), faults, cancellation) is { } source)
            {
                announced++;
                warnings[i] = expander.Warnings(fact);
                if (await checks.SpellingAsync(fact.Organisation, FactOwner.FieldOf(facts[i]), cancellation) is { } misspelt)
                {
                    (warnings[i] ??= []).Add(misspelt);
                }

                var statesTime = fact.StatesTime;
                for (var k = begin; k < stored.Count; k++)
                {
                    var one = stored[k] with { Entry = stored[k].Entry with { Source = source } };
                    stored[k] = await order.PlaceAsync(one, statesTime, cancellation);
                }
            }
            else
            {
                stored.RemoveRange(begin, stored.Count - begin);
                outcomes[i] = new FactOutcome(V1.FactResult.Types.Outcome.Refused, faults);
            }

            ends[i] = stored.Count;
        }

        if (import is not null && announced > 0)
        {
            await import.AnnounceAsync(announced, cancellation);
        }

        var written = await store.WriteAsync(stored, cancellation);
        foreach (var fact in stored)
        {
            replica?.Add(fact.Key, fact.Id, written.Token);
        }

        var next = 0;
        for (var i = 0; i < outcomes.Length; i++)
        {
            if (outcomes[i] is null)
            {
                outcomes[i] = await OutcomeAsync(facts[i], stored, written, next, ends[i], caller, cancellation) with { Warnings = warnings[i] ?? [] };
                next = ends[i];
            }

            metrics?.Count(facts[i], outcomes[i].Outcome);
        }

        return (outcomes, written.Token.ToString());
    }

    private static bool Forbids(Fact fact) => fact.Kind switch
    {
        FactKind.Objection or FactKind.Refusal or FactKind.Registration or FactKind.Attempt or FactKind.Reassignment => !fact.Withdrawn,
        _ => fact.Withdrawn,
    };

    // Only administrators learn the other name: a credential for one organisation must not discover others.
    private async ValueTask<FactOutcome> OutcomeAsync(
        V1.Fact fact, List<StoredFact> stored, WriteResult written, int from, int to, Caller caller, CancellationToken cancellation)
    {
        var recorded = false;
        for (var k = from; k < to; k++)
        {
            if (written.Outcomes[k] == WriteOutcome.NameCollision)
            {
                var other = caller.Has(Roles.Admin) ? await names.NameAsync(stored[k].Id.Scope, cancellation) : null;
                return new FactOutcome(
                    V1.FactResult.Types.Outcome.Refused,
                    [new FieldFault(FactMapping.ScopeField(fact), ScopeNames.Collision(stored[k].ScopeName, other))]);
            }

            recorded |= written.Outcomes[k] == WriteOutcome.Recorded;
        }

        return new FactOutcome(recorded ? V1.FactResult.Types.Outcome.Recorded : V1.FactResult.Types.Outcome.Unchanged, []);
    }
}

/// <summary>The outcome of one fact.</summary>
internal sealed record FactOutcome(V1.FactResult.Types.Outcome Outcome, IReadOnlyList<FieldFault> Faults)
{
    /// <summary>Possible mistakes in a recorded fact.</summary>
    internal IReadOnlyList<FieldFault> Warnings { get; init; } = [];

    internal IEnumerable<V1.FieldError> Errors => ToProto(Faults);

    /// <summary>Returns the distinct warnings of a batch, each with the number of facts and the first of them.</summary>
    internal static IEnumerable<V1.ImportWarning> Summarise(IReadOnlyList<FactOutcome> outcomes) => outcomes
        .SelectMany((outcome, i) => outcome.Outcome == V1.FactResult.Types.Outcome.Refused ? [] : outcome.Warnings.Select(warning => (warning, i)))
        .GroupBy(pair => pair.warning)
        .Select(group => new V1.ImportWarning
        {
            Warning = ToProto([group.Key]).Single(),
            Count = (uint)group.Count(),
            FirstIndex = (uint)group.First().i,
        });

    internal static IEnumerable<V1.FieldError> ToProto(IEnumerable<FieldFault> faults) =>
        faults.Select(fault => new V1.FieldError { Field = fault.Field, Description = fault.Description });
}
