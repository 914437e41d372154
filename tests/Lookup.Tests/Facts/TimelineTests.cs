using CsCheck;
using Lookup.Core;
using Lookup.Core.Facts;
using static Lookup.Tests.Facts.TimelineSamples;

namespace Lookup.Tests.Facts;

public class TimelineTests
{
    private const long Hour = 3_600_000;

    private static FactEntry At(int hour) => new() { Effective = Noon + (hour * Hour), Recorded = 1_767_265_200, Source = 300 };

    [Fact]
    public void Single_Objection_TakesFifteenBytesAtMost()
    {
        Assert.InRange(Timeline.Single(FactKind.Objection, At(0)).Length, 1, 15);
        Assert.Equal(13, Timeline.Single(FactKind.Objection, At(0) with { Source = 127 }).Length);
    }

    // The bytes are stored: a change here needs a new format version.
    [Fact]
    public void Single_KnownFacts_HasTheStoredBytes()
    {
        var entry = new FactEntry { Effective = 0x0102030405, Recorded = 0x0A0B0C0D, Source = 300, Withdrawn = true };
        Assert.Equal("110100010203040" + "50A0B0C0DAC02", Convert.ToHexString(Timeline.Single(FactKind.Objection, entry)));

        var relation = entry with { Withdrawn = false, Until = 2, Since = 1, Marks = FactMarks.OptOutOffered };
        Assert.Equal(
            "1116000102030405" + "0A0B0C0D" + "AC02" + "000000000002" + "000000000001" + "10",
            Convert.ToHexString(Timeline.Single(FactKind.Relation, relation)));

        var consent = entry with { Withdrawn = false, Marks = FactMarks.Evidence, FirstContactMonths = 6 };
        Assert.Equal("1130000102030405" + "0A0B0C0D" + "AC02" + "01" + "06", Convert.ToHexString(Timeline.Single(FactKind.Consent, consent)));

        var appointment = consent with { FirstContactMonths = 0, Form = ConsentForm.Appointment, Since = 0x0102030406 };
        Assert.Equal(
            "1154000102030405" + "0A0B0C0D" + "AC02" + "000102030406" + "01" + "04",
            Convert.ToHexString(Timeline.Single(FactKind.Consent, appointment)));

        var registration = entry with { Withdrawn = false, Categories = 0x81 };
        Assert.Equal("1108000102030405" + "0A0B0C0D" + "AC02" + "8101", Convert.ToHexString(Timeline.Single(FactKind.Registration, registration)));

        var subscriber = entry with { Withdrawn = false, Subscriber = SubscriberType.LegalPerson };
        Assert.Equal("1140000102030405" + "0A0B0C0D" + "AC02" + "03", Convert.ToHexString(Timeline.Single(FactKind.Subscriber, subscriber)));
    }

    [Fact]
    public void Single_AnyEntry_ReadsBackWithWhatBelongsToItsKind() =>
        Gen.Select(Kind, Entry).Sample((kind, entry) =>
        {
            var read = Assert.Single(ReadAll(kind, Timeline.Single(kind, entry), out var cut));
            Assert.False(cut);
            var expected = new FactEntry
            {
                Effective = entry.Effective,
                Recorded = entry.Recorded,
                Source = entry.Source,
                Withdrawn = entry.Withdrawn,
                Until = kind is FactKind.Consent or FactKind.Relation or FactKind.Attempt ? entry.Until : FactEntry.Open,
                Since = (kind is FactKind.Relation || (kind is FactKind.Consent && entry.Form == ConsentForm.Appointment)) && entry.Since != entry.Effective ? entry.Since : 0,
                Form = kind is FactKind.Consent ? entry.Form : ConsentForm.Unspecified,
                LastTransaction = kind is FactKind.Relation && entry.LastTransaction > entry.Start ? entry.LastTransaction : 0,
                Categories = kind is FactKind.Registration ? entry.Categories : 0,
                Marks = kind is FactKind.Consent or FactKind.Relation ? entry.Marks & ~FactMarks.Snapshot : kind is FactKind.Registration ? entry.Marks & FactMarks.Snapshot : 0,
                FirstContactMonths = kind is FactKind.Consent ? entry.FirstContactMonths : (byte)0,
                Subscriber = kind is FactKind.Subscriber ? entry.Subscriber : SubscriberType.Unknown,
            };
            Assert.Equal(expected, read);
        });

