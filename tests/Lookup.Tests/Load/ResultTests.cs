using System.Text.Json;
using Lookup.Load.Numbers;
using Lookup.Load.Results;
using Lookup.Load.Streams;

namespace Lookup.Tests.Load;

public sealed class ResultTests
{
    private static readonly RunIdentity Run = new(
        "2026-11-24T12:00:00Z", "stream --publish", "abc", true, new Machine("cpu", 2, 1_000, "os"), new Dictionary<string, string> { ["redis-server"] = "7.0.15" });

    [Theory]
    [InlineData(new[] { 3.0, 1, 2 }, 2)]
    [InlineData(new[] { 4.0, 1, 2, 3 }, 2.5)]
    [InlineData(new[] { 7.0 }, 7)]
    public void Median_ValuesInAnyOrder_IsTheMiddle(double[] values, double expected) => Assert.Equal(expected, new Series(values).Median);

    [Fact]
    public void Median_NoValue_Throws() => Assert.Throws<InvalidOperationException>(() => new Series().Median);

    [Fact]
    public void Ratio_AsManyRounds_IsTheMedianOfTheRounds() => Assert.Equal(new Ratio(1, null, null), Of(new Series(1, 2, 90), new Series(1, 4, 5)));

    [Fact]
    public void Ratio_OtherCountOfRounds_IsThatOfTheMedians() => Assert.Equal(new Ratio(0.5, null, null), Of(new Series(1, 2, 90), new Series(4)));

    // Ranks from tables of the sign test.
    [Theory]
    [InlineData(5, 0)]
    [InlineData(6, 1)]
    [InlineData(8, 1)]
    [InlineData(9, 2)]
    [InlineData(30, 10)]
    [InlineData(60, 22)]
    [InlineData(100, 40)]
    public void Ratio_SixRoundsOrMore_HasTheIntervalOfTheSignTest(int rounds, int rank)
    {
        var ratio = Of(new Series(Enumerable.Range(1, rounds).Select(i => (double)i).Reverse()), new Series(Enumerable.Repeat(1.0, rounds)));
        Assert.Equal((1 + rounds) / 2.0, ratio?.Value);
        Assert.Equal(rank == 0 ? (null, null) : ((double?)rank, (double?)(rounds + 1 - rank)), (ratio?.Low, ratio?.High));
    }

    [Fact]
    public void Ratio_BaselineZeroOrNone_IsNone()
    {
        Assert.Null(new Metric("m", "u", new Series(1)).Ratio);
        Assert.Null(Of(new Series(1), new Series(0)));
    }

    private static Ratio? Of(Series subject, Series baseline) => new Metric("m", "u", subject) { Baseline = baseline }.Ratio;

    [Theory]
    [InlineData(0, 0)]
    [InlineData(123_456_789, 123_460_000)]
    [InlineData(-0.000123456789, -0.00012346)]
    [InlineData(1.5, 1.5)]
    public void Round_AnySize_KeepsFiveDigits(double value, double expected) => Assert.Equal(expected, ResultLine.Round(value), Math.Abs(expected) * 1e-12);

    [Fact]
    public void ResultLine_Metric_IsOneLineWithEveryMember()
    {
        var json = ResultLine.Of(
            new Metric("m", "numbers/s", new Series(1, 2, 3)) { BaselineName = "echo \"bare\"", Baseline = new Series(4), Note = "a\nb" }, Run).ToJson();
        Assert.DoesNotContain('\n', json);
        var line = JsonDocument.Parse(json).RootElement;
        Assert.Equal(3, line.GetProperty("rounds").GetInt32());
        Assert.Equal(2, line.GetProperty("median").GetDouble());
        Assert.Equal(1, line.GetProperty("min").GetDouble());
        Assert.Equal(3, line.GetProperty("max").GetDouble());
        Assert.Equal(4, line.GetProperty("baseline_median").GetDouble());
        Assert.Equal(0.5, line.GetProperty("ratio").GetDouble());
        Assert.False(line.TryGetProperty("ratio_low", out _));
        Assert.Equal("echo \"bare\"", line.GetProperty("baseline").GetString());
        Assert.Equal(2, line.GetProperty("machine").GetProperty("cores").GetInt32());
        Assert.Equal("7.0.15", line.GetProperty("versions").GetProperty("redis-server").GetString());
        Assert.True(line.GetProperty("dirty").GetBoolean());
    }

    [Fact]
    public void HasGrown_LastQuarterAboveSecond_IsTrueBeyondTheHeapsBreath()
    {
        Assert.False(Samples(i => 400 + (30 * (i % 2))).HasGrown);
        Assert.False(Samples(i => i < 10 ? 100 + (20 * i) : 300).HasGrown);
        Assert.True(Samples(i => 300 + (5 * i)).HasGrown);
        Assert.Throws<InvalidOperationException>(() => new MemorySamples(() => 1).HasGrown);

        static MemorySamples Samples(Func<int, double> megaBytes)
        {
            var samples = new MemorySamples(() => 0);
            for (var i = 0; i < 40; i++)
            {
                samples.Add(megaBytes(i));
            }

            return samples;
        }
    }

    [Fact]
    public void NumberBlock_ManyPlaces_GivesDifferentValidNumbers()
    {
        foreach (var block in (NumberBlock[])[NumberBlock.Dutch, NumberBlock.British])
        {
            var numbers = Enumerable.Range(0, 100_000).Select(i => block[i]).ToHashSet();
            Assert.Equal(100_000, numbers.Count);
            Assert.All(numbers, number => Assert.InRange(number, block.First, block.First + (ulong)block.Size - 1));
            Assert.NotEqual(0, block.Size % 3);
        }
    }
}
