using CsCheck;
using Lookup.Core;
using Lookup.Core.Facts;

namespace Lookup.Tests.Facts;

/// <summary>Random entries, in few enough values that instants, fields and sources collide often.</summary>
internal static class TimelineSamples
{
    public const long Noon = 1_767_265_200_000;

    public static readonly FactKind[] Kinds =
        [.. Enum.GetValues<FactKind>().Where(kind => kind != FactKind.None)];

    public static readonly Gen<FactKind> Kind = Gen.OneOf(Kinds);

    private static readonly Gen<long> Time = Gen.Frequency(
        (6, Gen.Int[0, 12].Select(hour => Noon + (hour * 3_600_000L))),
        (1, Gen.OneOf(0L, 1L, 1L << 47, (1L << 47) - 1)));

    private static readonly Gen<(uint, uint, bool)> Provenance =
        Gen.Select(Gen.UInt[0, 3], Gen.OneOf(Gen.UInt[0, 2], Gen.UInt), Gen.Bool);

    private static readonly Gen<(long, long, uint, long)> Terms = Gen.Select(
        Gen.OneOf(Gen.Const(FactEntry.Open), Time),
        Gen.OneOf(Gen.Const(0L), Time),
        Gen.OneOf(Gen.UInt[0, 3], Gen.UInt),
        Gen.OneOf(Gen.Const(0L), Time));

    private static readonly Gen<(FactMarks, byte, SubscriberType, ConsentForm)> Conditions = Gen.Select(
        Gen.Int[0, 63].Select(marks => (FactMarks)marks),
        Gen.Byte[0, 120],
        Gen.Int[0, 3].Select(type => (SubscriberType)type),
        Gen.Int[0, 4].Select(form => (ConsentForm)form));

    public static readonly Gen<FactEntry> Entry = Gen.Select(Time, Provenance, Terms, Conditions).Select(
        (effective, provenance, terms, conditions) => new FactEntry
        {
            Effective = effective,
            Recorded = provenance.Item1,
            Source = provenance.Item2,
            Withdrawn = provenance.Item3,
            Until = terms.Item1,
            Since = terms.Item2,
            Categories = terms.Item3,
            LastTransaction = terms.Item4,
            Marks = conditions.Item1,
            FirstContactMonths = conditions.Item2,
            Subscriber = conditions.Item3,
            Form = conditions.Item4,
        });

    public static byte[] Fold(FactKind kind, IEnumerable<FactEntry> entries) =>
        entries.Aggregate(Array.Empty<byte>(), (value, entry) => Timeline.Merge(kind, value, Timeline.Single(kind, entry)));

    public static FactEntry[] ReadAll(FactKind kind, byte[] value, out bool cut)
    {
        var entries = new FactEntry[Timeline.MaxEntries];
        var count = Timeline.Read(kind, value, entries, out cut);
        Assert.True(count > 0, "the value cannot be read");
        return entries[..count];
    }
}
