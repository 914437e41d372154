using Lookup.Server.Pages;
using Lookup.Server.Store;

namespace Lookup.ServiceTests.Operations;

/// <summary>The verdict at the top of the operations page.</summary>
public sealed class OutlookTests
{
    private static readonly DateTimeOffset Now = new(2026, 12, 1, 9, 0, 0, TimeSpan.Zero);

    private static readonly OutlookFacts Good = new()
    {
        State = new StoreMonitor.State(true, "", "ok"),
        Now = Now,
        Ages = [10, 400],
        BoundMs = 500,
        Registers = [new LiveRegister("nl-x", Days(-1), 28), new LiveRegister("any", Days(-900), null)],
        Loads = [new Load("connections", "connections", 10, 1_024)],
        Filters = [new LiveFilter(0.4, 0.01), null],
        Servers = 3,
        ClockBoundMs = 2_000,
        CertificateExpires = Now.AddDays(22),
    };

    public static TheoryData<string> Cases => [.. Troubles.Keys];

    private static Dictionary<string, (Func<OutlookFacts, OutlookFacts> With, string Level, string Reason)> Troubles { get; } = new()
    {
        ["wrong allow"] = (f => f with { WrongAllows = 1 }, Outlook.No, "The audit found 1 wrong ALLOW"),
        ["not serving"] = (f => f with { State = new StoreMonitor.State(false, "The store does not answer.", "unreachable") }, Outlook.No, "The store does not answer."),
        ["receipts needed"] = (f => f with { ReceiptsFault = true, NeedsReceipts = true }, Outlook.No, "Each answer needs a receipt"),
        ["receipts"] = (f => f with { ReceiptsFault = true }, Outlook.Soon, "Receipts cannot be written or signed"),
        ["not writable"] = (f => f with { State = new StoreMonitor.State(true, "The disk is full.", "ok") }, Outlook.Soon, "keep the objections made now: The disk is full."),
        ["silent server"] = (f => f with { SilentServers = 1 }, Outlook.Soon, "1 of 3 servers of the store do not answer."),
        ["old partition"] = (f => f with { Ages = [501, null, 3] }, Outlook.Soon, "2 of 3 partitions are not up to date"),
        ["register near its limit"] = (f => f with { Registers = [new LiveRegister("nl-x", Days(-23), 28)] }, Outlook.Soon, "The register nl-x is 23 days old and counts for 5 days more"),
        ["register past its limit"] = (f => f with { Registers = [new LiveRegister("nl-x", Days(-29), 28)] }, Outlook.Soon, "29 days old, more than the 28 days"),
        ["certificate"] = (f => f with { CertificateExpires = Now.AddDays(20.5) }, Outlook.Soon, "The TLS certificate expires in 20 days."),
        ["expired certificate"] = (f => f with { CertificateExpires = Now.AddDays(-1) }, Outlook.Soon, "The TLS certificate has expired"),
        ["full"] = (f => f with { Loads = [new Load("connections", "connections", 973, 1_024)] }, Outlook.Soon, "Of the connections, 95 % is used."),
        ["clock"] = (f => f with { ClockAhead = TimeSpan.FromSeconds(-1.5) }, Outlook.Soon, "differs from the store's by 1,500 ms; at 2,000 ms"),
        ["worn filter"] = (f => f with { Filters = [new LiveFilter(0.7, 0.05)] }, Outlook.Soon, "1 filters are worn"),
    };

    [Fact]
    public void Judge_NothingWrong_SaysSo()
    {
        var outlook = Outlook.Judge(Good);
        Assert.Equal((Outlook.Yes, "Calls can be checked, and nothing is about to stop them."), (outlook.Level, outlook.Verdict));
        Assert.Empty(outlook.Reasons);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Judge_OneThingWrong_NamesItAlone(string name)
    {
        var (with, level, reason) = Troubles[name];
        var outlook = Outlook.Judge(with(Good));
        Assert.Equal(level, outlook.Level);
        Assert.Contains(reason, Assert.Single(outlook.Reasons), StringComparison.Ordinal);
    }

    private static long Days(double days) => Now.AddDays(days).ToUnixTimeMilliseconds();
}
