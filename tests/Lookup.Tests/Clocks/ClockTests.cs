using Lookup.Core.Clocks;

namespace Lookup.Tests.Clocks;

public sealed class ClockTests
{
    [Fact]
    public void BootTime_BesideTheSystemsClock_GoesOnAsItDoes()
    {
        var clock = BootTimeClock.Instance;
        var (boot, system) = (clock.GetTimestamp(), TimeProvider.System.GetTimestamp());
        Thread.Sleep(30);
        var elapsed = clock.GetElapsedTime(boot);
        var there = TimeProvider.System.GetElapsedTime(system);
        // It was asked for first and last of all, and no suspension is to be expected here.
        Assert.InRange(elapsed, TimeSpan.FromMilliseconds(29), there + TimeSpan.FromSeconds(5));
        Assert.InRange((clock.GetUtcNow() - DateTimeOffset.UtcNow).Duration(), TimeSpan.Zero, TimeSpan.FromSeconds(5));
    }

    [Fact]
    public void Gap_WallClockGoesOnAlone_IsThatLong()
    {
        var clock = new TwoClocks();
        var gap = new ClockGap(clock);
        clock.Advance(TimeSpan.FromSeconds(3));
        Assert.Equal(TimeSpan.Zero, gap.Missed());
        clock.Wall += TimeSpan.FromSeconds(2);
        clock.Advance(TimeSpan.FromMilliseconds(100));
        Assert.Equal(TimeSpan.FromSeconds(2), gap.Missed());
        Assert.Equal(TimeSpan.Zero, gap.Missed());
    }

    [Theory]
    [InlineData(40)]
    [InlineData(-5_000)]
    public void Gap_WallClockSetALittleOrBack_IsNone(int milliseconds)
    {
        var clock = new TwoClocks();
        var gap = new ClockGap(clock);
        clock.Wall += TimeSpan.FromMilliseconds(milliseconds);
        Assert.Equal(TimeSpan.Zero, gap.Missed());
    }

    private sealed class TwoClocks : TimeProvider
    {
        private long _timestamp = 1_000;

        internal DateTimeOffset Wall { get; set; } = DateTimeOffset.UnixEpoch;

        public override DateTimeOffset GetUtcNow() => Wall;

        public override long GetTimestamp() => _timestamp;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        internal void Advance(TimeSpan time)
        {
            _timestamp += time.Ticks;
            Wall += time;
        }
    }
}
