using CsCheck;
using Lookup.Core.Regimes;

namespace Lookup.Tests.Regimes;

public sealed class LocalTimeTests
{
    private static readonly TimeZoneInfo[] Zones =
        [.. new[] { "Europe/Amsterdam", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Chatham", "UTC" }.Select(TimeZoneInfo.FindSystemTimeZoneById)];

    [Fact]
    public void OffsetAt_AnyTimesOfManyZones_IsTheZonesOwn() =>
        // Times close to each other meet what was kept, far ones replace it.
        Gen.Select(Gen.Long[-2_000_000_000_000, 4_000_000_000_000], Gen.Long[-3_600_000, 3_600_000].Array[1, 20], Gen.Int[0, 5].Array[1, 4])
            .Sample((begin, steps, zones) =>
            {
                foreach (var step in steps)
                {
                    foreach (var zone in zones)
                    {
                        Assert.Equal(Direct(begin + step, Zones[zone]), LocalTime.OffsetAt(begin + step, Zones[zone]));
                    }
                }
            });

    [Fact]
    public void OffsetAt_AroundAClockChange_ChangesWithIt()
    {
        var zone = Zones[0];
        var change = new DateTimeOffset(2026, 3, 29, 1, 0, 0, TimeSpan.Zero).ToUnixTimeMilliseconds();
        for (var at = change - 3_600_000; at <= change + 3_600_000; at += 59_999)
        {
            Assert.Equal(at < change ? 3_600_000 : 7_200_000, LocalTime.OffsetAt(at, zone));
        }

        Assert.Equal((3_600_000, 7_200_000), (LocalTime.OffsetAt(change - 1, zone), LocalTime.OffsetAt(change, zone)));
    }

    private static long Direct(long at, TimeZoneInfo zone) =>
        (long)zone.GetUtcOffset(DateTimeOffset.FromUnixTimeMilliseconds(at)).TotalMilliseconds;
}
