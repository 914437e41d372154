using System.Globalization;
using Lookup.Core;
using Lookup.Core.Numbers;
using Lookup.Core.Receipts;
using Lookup.Core.Regimes;

namespace Lookup.Tests.Receipts;

/// <summary>The registers that a receipt names, and the form of receipts with and without them.</summary>
public class ReceiptRegisterTests
{
    private static readonly long March = Ms("2024-03-01T05:00:00Z");
    private static readonly long April = Ms("2024-04-01T05:00:00Z");

    [Fact]
    public void Dates_OfTheRulesRegisters_AreTheNewestAtTheCallTime()
    {
        Assert.True(PhoneNumber.TryParse("+12025550123", out var number, out _));
        var snapshots = new RegisterSnapshots(
            RegimeSet.BuiltIn, new Dictionary<string, long[]> { ["us-dnc"] = [April, March], ["uk-tps"] = [March] });

        foreach (var (at, expected) in new[]
        {
            (April + 1, $"us-dnc {April}"), (March + 1, $"us-dnc {March}"), (April, $"us-dnc {April}"), (April - 1, $"us-dnc {March}"), (March - 1, ""), (April + 2, $"us-dnc {April}"),
        })
        {
            Assert.Equal(expected, snapshots.DatesFor(RegimeSet.BuiltIn.Find(number, at)!, at));
        }
    }

    [Theory]
    [InlineData("", "", "", "LRC1")]
    [InlineData("+31201234567", "", "", "LRC2")]
    [InlineData("", "CT", "us-dnc 1795150800000", "LRC3")]
    [InlineData("", "", "us-dnc 1795150800000, us-tx-dnc 1795154400000", "LRC3")]
    public void Receipt_OfEachForm_ReadsAsItWasWritten(string caller, string region, string registers, string form)
    {
        var receipt = new Receipt { CallerNumber = caller, CalledRegion = region, Registers = registers, Regime = "US", Reasons = new[] { ReasonCode.NothingForbids } };

        var bytes = ReceiptFormat.Write(receipt);
        var read = ReceiptFormat.Read(bytes);

        Assert.Equal(form, System.Text.Encoding.ASCII.GetString(bytes, 0, 4));
        Assert.Equal((caller, region, registers), (read.CallerNumber, read.CalledRegion, read.Registers));
        Assert.Equal(bytes, ReceiptFormat.Write(read));
    }

    [Fact]
    public void Receipt_OfTheThirdFormWithoutRegisters_IsRefused()
    {
        var bytes = ReceiptFormat.Write(new Receipt { CallerNumber = "+31201234567", Registers = "a 1", Reasons = new[] { ReasonCode.NothingForbids } });
        var at = bytes.AsSpan().IndexOf("\u0003a 1"u8);
        byte[] without = [.. bytes[..at], 0, .. bytes[(at + 4)..]];

        Assert.Contains("a receipt of version 3 must have registers", Assert.Throws<ReceiptException>(() => ReceiptFormat.Read(without)).Message, StringComparison.Ordinal);
    }

    private static long Ms(string time) => DateTimeOffset.Parse(time, CultureInfo.InvariantCulture).ToUnixTimeMilliseconds();
}
