using System.Net;
using Lookup.Redis.Topology;

namespace Lookup.StoreTests;

/// <summary>What words of sentinels confirm a primary.</summary>
public sealed class SentinelsTests
{
    private static readonly IPEndPoint Old = new(IPAddress.Loopback, 1);
    private static readonly IPEndPoint Successor = new(IPAddress.Loopback, 2);

    private static readonly SentinelWord NamesOld = new(Old, 4, false);
    private static readonly SentinelWord ReplacesOld = new(Old, 4, true);
    private static readonly SentinelWord NamesSuccessor = new(Successor, 5, false);

    [Fact]
    public void AllNameIt_OrMostOfThem_IsConfirmed()
    {
        Assert.True(Sentinels.Confirm([NamesOld, NamesOld, NamesOld], 3, Old));
        Assert.True(Sentinels.Confirm([NamesOld, NamesOld], 3, Old));
        Assert.True(Sentinels.Confirm([NamesOld], 1, Old));
    }

    [Fact]
    public void TooFewAnswer_IsNot()
    {
        Assert.False(Sentinels.Confirm([], 3, Old));
        Assert.False(Sentinels.Confirm([NamesOld], 3, Old));
        Assert.False(Sentinels.Confirm([NamesOld], 2, Old));
    }

    [Fact]
    public void OneIsReplacingIt_IsNot() => Assert.False(Sentinels.Confirm([NamesOld, ReplacesOld, NamesOld], 3, Old));

    [Fact]
    public void TheNewestWordNamesAnother_OnlyThatOneIs()
    {
        Assert.False(Sentinels.Confirm([NamesOld, NamesSuccessor, NamesOld], 3, Old));
        Assert.True(Sentinels.Confirm([NamesOld, NamesSuccessor, NamesOld], 3, Successor));
    }

    [Theory]
    [InlineData("master", false)]
    [InlineData("s_down,o_down,master,failover_in_progress", true)]
    public void Word_OfASentinel_IsRead(string flags, bool isFailingOver) => Assert.Equal(
        new SentinelWord(Old, 4, isFailingOver),
        SentinelWord.Parse(Reply("name", "lookup", "ip", "127.0.0.1", "port", "1", "flags", flags, "config-epoch", "4")));

    [Fact]
    public void Word_OfOneThatDoesNotKnowTheService_IsNone() => Assert.Null(SentinelWord.Parse(new ServerReply("ERR No such master with that name", [], true)));

    private static ServerReply Reply(params string[] words) => new(null, [.. words.Select(word => new ServerReply(word, [], false))], false);
}
