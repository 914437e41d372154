using CsCheck;
using Lookup.Cli.Options;

namespace Lookup.ServiceTests.Cli;

public class TimeTextTests
{
    private static readonly TimeZoneInfo Amsterdam = TimeZoneInfo.FindSystemTimeZoneById("Europe/Amsterdam");

    [Theory]
    [InlineData("2024-03-12T14:00:00+01:00", "2024-03-12T13:00:00Z")]
    [InlineData("2024-03-12 14:00Z", "2024-03-12T14:00:00Z")]
    [InlineData(" 2024-03-12T14:00:00.1234567-0330 ", "2024-03-12T17:30:00.123Z")]
    [InlineData("2024-02-29T00:00:00.5z", "2024-02-29T00:00:00.500Z")]
    public void Parse_WithOffset_GivesTheInstant(string text, string expected)
    {
        Assert.True(TimeText.TryParse(text, null, out var time, out _));
        Assert.Equal(expected, TimeText.Format(time.ToUniversalTime()));
    }

    [Theory]
    [InlineData("2024-03-12", "2024-03-11T23:00:00Z")]
    [InlineData("2024-07-01 12:00", "2024-07-01T10:00:00Z")]
    [InlineData("2024-07-01T12:00:00Z", "2024-07-01T12:00:00Z")]
    // The clock was put back at 03:00 to 02:00: the first 02:30 is meant.
    [InlineData("2024-10-27T02:30:00", "2024-10-27T00:30:00Z")]
    public void Parse_WithZone_GivesTheInstant(string text, string expected)
    {
        Assert.True(TimeText.TryParse(text, Amsterdam, out var time, out _));
        Assert.Equal(expected, TimeText.Format(time.ToUniversalTime()));
    }

    [Theory]
    [InlineData("")]
    [InlineData("yesterday")]
    [InlineData("12-03-2024")]
    [InlineData("2024-3-12")]
    [InlineData("2023-02-29T00:00:00Z")]
    [InlineData("2024-03-12T24:00:00Z")]
    [InlineData("2024-03-12T14:00:60Z")]
    [InlineData("2024-03-12T14:00:00+15:00")]
    [InlineData("2024-03-12T14:00:00+1")]
    [InlineData("2024-03-12T14:00:00 CET")]
    [InlineData("2024-03-12T")]
    [InlineData("2024-03-12T14:00:00.Z")]
    [InlineData("0001-01-01T00:00:00+01:00")]
    [InlineData("0001-01-01 00:00:00")]
    [InlineData("9999-12-31T23:59:59-01:00")]
    [InlineData("1710248400")]
    public void Parse_NoTime_IsRefused(string text)
    {
        Assert.False(TimeText.TryParse(text, Amsterdam, out _, out var fault));
        Assert.Contains("is not a time; write it like", fault, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_WithoutOffsetAndZone_SaysWhatToDo()
    {
        Assert.False(TimeText.TryParse("2024-03-12", null, out _, out var fault));
        Assert.Contains("--timezone", fault, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_HourThatTheClockSkips_IsRefused()
    {
        Assert.False(TimeText.TryParse("2024-03-31T02:30:00", Amsterdam, out _, out var fault));
        Assert.Contains("does not exist in Europe/Amsterdam", fault, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_WhatFormatWrites_IsTheSame() =>
        Gen.Select(Gen.Long[0, 253402300799999], Gen.Int[-14 * 60, 14 * 60]).Sample((milliseconds, minutes) =>
        {
            var instant = DateTimeOffset.FromUnixTimeMilliseconds(milliseconds);
            if (instant.Ticks + (minutes * TimeSpan.TicksPerMinute) is < 0 or > 3155378975999999999)
            {
                return;
            }

            var time = instant.ToOffset(TimeSpan.FromMinutes(minutes));
            Assert.True(TimeText.TryParse(TimeText.Format(time), null, out var read, out _));
            Assert.Equal(time, read);
        });

    [Fact]
    public void Parse_AnyText_NeverThrows() =>
        Gen.String[Gen.Char["0123456789-:TZ+. "], 0, 32].Sample(text =>
        {
            TimeText.TryParse(text, Amsterdam, out _, out _);
        });
}
