using Lookup.Core.Blocks;

namespace Lookup.Tests.Blocks;

public sealed class NumberBlockTests
{
    private const uint Import = 3;
    private const uint OtherImport = 5;
    private const uint Person = 4;
    private static readonly NumberBlock None = NumberBlock.Empty("acme", new BlockRange(13_130_000_000, 13_139_999_999, IsPrefix: false));

    [Fact]
    public void LaterRecording_NeverWeakens_AnEarlierOne()
    {
        var block = None.With(Entry(10, source: Person)).With(Entry(20, until: 30, source: Person));
        Assert.True(block.Forbids(1_000, isTimeNamed: false));
        Assert.True(None.With(Entry(10, until: 30, source: Person)).With(Entry(20, source: Person)).Forbids(1_000, isTimeNamed: false));
    }

    [Fact]
    public void Removal_EndsWhatForbids_AndKeepsThePast()
    {
        var block = None.With(Entry(10)).Without(new BlockRemoval(50, 0, Person, "mistake"));
        Assert.True(block.Forbids(49, isTimeNamed: true));
        Assert.False(block.Forbids(50, isTimeNamed: true));
        Assert.False(block.Forbids(9, isTimeNamed: true));
        Assert.False(block.Forbids(60, isTimeNamed: false));
        Assert.Same(block, block.Without(new BlockRemoval(60, 0, Person, "")));
        Assert.True(block.With(Entry(70)).Forbids(70, isTimeNamed: true));
        Assert.False(block.With(Entry(70)).Forbids(60, isTimeNamed: true));
    }

    // The removal took effect at 4 s and was recorded at 7 s.
    [Theory]
    [InlineData(1_999, false)]
    [InlineData(2_000, true)]
    [InlineData(7_999, true)]
    [InlineData(8_000, false)]
    [InlineData(long.MaxValue, false)]
    public void KnownAt_AMoment_LeavesOutWhatWasRecordedLater(long known, bool forbids)
    {
        var block = None.With(Entry(1_000) with { Recorded = 2 }).Without(new BlockRemoval(4_000, 7, Person, "mistake"));
        Assert.Equal(forbids, block.Forbids(5_000, isTimeNamed: true, known));
        Assert.Equal(forbids, new BlockTable([block]).Find(block.Range.First, 5_000, isTimeNamed: true, known) is not null);
        Assert.Equal(forbids, new BlockTable([block]).Find(block.Range.First, 5_000, isTimeNamed: false, known) is not null);
    }

    [Fact]
    public void SameRecording_ChangesNothing()
    {
        var block = None.With(Entry(10, source: Import));
        Assert.Same(block, block.With(Entry(20, source: Import)));
        Assert.Same(block, block.With(Entry(20, until: 30, source: Import)));
        Assert.NotSame(block, block.With(Entry(20, source: Person)));
        var lasting = block.With(Entry(20, source: Person));
        Assert.Same(lasting, lasting.With(Entry(30, source: OtherImport)));
    }

    [Fact]
    public void Revert_RemovesOneImport_AndKeepsWhatOthersRecorded()
    {
        var block = None.With(Entry(10, source: Import)).With(Entry(20, source: OtherImport));
        Assert.True(block.WithoutSources(new HashSet<uint> { Import }).Forbids(30, isTimeNamed: true));
        Assert.False(block.WithoutSources(new HashSet<uint> { Import }).Forbids(15, isTimeNamed: true));
        Assert.False(block.WithoutSources(new HashSet<uint> { Import, OtherImport }).Forbids(30, isTimeNamed: false));
        Assert.Same(block, block.WithoutSources(new HashSet<uint> { 99 }));
    }

