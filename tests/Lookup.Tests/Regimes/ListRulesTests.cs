using Lookup.Core.Numbers;
using Lookup.Core.Regimes;

namespace Lookup.Tests.Regimes;

public sealed class ListRulesTests
{
    [Fact]
    public void IndexOf_RandomNumbers_AgreesWithFindAndTryFrom()
    {
        var seed = Environment.TickCount;
        TestContext.Current.TestOutputHelper!.WriteLine($"seed {seed}");
        var random = new Random(seed);
        ulong[] codes = [31, 316, 31800, 31900, 3197, 3166, 49, 4915, 33, 44, 447, 1212, 1809, 1, 32, 39, 3906, 34, 91, 599, 5997, 7, 86, 800, 999];
        var rules = new ListRules(RegimeSet.BuiltIn);
        foreach (var year in (int[])[2008, 2015, 2024, 2026])
        {
            var at = new DateTimeOffset(year, 3, 12, 14, 0, 0, TimeSpan.Zero).ToUnixTimeMilliseconds();
            rules.Start(at);
            for (var i = 0; i < 50_000; i++)
            {
                var value = codes[random.Next(codes.Length)];
                for (var digits = random.Next(12); digits > 0; digits--)
                {
                    value = (value * 10) + (ulong)random.Next(10);
                }

                var place = rules.IndexOf(value);
                if (PhoneNumber.TryFrom(value, out var number, out _))
                {
                    Assert.Same(RegimeSet.BuiltIn.Find(number, at), rules.Found[place]);
                }
                else
                {
                    Assert.Equal(ListRules.NotANumber, place);
                }
            }
        }
    }

    [Theory]
    [InlineData(0UL)]
    [InlineData(7UL)]
    [InlineData(999UL)]
    [InlineData(1_000_000_000_000_000UL)]
    [InlineData(ulong.MaxValue)]
    public void IndexOf_NoNumber_SaysSo(ulong value)
    {
        var rules = new ListRules(RegimeSet.BuiltIn);
        rules.Start(0);
        Assert.Equal(ListRules.NotANumber, rules.IndexOf(value));
    }
}
