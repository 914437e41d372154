using Lookup.Core;
using Lookup.Core.Facts;

namespace Lookup.Tests.Decisions;

/// <summary>Terms that run from the last transaction of a relation: 18 months in the United States.</summary>
public sealed class LastTransactionTests
{
    private const string Us = "+12125550123";

    [Theory]
    [InlineData("2025-03-11T14:00:00-04:00", null, null, Verdict.Deny)]
    [InlineData("2025-03-11T14:00:00-04:00", null, "2023-09-11", Verdict.Allow)]
    [InlineData("2025-03-12T14:00:00-04:00", null, "2023-09-11", Verdict.Deny)]
    // Counts from the transaction though the relation ended later.
    [InlineData("2025-03-12T14:00:00-04:00", "2024-01-01", "2023-09-11", Verdict.Deny)]
    [InlineData("2025-03-12T14:00:00-04:00", "2024-01-01", null, Verdict.Allow)]
    // A call time before the transaction does not know it.
    [InlineData("2025-03-11T14:00:00-04:00", null, "2025-06-01", Verdict.Deny)]
    public void Term_OfARelation_RunsFromTheLastTransaction(string call, string? until, string? last, Verdict verdict)
    {
        var situation = new Situation(Us, call) { Group = "energy" }.Registered("us-dnc", "2010-01-01").Record(
            FactKind.Relation,
            (byte)RelationKind.Customer,
            Scope.FromName("o", "energy"),
            new FactEntry
            {
                Effective = Situation.At("2020-01-01"),
                Until = until is null ? FactEntry.Open : Situation.At(until + "T05:00:00Z"),
                LastTransaction = last is null ? 0 : Situation.At(last + "T12:00:00Z"),
            });
        Assert.Equal(verdict, situation.Decide().Verdict);
    }

    // What a version that knows no last transaction makes of it: a field that a relation cannot have, so the value cannot be read.
    [Fact]
    public void StoredRelation_WithALastTransaction_HasAFieldThatEarlierVersionsRefuse()
    {
        var relation = new FactEntry { Effective = Situation.At("2020-01-01") };
        var plain = Timeline.Single(FactKind.Relation, relation);
        var dated = Timeline.Single(FactKind.Relation, relation with { LastTransaction = Situation.At("2024-01-01") });
        Assert.Equal(0, plain[1] & 8);
        Assert.Equal(8, dated[1] & 8);
        Assert.Equal(plain.Length + 6, dated.Length);
        Assert.Equal(plain, Timeline.Single(FactKind.Relation, relation with { LastTransaction = relation.Effective }));
    }
}
