using Lookup.Core.Facts;
using Lookup.Redis;
using Lookup.Server.Access;
using Lookup.Server.Mapping;

namespace Lookup.Server.Services;

/// <summary>Checks, expands and stores batches of facts, and tells what became of each.</summary>
/// <param name="store">The store.</param>
/// <param name="expander">Checks and expands.</param>
/// <param name="clock">The clock.</param>
/// <param name="replica">The replica of this process, which is told at once; null where there is none.</param>
internal sealed class FactWriter(IFactStore store, FactExpander expander, TimeProvider clock, FilterReplica? replica = null)
{
    /// <summary>Stores a batch.</summary>
    /// <param name="facts">The facts.</param>
    /// <param name="import">The import that they belong to; null for none.</param>
    /// <param name="caller">Who records them: facts of organisations that are not granted are refused.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <returns>One result for each fact, in order, and the token.</returns>
    internal async Task<(FactOutcome[] Outcomes, string Token)> WriteAsync(
        IReadOnlyList<V1.Fact> facts, ImportSession? import, Caller caller, CancellationToken cancellation)
    {
        var outcomes = new FactOutcome[facts.Count];
        var ends = new int[facts.Count];
        var stored = new List<StoredFact>(facts.Count);
        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        for (var i = 0; i < facts.Count; i++)
        {
            List<FieldFault>? faults = null;
            var fact = FactMapping.Map(facts[i], ref faults);
            faults ??= [];
            if (!caller.May(FactOwner.Of(facts[i]), now))
            {
                faults.Add(new FieldFault(FactOwner.FieldOf(facts[i]), FactOwner.Of(facts[i]) == Scope.AllName
                    ? "The credential is not granted what concerns all (\"*\")."
                    : "The credential is not granted this organisation."));
            }

            var begin = stored.Count;
            // The number of the source is asked for only where the rest is in order; 0 is never stored.
            if (!expander.TryExpand(fact, 0, stored, faults) | faults.Count != 0)
            {
                stored.RemoveRange(begin, stored.Count - begin);
                outcomes[i] = new FactOutcome(V1.FactResult.Types.Outcome.Refused, faults);
            }
            else
            {
                var source = import is null
                    ? await store.SourceIdAsync(fact.Source, fact.Actor, cancellation)
                    : await import.SourceIdAsync(fact.Source, fact.Actor, cancellation);
                for (var k = begin; k < stored.Count; k++)
                {
                    stored[k] = stored[k] with { Entry = stored[k].Entry with { Source = source } };
                }
            }

            ends[i] = stored.Count;
        }

        var written = await store.WriteAsync(stored, cancellation);
        foreach (var fact in stored)
        {
            replica?.Add(fact.Key, fact.Id, written.Token);
        }

        var next = 0;
        for (var i = 0; i < outcomes.Length; i++)
        {
            if (outcomes[i].Outcome != V1.FactResult.Types.Outcome.Unspecified)
            {
                continue;
            }

            outcomes[i] = OutcomeOf(facts[i], written, next, ends[i]);
            next = ends[i];
        }

        return (outcomes, written.Token.ToString());
    }

    private static FactOutcome OutcomeOf(V1.Fact fact, WriteResult written, int from, int to)
    {
        var recorded = false;
        for (var k = from; k < to; k++)
        {
            if (written.Outcomes[k] == WriteOutcome.NameCollision)
            {
                return new FactOutcome(
                    V1.FactResult.Types.Outcome.Refused,
                    [new FieldFault(FactMapping.ScopeField(fact), "The name cannot be told apart from one in use; take another.")]);
            }

            recorded |= written.Outcomes[k] == WriteOutcome.Recorded;
        }

        return new FactOutcome(recorded ? V1.FactResult.Types.Outcome.Recorded : V1.FactResult.Types.Outcome.Unchanged, []);
    }
}

/// <summary>What became of one fact.</summary>
internal readonly record struct FactOutcome(V1.FactResult.Types.Outcome Outcome, IReadOnlyList<FieldFault> Faults)
{
    internal IEnumerable<V1.FieldError> Errors =>
        Faults.Select(fault => new V1.FieldError { Field = fault.Field, Description = fault.Description });
}