    // A list that is imported every night: the first two imports can be reverted, and no later one changes anything.
    [Fact]
    public void ManyImportsOfTheSame_AddNoEntryEach()
    {
        var second = None.With(Entry(10, source: Import)).With(Entry(20, source: OtherImport));
        Assert.Equal(2, second.Entries.Count);
        var third = second.With(Entry(30, source: 7));
        var entry = Assert.Single(third.Entries);
        Assert.Equal((10, BlockEntry.Open), (entry.From, entry.Until));
        Assert.Same(third, third.With(Entry(40, source: 9)));
        Assert.True(third.WithoutSources(new HashSet<uint> { Import, OtherImport, 7 }).Forbids(50, isTimeNamed: false));
        Assert.False(third.Without(new BlockRemoval(60, 0, Person, "")).Forbids(60, isTimeNamed: false));
        // What ends earlier, was removed or starts later forbids less, and is recorded.
        Assert.False(None.With(Entry(10, until: 30)).Includes(Entry(20)));
        Assert.False(None.With(Entry(10)).Without(new BlockRemoval(15, 0, Person, "")).Includes(Entry(20)));
        Assert.False(None.With(Entry(30)).Includes(Entry(20)));
        Assert.True(None.With(Entry(10)).Includes(Entry(20, until: 30)));
    }

    // The integers were numbers when the block was recorded; the numbers behind them are blocked, in any form.
    [Theory]
    [InlineData(33_692, true, 262_692_123_456)]
    [InlineData(336, true, 262_692_123_456)]
    [InlineData(33_508, true, 508_412_345)]
    [InlineData(594_976, true, 33_976_512_345)]
    [InlineData(594_976_500_000, false, 33_976_512_345)]
    [InlineData(390_549, true, 3_780_549_886_377)]
    [InlineData(353_48, true, 442_890_123_456)]
    [InlineData(3_534, true, 442_890_123_456)]
    public void BlockOfAnotherForm_ForbidsTheNumber(ulong first, bool isPrefix, ulong number)
    {
        Assert.True(Core.Numbers.PhoneNumber.TryFrom(number, out _, out _));
        var range = new BlockRange(first, isPrefix ? first : first + 99_999, isPrefix);
        var block = NumberBlock.Empty("acme", range).With(Entry(10));
        Assert.Same(block, new BlockTable([block]).Find(number, 20, isTimeNamed: true));
        Assert.True(range.Covers(number));
        Assert.False(range.Covers(31_612_345_678));
    }

    [Fact]
    public void BlockOfANumber_DoesNotForbidOthersOfItsCode()
    {
        Assert.False(new BlockRange(262_692, 262_692, IsPrefix: true).Covers(262_693_123_456));
        Assert.False(new BlockRange(33_692, 33_692, IsPrefix: true).Covers(33_612_345_678));
        Assert.False(new BlockRange(594_594, 594_594, IsPrefix: true).Covers(33_976_512_345));
    }

    [Fact]
    public void ManyRecordings_AreMerged_WithoutForbiddingLess()
    {
        var block = None;
        for (var i = 0; i < 10 * NumberBlock.MaxEntries; i++)
        {
            block = block.With(Entry(i, until: 10_000 + i, source: (uint)((2 * i) + 1)));
        }

        Assert.Equal(NumberBlock.MaxEntries, block.Entries.Count);
        Assert.True(block.Forbids(0, isTimeNamed: true));
        Assert.True(block.Forbids(10_000 + (10 * NumberBlock.MaxEntries) - 2, isTimeNamed: true));
        // As far as was known at first, it forbade too.
        Assert.True(block.Forbids(5_000, isTimeNamed: true, known: 5_000));
        // What was merged cannot be reverted any more.
        Assert.True(block.WithoutSources(Enumerable.Range(0, 2_000).Select(i => (uint)((2 * i) + 1)).ToHashSet()).Forbids(5_000, isTimeNamed: true));
    }

    [Theory]
    [InlineData("", "-")]
    [InlineData("13130000000-13139999999|acme", "")]
    [InlineData("13130000000-13139999999|", "-")]
    [InlineData("13139999999-13130000000|acme", "-")]
    [InlineData("13130000000-13139999999", "-")]
    [InlineData("*|acme", "-")]
    [InlineData("1313*|acme", "1,0,1")]
    [InlineData("1313*|acme", "1,0,1,2,,3")]
    [InlineData("1313*|acme", "x,0,1,2,")]
    [InlineData("1313*|acme", "1,0,1,2,;")]
    public void Format_RejectsOtherTexts(string field, string value) => Assert.False(BlockFormat.TryRead(field, value, out _));

    private static BlockEntry Entry(long from, long until = BlockEntry.Open, uint source = Person) => new() { From = from, Until = until, Source = source };
}
