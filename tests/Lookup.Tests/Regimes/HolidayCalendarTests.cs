using System.Globalization;
using Lookup.Core.Regimes;

namespace Lookup.Tests.Regimes;

public sealed class HolidayCalendarTests
{
    [Theory]
    [InlineData("07-04/obs", 2026, "2026-07-03")]
    [InlineData("07-04/obs", 2027, "2027-07-05")]
    [InlineData("07-04/obs", 2028, "2028-07-04")]
    [InlineData("01-01/obs", 2028, "2027-12-31")]
    [InlineData("12-06/mon", 2026, "2026-12-07")]
    [InlineData("08-15/mon", 2026, "2026-08-15")]
    [InlineData("12-26/sub", 2026, "2026-12-28")]
    [InlineData("mon#1-11+1", 2022, "2022-11-08")]
    [InlineData("mon#1-11+1", 2026, "2026-11-03")]
    [InlineData("thu#4-11+1", 2026, "2026-11-27")]
    [InlineData("mon#-1-05-3", 2026, "2026-05-22")]
    [InlineData("kings_day", 2025, "2025-04-26")]
    [InlineData("easter-2", 2026, "2026-04-03")]
    public void TryCompile_OneRule_GivesItsDay(string rule, int year, string day) =>
        Assert.Equal([day], DaysOf($"{rule}@{year}-{year}"));

    [Fact]
    public void TryCompile_DateBehindItsSubstitute_KeepsBoth() =>
        Assert.Equal(["2027-12-25", "2027-12-26", "2027-12-27", "2027-12-28"], DaysOf("12-25/sub@2027-2027", "12-26/sub@2027-2027", "12-25@2027-2027", "12-26@2027-2027"));

    [Theory]
    [InlineData("12-25/near")]
    [InlineData("12-25+1")]
    [InlineData("mon#1-05+1-")]
    public void TryCompile_UnknownRule_IsAFault(string rule)
    {
        Assert.False(HolidayCalendar.TryCompile([rule], out _, out var fault));
        Assert.Contains(rule, fault, StringComparison.Ordinal);
    }

    private static string[] DaysOf(params string[] rules)
    {
        Assert.True(HolidayCalendar.TryCompile(rules, out var calendar, out var fault), fault);
        return
        [
            .. Enumerable.Range(LocalTime.DayOf(new DateOnly(2021, 1, 1)), 3_650)
                .Where(calendar.Contains)
                .Select(day => LocalTime.Date(day).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)),
        ];
    }
}
