using System.Net;
using Lookup.Redis;
using Lookup.Redis.Topology;

namespace Lookup.StoreTests;

/// <summary>What is learned from nodes of a cluster that contradict each other.</summary>
public sealed class TopologyDiscoveryTests
{
    private static readonly IPEndPoint First = new(IPAddress.Parse("10.0.0.1"), 7000);
    private static readonly IPEndPoint Second = new(IPAddress.Parse("10.0.0.2"), 7000);

    private static readonly string Before = Line("a", "10.0.0.1:7000@17000", "master", 1, "0-16383") + Line("b", "10.0.0.2:7000@17000", "slave", 1);
    private static readonly string After = Line("b", "10.0.0.2:7000@17000,", "myself,master", 2, "0-16383") + Line("a", "10.0.0.1:7000@17000", "master,fail", 1);

    [Theory]
    [InlineData(0, 13_254)]
    [InlineData(255, 11_756)]
    [InlineData(Keys.Shared, 1_859)]
    public void Slot_OfAPlace_IsWhatRedisComputesForItsKeys(int place, int slot) => Assert.Equal(slot, Keys.Slot(place));

    [Fact]
    public void Nodes_FailedOver_TheNewerWordCountsInAnyOrder()
    {
        foreach (var views in new[] { new[] { Before, After }, [After, Before] })
        {
            Assert.All(Finder().FromNodes(views.Select(view => ((EndPoint)First, view)), null).Owners, owner => Assert.Equal(Second, owner));
        }
    }

    [Fact]
    public void Nodes_OnlyOneThatIsBehind_TakesNothingBack()
    {
        var routes = Finder().FromNodes([(Second, After)], null);
        Assert.All(Finder().FromNodes([(First, Before)], routes).Owners, owner => Assert.Equal(Second, owner));
    }

    [Fact]
    public void Nodes_SlotsOnTheirWayAndSingleOnes_AreWithTheirOwner()
    {
        var slot = Keys.Slot(0);
        var view = Line("a", "10.0.0.1:7000@17000", "master", 1, $"0-{slot - 1} {slot} [{slot}->-b] {slot + 1}-14000")
            + Line("b", ":7000@17000", "myself,master", 2, "14001-16383");
        var routes = Finder().FromNodes([(Second, view)], null);
        Assert.Equal(First, routes.Owners[0 - Keys.Shared]);
        Assert.All(Enumerable.Range(0, 256).Where(p => Keys.Slot(p) > 14_000), p => Assert.Equal(Second, routes.Owners[p - Keys.Shared]));
        Assert.Equal([First, Second], routes.Askable.OrderBy(server => server.ToString()));
    }

    [Fact]
    public void Nodes_SlotWithoutOwner_IsWithNobody()
    {
        var routes = Finder().FromNodes([(First, Line("a", "10.0.0.1:7000@17000", "myself,master", 1, "0-100"))], null);
        Assert.Null(routes.Owners[0]);
    }

    [Fact]
    public void Nodes_NameAnnouncedUnderTls_IsUsed()
    {
        var view = Line("a", "10.0.0.1:7000@17000,redis-1.example", "myself,master", 1, "0-16383");
        Assert.Equal(new DnsEndPoint("redis-1.example", 7000), Finder(",ssl=true").FromNodes([(First, view)], null).Owners[0]);
        Assert.Equal(First, Finder().FromNodes([(First, view)], null).Owners[0]);
    }

    private static string Line(string id, string address, string flags, int epoch, string slots = "") =>
        $"{id} {address} {flags} - 0 0 {epoch} connected {slots}".TrimEnd() + "\n";

    private static TopologyDiscovery Finder(string more = "") =>
        new(new StoreOptions { ConnectionString = "10.0.0.1:7000" + more }, TimeProvider.System);
}
