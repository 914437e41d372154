using Lookup.Core.Regimes;

namespace Lookup.Tests.Regimes;

public sealed class CallingHoursTests
{
    // A window that covers a clock change lasts 23 or 25 hours; an answer that outlived it would permit calls on the next day.
    [Theory]
    [InlineData("2026-03-28T23:30:00Z", "2026-03-29T22:00:00Z")]
    [InlineData("2026-10-24T22:30:00Z", "2026-10-25T23:00:00Z")]
    [InlineData("2026-11-24T12:00:00Z", "2026-11-24T23:00:00Z")]
    public void IsOpen_WindowOfTheWholeDay_LastsUntilItsLocalEnd(string at, string end)
    {
        CallingHours.Window[][] always = [.. Enumerable.Repeat(new CallingHours.Window[] { new(0, 24 * 60) }, CallingHours.Eve)];
        var hours = new CallingHours(always, null, HolidayCalendar.None, []);

        var amsterdam = TimeZoneInfo.FindSystemTimeZoneById("Europe/Amsterdam");
        var time = Decisions.Situation.At(at);
        Assert.True(hours.IsOpen(time, LocalTime.Local(time, amsterdam), amsterdam, out var until, out _));
        Assert.Equal(Decisions.Situation.At(end), until);
    }
}
