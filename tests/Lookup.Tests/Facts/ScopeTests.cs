using System.Security.Cryptography;
using System.Text;
using CsCheck;
using Lookup.Core.Facts;

namespace Lookup.Tests.Facts;

public class ScopeTests
{
    [Fact]
    public void Of_AllName_IsAll() => Assert.Equal(Scope.All, Scope.FromName("*"));

    // More names than are kept, so names both seen before and not.
    [Fact]
    public void Of_AnyNames_IsTheFirstSixBytesOfTheirHash()
    {
        for (var round = 0; round < 2; round++)
        {
            for (var i = 0; i < 10_000; i++)
            {
                Assert.Equal(Expected($"name-{i}"), Scope.FromName($"name-{i}"));
                Assert.Equal(Expected($"name-{i}/group"), Scope.FromName($"name-{i}", "group"));
            }
        }
    }

    [Fact]
    public void Of_NamesOfAnyLength_IsTheSameEachTime() =>
        Gen.Select(Gen.String[Gen.Char['a', 'z'], 1, 200], Gen.String[Gen.Char['a', 'z'], 0, 200]).Sample((organisation, group) =>
        {
            var expected = Expected(Scope.NameOf(organisation, group));
            Assert.Equal(expected, Scope.FromName(organisation, group));
            Assert.Equal(expected, Scope.FromName(organisation, group));
        });

    private static ulong Expected(string name) =>
        SHA256.HashData(Encoding.UTF8.GetBytes(name)).Take(6).Aggregate(0UL, (scope, part) => (scope << 8) | part);
}
