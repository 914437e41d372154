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
    // Source of restricting facts once the limit is reached: they must not be lost.
    private const string ManySources = "(more new sources than a day may have)";

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
        var organisations = new Dictionary<string, bool>(StringComparer.Ordinal);
        var ends = new int[facts.Count];
        var stored = new List<StoredFact>(facts.Count);
        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        var budget = options is { MaxNewSourcesPerDay: > 0 } limited ? new SourceBudget(caller.Id, limited.MaxNewSourcesPerDay) : null;
        var announced = 0;
        for (var i = 0; i < facts.Count; i++)
        {
            List<FieldFault>? faults = null;
            var fact = FactMapping.Map(facts[i], ref faults);
            faults ??= [];
            if (!caller.May(FactOwner.Of(facts[i]), now))
            {
                faults.Add(new FieldFault(FactOwner.FieldOf(facts[i]), FactOwner.Of(facts[i]) == Scope.AllName
                    ? "The credential has no grant for facts that concern all organisations (\"*\")."
                    : "The credential has no grant for this organisation."));
            }

            var begin = stored.Count;
            // Requests the id of the source only if the fact is otherwise valid; 0 is never stored.
            if (expander.TryExpand(fact, 0, stored, faults) & faults.Count == 0
                && await SourceIdAsync(fact, import, budget, faults, cancellation) is { } source)
            {
                announced++;
                warnings[i] = expander.Warnings(fact);
                if (await IsUnknownAsync(fact, organisations, cancellation))
                {
                    (warnings[i] ??= []).Add(new FieldFault(
                        FactOwner.FieldOf(facts[i]), "No organisation of this name has a record or a fact yet; check the spelling."));
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

    // An objection to a misspelt name would never be found by a check.
    private async ValueTask<bool> IsUnknownAsync(Fact fact, Dictionary<string, bool> asked, CancellationToken cancellation)
    {
        var name = fact.Organisation;
        if (name.Length == 0 || name == Scope.AllName)
        {
            return false;
        }

        if (!asked.TryGetValue(name, out var isUnknown))
        {
            try
            {
                isUnknown = !await names.IsKnownAsync(Scope.FromName(name), cancellation)
                    && (registry is null || (await registry.CurrentAsync(cancellation)).Find(name) is null);
            }
            catch (StoreUnavailableException)
            {
                // Only a warning is lost.
            }

            asked.Add(name, isUnknown);
        }

        return isUnknown;
    }

    // Returns null if the limit is reached, with a fault added.
    private async ValueTask<uint?> SourceIdAsync(
        Fact fact, ImportSession? import, SourceBudget? budget, List<FieldFault> faults, CancellationToken cancellation)
    {
        try
        {
            return await AskAsync(fact.Source, fact.Actor, budget);
        }
        catch (TooManySourcesException e)
        {
            if (Forbids(fact))
            {
                return await AskAsync(ManySources, budget!.Credential, null);
            }

            faults.Add(new FieldFault("source", e.Message + " A source names a system or a person, not an event; put details of the event in reason."));
            return null;
        }

        ValueTask<uint> AskAsync(string source, string actor, SourceBudget? budget) => import is null
            ? imports.SourceIdAsync(source, actor, "", budget, cancellation)
            : import.SourceIdAsync(source, actor, budget, cancellation);
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
