using Lookup.Core;
using Lookup.Core.Decisions;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Core.Regimes;
using Lookup.Server.Errors;
using Lookup.Server.Mapping;

namespace Lookup.Cli.Regimes;

/// <summary>The outcome of a case.</summary>
/// <param name="Case">The case.</param>
/// <param name="Decision">The decision.</param>
/// <param name="Faults">Differences from the expectation, one sentence each.</param>
/// <param name="Why">The decision in words; empty if there are no differences.</param>
internal sealed record CaseResult(ExpectedCase Case, Decision Decision, IReadOnlyList<string> Faults, string Why);

/// <summary>Decides expected cases without a service or a store; expands facts as the service does.</summary>
internal sealed class CaseRun(RegimeSet regimes) : IDisposable
{
    // Not a real key: nothing is stored.
    private readonly NumberCipher _cipher = new(new byte[32]);

    /// <summary>Decides a case.</summary>
    /// <exception cref="CliException">The number, the question or a fact is invalid; names its place and field.</exception>
    public CaseResult Run(ExpectedCase expected)
    {
        var callTime = expected.CallTime.ToDateTimeOffset();
        List<FieldFault>? faults = null;
        var number = FieldFaults.Number(expected.Number, "", ref faults);
        var asked = QuestionMapping.Map(expected.Question, new V1.WhatIf { CallTime = expected.CallTime }, regimes, callTime.ToUnixTimeMilliseconds(), ref faults);
        ThrowIfAny(expected, "", faults);
        var facts = Expand(expected);
        var snapshots = new RegisterSnapshots(
            regimes, expected.Snapshots.ToDictionary(s => s.Key, s => new[] { s.Value.ToDateTimeOffset().ToUnixTimeMilliseconds() }));
        foreach (var register in expected.Snapshots.Keys.Where(name => !regimes.TryGetRegister(name, out _)))
        {
            throw new CliException($"{expected.Place}, snapshots.{register}: unknown register.");
        }

        Decision Decide(Layers layers, out Question question, out StoredValue[] values, out Rules? rules)
        {
            question = asked.Question with { Layers = layers };
            rules = regimes.Find(number, question.CallTime, question.Region);
            values = Place(rules, question, facts);
            return Decider.Decide(rules, question, values, snapshots);
        }

        var decision = Decide(Layers.Default, out var whole, out var bySlot, out var holding);
        var wrong = new List<string>();
        if ((V1.Verdict)decision.Verdict != expected.Verdict || (V1.ReasonCode)decision.Primary != expected.Reason)
        {
            wrong.Add($"expected {Name(expected.Verdict)} for {Name(expected.Reason)}, got {Name((V1.Verdict)decision.Verdict)} for {Name((V1.ReasonCode)decision.Primary)}");
        }

        if (expected.Regime.Length > 0 && decision.Rules?.Id != expected.Regime)
        {
            wrong.Add($"expected the row {expected.Regime}, got {decision.Rules?.Id ?? "none"}");
        }

        var layer = (V1.Layer)decision.ReasonAt(0).Text.Layer;
        if (expected.Layer is { } expectedLayer && layer != expectedLayer)
        {
            wrong.Add($"expected a reason of layer {Options.Words.Layers.WordFor(expectedLayer)}, got {Options.Words.Layers.WordFor(layer)}");
        }

        Compare("by law alone", expected.LawAlone, Layers.Law);
        Compare("with the stricter policies", expected.Strict, Layers.Default | Layers.Strict);
        return new CaseResult(expected, decision, wrong, wrong.Count == 0 ? "" : Decider.Explain(holding, whole, bySlot, snapshots).Text);

        void Compare(string how, V1.Verdict? verdict, Layers layers)
        {
            if (verdict is { } wanted && (V1.Verdict)Decide(layers, out _, out _, out _).Verdict is var got && got != wanted)
            {
                wrong.Add($"{how}: expected {Name(wanted)}, got {Name(got)}");
            }
        }
    }

    public void Dispose() => _cipher.Dispose();

    private Dictionary<FactId, byte[]> Expand(ExpectedCase expected)
    {
        var mapped = new List<Fact>();
        for (var i = 0; i < expected.Facts.Count; i++)
        {
            List<FieldFault>? faults = null;
            mapped.Add(FactMapping.Map(expected.Facts[i], ref faults));
            ThrowIfAny(expected, $"facts[{i}].", faults);
        }

        // Record the facts after every time that they state, as an import of history does.
        var recorded = mapped.SelectMany(fact => new[] { fact.Effective, fact.Since, fact.Until })
            .OfType<DateTimeOffset>()
            .Append(expected.CallTime.ToDateTimeOffset())
            .Max();
        var expander = new FactExpander(regimes, _cipher, new FixedTime(recorded.AddDays(1)));
        var values = new Dictionary<FactId, byte[]>();
        for (var i = 0; i < mapped.Count; i++)
        {
            var stored = new List<StoredFact>();
            var faults = new List<FieldFault>();
            expander.TryExpand(mapped[i], 0, stored, faults);
            ThrowIfAny(expected, $"facts[{i}].", faults.Count > 0 ? faults : null);
            foreach (var fact in stored)
            {
                var single = Timeline.Single(fact.Id.Kind, fact.Entry);
                values[fact.Id] = values.TryGetValue(fact.Id, out var before) ? Timeline.Merge(fact.Id.Kind, before, single) : single;
            }
        }

        return values;
    }

    private static StoredValue[] Place(Rules? rules, in Question question, Dictionary<FactId, byte[]> facts)
    {
        var bySlot = new StoredValue[Decider.Slots];
        if (rules is null)
        {
            return bySlot;
        }

        var ids = new FactId[Decider.Slots];
        var slots = new byte[Decider.Slots];
        var count = Decider.Plan(rules, question, ids, slots);
        for (var i = 0; i < count; i++)
        {
            bySlot[slots[i]] = facts.GetValueOrDefault(ids[i]);
        }

        return bySlot;
    }

    private static void ThrowIfAny(ExpectedCase expected, string prefix, List<FieldFault>? faults)
    {
        if (faults is not null)
        {
            throw new CliException($"{expected.Place}, {string.Join("; ", faults.Select(fault => $"{prefix}{fault.Field}: {fault.Description.TrimEnd('.')}"))}.");
        }
    }

    private static string Name(V1.Verdict verdict) => Options.Words.Verdicts.WordFor(verdict).ToUpperInvariant();

    private static string Name(V1.ReasonCode reason) => Options.Words.Reasons.WordFor(reason).ToUpperInvariant();

    private sealed class FixedTime(DateTimeOffset now) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => now;
    }
}
