using Lookup.Core.Regimes;

namespace Lookup.Tests.Regimes;

public sealed class DaySetTests
{
    [Fact]
    public void Contains_DaysBeforeAndAfter1970_AsInAHashSet()
    {
        var random = new Random(7);
        for (var round = 0; round < 200; round++)
        {
            var first = random.Next(-1_000, 1_000);
            HashSet<int> days = [.. Enumerable.Range(0, random.Next(0, 40)).Select(_ => first + random.Next(0, 400))];
            HashSet<int> others = [.. Enumerable.Range(0, random.Next(0, 4)).Select(_ => first + random.Next(-400, 800))];
            var set = new DaySet(days);
            var both = set.With(others);
            for (var day = first - 900; day < first + 1_300; day++)
            {
                Assert.Equal(days.Contains(day), set.Contains(day));
                Assert.Equal(days.Contains(day) || others.Contains(day), both.Contains(day));
            }

            Assert.False(set.Contains(int.MinValue));
            Assert.False(set.Contains(int.MaxValue));
        }
    }
}