    [Theory]
    [InlineData(FactKind.None)]
    [InlineData((FactKind)15)]
    public void Single_NoKind_Throws(FactKind kind) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => Timeline.Single(kind, At(0)));

    [Fact]
    public void Single_FieldOutOfRange_Throws()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => Timeline.Single(FactKind.Objection, new FactEntry { Effective = -1 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => Timeline.Single(FactKind.Consent, new FactEntry { Until = (1L << 47) + 1 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => Timeline.Single(FactKind.Consent, new FactEntry { FirstContactMonths = 121 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => Timeline.Single(FactKind.Consent, new FactEntry { Marks = (FactMarks)64 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => Timeline.Single(FactKind.Subscriber, new FactEntry { Subscriber = (SubscriberType)4 }));
    }

    [Fact]
    public void Single_LargestEntriesMerged_FitsMaxSize()
    {
        var large = new FactEntry
        {
            Recorded = uint.MaxValue,
            Source = uint.MaxValue,
            Until = 1L << 47,
            Since = 1,
            Marks = (FactMarks)31,
            Withdrawn = true,
        };
        var value = Fold(FactKind.Relation, Enumerable.Range(0, 8).Select(i => large with { Effective = (1L << 46) + i }));
        Assert.InRange(value.Length, 8 * 28, Timeline.MaxSize);
    }

    [Fact]
    public void TryAsOf_BeforeAtAndAfterAnEntry_IsHalfOpen()
    {
        var value = Fold(FactKind.Objection, [At(0), At(2) with { Withdrawn = true }]);
        Assert.Equal(AsOf.Absent, Timeline.TryAsOf(FactKind.Objection, value, Noon - 1, out _));
        Assert.Equal(AsOf.Found, Timeline.TryAsOf(FactKind.Objection, value, Noon, out var entry));
        Assert.False(entry.Withdrawn);
        Assert.Equal(AsOf.Found, Timeline.TryAsOf(FactKind.Objection, value, Noon + (2 * Hour) - 1, out entry));
        Assert.False(entry.Withdrawn);
        Assert.Equal(AsOf.Found, Timeline.TryAsOf(FactKind.Objection, value, Noon + (2 * Hour), out entry));
        Assert.True(entry.Withdrawn);
    }

    [Fact]
    public void TryAsOf_NineVersions_IsCutOnlyBetweenTheOldestAndTheNewestSeven()
    {
        var value = Fold(FactKind.Attempt, Enumerable.Range(0, 9).Select(At));
        Assert.Equal(AsOf.Absent, Timeline.TryAsOf(FactKind.Attempt, value, Noon - 1, out _));
        Assert.Equal(AsOf.Cut, Timeline.TryAsOf(FactKind.Attempt, value, Noon, out var entry));
        Assert.Equal(default, entry);
        Assert.Equal(AsOf.Cut, Timeline.TryAsOf(FactKind.Attempt, value, Noon + (2 * Hour) - 1, out _));
        Assert.Equal(AsOf.Found, Timeline.TryAsOf(FactKind.Attempt, value, Noon + (2 * Hour), out entry));
        Assert.Equal(Noon + (2 * Hour), entry.Effective);
        Assert.Equal(AsOf.Found, Timeline.TryAsOf(FactKind.Attempt, value, long.MaxValue, out entry));
        Assert.Equal(Noon + (8 * Hour), entry.Effective);
    }

    [Fact]
    public void TryAsOf_EmptyValue_IsUnreadable() =>
        Assert.Equal(AsOf.Unreadable, Timeline.TryAsOf(FactKind.Objection, [], Noon, out _));

    [Fact]
    public void TryAsOf_OtherVersionOrKind_IsUnreadable()
    {
        var value = Timeline.Single(FactKind.Registration, At(0) with { Categories = 5 });
        Assert.Equal(AsOf.Unreadable, Timeline.TryAsOf(FactKind.Objection, value, Noon, out _));
        Assert.Equal(AsOf.Unreadable, Timeline.TryAsOf(FactKind.None, value, Noon, out _));
        for (var version = 0; version < 8; version++)
        {
            value[0] = (byte)((value[0] & 0x8F) | (version << 4));
            Assert.Equal(version == 1 ? AsOf.Found : AsOf.Unreadable, Timeline.TryAsOf(FactKind.Registration, value, Noon, out _));
        }
    }

    // One change each to a value that is fine.
    [Theory]
    [InlineData(FactKind.Objection, "11 00 000000000005 00000000 00", true)]
    [InlineData(FactKind.Objection, "10", false)]
    [InlineData(FactKind.Objection, "91 00 000000000005 00000000 00", false)]
    [InlineData(FactKind.Objection, "11 80 000000000005 00000000 00", true)]
    [InlineData(FactKind.Objection, "11 00 000000000005 00000000 8000", false)]
    [InlineData(FactKind.Objection, "11 00 000000000005 00000000 FFFFFFFF0F", true)]
    [InlineData(FactKind.Objection, "11 00 000000000005 00000000 FFFFFFFF1F", false)]
    [InlineData(FactKind.Objection, "11 00 000000000005 00000000 FFFFFFFFFF00", false)]
    [InlineData(FactKind.Objection, "11 00 800000000000 00000000 00", true)]
    [InlineData(FactKind.Objection, "11 00 800000000001 00000000 00", false)]
    [InlineData(FactKind.Objection, "12 00 000000000005 00000000 00 00 000000000004 00000000 00", true)]
    [InlineData(FactKind.Objection, "12 00 000000000005 00000000 00 00 000000000005 00000000 00", false)]
    [InlineData(FactKind.Objection, "12 00 000000000005 00000000 00 00 000000000006 00000000 00", false)]
    [InlineData(FactKind.Registration, "11 08 000000000005 00000000 00 01", true)]
    [InlineData(FactKind.Registration, "11 08 000000000005 00000000 00 00", false)]
    [InlineData(FactKind.Relation, "11 04 000000000005 00000000 00 000000000004", true)]
    [InlineData(FactKind.Relation, "11 04 000000000005 00000000 00 000000000005", false)]
    [InlineData(FactKind.Consent, "11 10 000000000005 00000000 00 1F", true)]
    [InlineData(FactKind.Consent, "11 10 000000000005 00000000 00 20", false)]
    [InlineData(FactKind.Consent, "11 20 000000000005 00000000 00 78", true)]
    [InlineData(FactKind.Consent, "11 20 000000000005 00000000 00 79", false)]
    [InlineData(FactKind.Subscriber, "11 40 000000000005 00000000 00 03", true)]
    [InlineData(FactKind.Subscriber, "11 40 000000000005 00000000 00 04", false)]
    public void Read_BytesThatTheWriterWouldNotWrite_AreUnreadable(FactKind kind, string hex, bool readable)
    {
        var value = Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal));
        var entries = new FactEntry[Timeline.MaxEntries];
        Assert.Equal(readable, Timeline.Read(kind, value, entries, out _) > 0);
        Assert.Equal(readable ? AsOf.Found : AsOf.Unreadable, Timeline.TryAsOf(kind, value, long.MaxValue, out _));
    }

    // Whatever a reader accepts is what the writer would have written: equal bytes are equal facts.
    [Fact]
    public void Read_DamagedValue_IsUnreadableOrCanonical() =>
        Gen.Select(Kind, Entry.Array[1, 12], Gen.Int[0, 1000], Gen.Byte, Gen.Int[0, 2]).Sample((kind, entries, position, value, damage) =>
        {
            var bytes = Fold(kind, entries);
            bytes = damage switch
            {
                0 => bytes.AsSpan(0, position % bytes.Length).ToArray(),
                1 => [.. bytes, value],
                _ => [.. bytes.Select((b, i) => i == position % bytes.Length ? value : b)],
            };
            AssertUnreadableOrCanonical(kind, bytes, allowed: damage == 2);
        });

    [Fact]
    public void Read_Garbage_NeverThrows() =>
        Gen.Select(Gen.Byte.Select(kind => (FactKind)kind), Gen.Byte.Array[0, 300], Gen.Byte[1, 8], Gen.Long).Sample((kind, bytes, count, at) =>
        {
            AssertUnreadableOrCanonical(kind, bytes, allowed: true);
            if (bytes.Length > 0)
            {
                bytes[0] = (byte)(0x10 | count);
            }

            AssertUnreadableOrCanonical(kind, bytes, allowed: true);
            Timeline.TryAsOf(kind, bytes, at, out _);
        });

    [Fact]
    public void Merge_UnreadableValue_Throws()
    {
        var good = Timeline.Single(FactKind.Objection, At(0));
        Assert.Throws<InvalidDataException>(() => Timeline.Merge(FactKind.Objection, good, [0x21, 0]));
        Assert.Throws<InvalidDataException>(() => Timeline.Merge(FactKind.Objection, good.AsSpan(0, good.Length - 1), good));
        Assert.Throws<InvalidDataException>(() => Timeline.Merge(FactKind.Objection, [], []));
        Assert.Equal(good, Timeline.Merge(FactKind.Objection, [], good));
        Assert.Equal(good, Timeline.Merge(FactKind.Objection, good, []));
    }

    [Fact]
    public void TryAsOf_FullTimeline_AllocatesNothing()
    {
        var value = Fold(FactKind.Attempt, Enumerable.Range(0, 12).Select(At));
        var found = 0;
        var allocated = Allocations.Of(() =>
        {
            for (var i = 0; i < 1000; i++)
            {
                if (Timeline.TryAsOf(FactKind.Attempt, value, Noon + (9 * Hour), out _) == AsOf.Found)
                {
                    found++;
                }
            }
        });
        Assert.Equal(0, allocated);
        Assert.True(found >= 1000);
    }

    private static void AssertUnreadableOrCanonical(FactKind kind, byte[] bytes, bool allowed)
    {
        var entries = new FactEntry[Timeline.MaxEntries];
        var count = Timeline.Read(kind, bytes, entries, out var cut);
        if (count < 0)
        {
            Assert.False(cut);
            Assert.Equal(AsOf.Unreadable, Timeline.TryAsOf(kind, bytes, Noon, out _));
            return;
        }

        Assert.True(allowed, "damage went unnoticed");
        Assert.Equal(bytes, TimelineFormat.Write(kind, entries.AsSpan(0, count), cut));
        Assert.NotEqual(AsOf.Unreadable, Timeline.TryAsOf(kind, bytes, Noon, out _));
    }
}
