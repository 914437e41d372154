using CsCheck;
using Lookup.Core;
using Lookup.Core.Facts;
using Lookup.Redis.Writing;

namespace Lookup.StoreTests;

/// <summary>What a timeline is without an import, in memory: as many histories as the machine allows.</summary>
public sealed class RevertPropertyTests
{
    private const long Iterations = 5_000;

    // Odd: imports. Even: others.
    private const uint A = 1;
    private static readonly uint[] Sources = [A, 3, 5, 2, 4];

    private static readonly FactKind[] Kinds = [.. Enum.GetValues<FactKind>().Where(kind => kind != FactKind.None)];

    private static readonly Gen<FactEntry> Entry = Gen.Select(
        Gen.Select(Gen.Long[0, 5], Gen.UInt[0, 3], Gen.Int[0, 4], Gen.Bool),
        Gen.Select(Gen.OneOf(Gen.Const(FactEntry.Open), Gen.Long[5, 8]), Gen.Long[0, 3], Gen.UInt[0, 3]),
        Gen.Select(Gen.Int[0, 63], Gen.Byte[0, 3], Gen.Int[0, 3])).Select((common, terms, more) => new FactEntry
        {
            Effective = common.Item1,
            Recorded = common.Item2,
            Source = Sources[common.Item3],
            Withdrawn = common.Item4,
            Until = terms.Item1,
            Since = terms.Item2,
            Categories = terms.Item3,
            Marks = (FactMarks)more.Item1,
            FirstContactMonths = more.Item2,
            Subscriber = (SubscriberType)more.Item3,
        });

    [Fact]
    public void Revert_AnyHistory_IsTheHistoryWithoutTheImport() =>
        Gen.Select(Gen.Int[0, Kinds.Length - 1], Entry.Array[0, 14], Entry.Array[0, 6]).Sample((kind, before, after) =>
        {
            var later = after.Where(entry => entry.Source != A).ToArray();
            var with = new Held(Kinds[kind], [.. before]);
            with.Revert(A);
            with.Write(later);
            var without = new Held(Kinds[kind], [.. before.Where(entry => entry.Source != A), .. later]);
            Assert.Equal(without.ToString(), with.ToString());
        }, iter: Iterations);

    [Fact]
    public void Revert_Again_ChangesNothing() =>
        Gen.Select(Gen.Int[0, Kinds.Length - 1], Entry.Array[0, 14]).Sample((kind, entries) =>
        {
            var held = new Held(Kinds[kind], entries);
            held.Revert(A);
            var once = held.ToString();
            Assert.Empty(held.Revert(A).Steps);
            Assert.Equal(once, held.ToString());
        }, iter: Iterations);

    [Fact]
    public void Write_AnyOrder_KeepsTheSameClaims() =>
        Gen.Select(Gen.Int[0, Kinds.Length - 1], Entry.Array[0, 14], Gen.Int).Sample((kind, entries, seed) =>
        {
            var shuffled = entries.Concat(entries.Take(3)).ToArray();
            new Random(seed).Shuffle(shuffled);
            Assert.Equal(new Held(Kinds[kind], entries).ToString(), new Held(Kinds[kind], shuffled).ToString());
        }, iter: Iterations);

    // A history that was cut: what only the import said stays where it forbids, and nothing is permitted that was not.
    [Fact]
    public void Revert_CutHistory_PermitsNothingMore() =>
        Gen.Select(Gen.Int[0, Kinds.Length - 1], Entry.Array[12, 30], Gen.Long[0, 30]).Sample((kind, entries, at) =>
        {
            var spread = entries.Select((entry, i) => entry with { Effective = i % 12 }).ToArray();
            var held = new Held(Kinds[kind], spread);
            var before = Timeline.TryAsOf(Kinds[kind], held.Value, at, out var old);
            var revert = held.Revert(A);
            var after = Timeline.TryAsOf(Kinds[kind], held.Value, at, out var now);
            Assert.Equal(before, after);
            Assert.DoesNotContain(revert.Steps, step => step.Step == RevertStep.Gone);
            if (before == AsOf.Found && !old.Shared && old.Withdrawn != now.Withdrawn)
            {
                Assert.Equal(Kinds[kind] is not (FactKind.Registration or FactKind.Objection or FactKind.Attempt or FactKind.Refusal or FactKind.Reassignment), now.Withdrawn);
            }
        }, iter: Iterations);

    [Fact]
    public void Claims_MoreThanAreKeptApart_StayWhenAnyOfThemIsReverted()
    {
        var entries = Enumerable.Range(0, 40).Select(i => new FactEntry { Effective = 1, Recorded = (uint)i, Source = (uint)((2 * i) + 1) }).ToArray();
        var held = new Held(FactKind.Objection, entries);
        foreach (var entry in entries)
        {
            held.Revert(entry.Source);
        }

        // Those beyond the limit cannot be told apart, so the objection stays.
        Assert.True(Timeline.TryAt(FactKind.Objection, held.Value, 1, out var left));
        Assert.Equal(FactSource.Others, left.Source);
    }

    /// <summary>A timeline and its claims as the store holds them.</summary>
    private sealed class Held
    {
        private readonly FactKind _kind;
        private readonly Dictionary<long, byte[]> _claims = [];

        internal Held(FactKind kind, IEnumerable<FactEntry> entries)
        {
            _kind = kind;
            Write(entries);
        }

        internal byte[] Value { get; private set; } = [];

        public override string ToString() => Convert.ToHexString(Value)
            + string.Concat(_claims.OrderBy(claim => claim.Key).Select(claim => $" {claim.Key}:{Convert.ToHexString(claim.Value)}"));

        internal void Write(IEnumerable<FactEntry> entries)
        {
            foreach (var entry in entries)
            {
                var pending = new PendingTimeline(default, new FactId(_kind, 0, 1));
                pending.Add(0, new StoredFact(default, new FactId(_kind, 0, 1), entry, "", null));
                pending.Merge();
                if (Value.Length > 0
                    && !pending.MergeWith(Value, pending.ClaimsNeeded(Value).Where(_claims.ContainsKey).ToDictionary(at => at, at => _claims[at]), new Dictionary<long, string>()))
                {
                    continue;
                }

                Value = pending.Value;
                foreach (var claim in pending.Claims)
                {
                    Assert.Equal(_claims.GetValueOrDefault(claim.Effective) ?? [], claim.Before);
                    _claims[claim.Effective] = claim.After;
                }
            }
        }

        internal TimelineRevert Revert(uint source)
        {
            if (Value.Length == 0)
            {
                return TimelineRevert.Compute(_kind, Timeline.Single(_kind, new FactEntry { Source = source + 1 }), _claims, new HashSet<uint>());
            }

            var revert = TimelineRevert.Compute(_kind, Value, _claims, new HashSet<uint> { source });
            Value = revert.Value;
            foreach (var claim in revert.Claims)
            {
                if (claim.After.Length == 0 || claim.Last)
                {
                    _claims.Remove(claim.Effective);
                }
                else
                {
                    _claims[claim.Effective] = claim.After;
                }
            }

            return revert;
        }
    }
}
