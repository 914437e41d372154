using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using Lookup.Client.Testing;

namespace Lookup.EndToEndTests.Gates;

/// <summary>lookup agi as a process, in front of a service that is killed and frozen.</summary>
public sealed partial class AgiCommandTests
{
    [Fact]
    public async Task Agi_ServiceKilledAndStartedAgain_AllowsOnlyWhileItAnswers()
    {
        var port = RedisServer.FreePort();
        using var service = await ServeAsync(port);
        using var agi = ToolProcess.Start("agi", "--listen", "127.0.0.1:0", "--address", $"http://127.0.0.1:{port}", "--timeout", "5");
        var at = await AddressAsync(agi, agi => agi.Output);
        await UntilAllowedAsync(at);

        await service.KillAsync();
        for (var i = 0; i < 20; i++)
        {
            await using var call = await AgiCall.CheckAsync(at, MagicNumbers.Allow);
            Assert.Equal("UNKNOWN", call.Verdict);
            Assert.Equal("CONGESTION", call.Variables["DIALSTATUS"]);
        }

        using var again = await ServeAsync(port);
        await UntilAllowedAsync(at);
        agi.Interrupt();
        var end = await agi.EndAsync();
        Assert.Equal(0, end.ExitCode);
        Assert.True(Summary().Match(end.Error) is { Success: true } summary && int.Parse(summary.Groups["away"].Value, CultureInfo.InvariantCulture) >= 20, end.Error);
    }

    [Fact]
    public async Task Agi_ServiceFrozen_AnswersUnknownWithinItsTimeLimit()
    {
        var port = RedisServer.FreePort();
        using var service = await ServeAsync(port);
        using var agi = ToolProcess.Start("agi", "--listen", "127.0.0.1:0", "--address", $"http://127.0.0.1:{port}", "--timeout", "1");
        var at = await AddressAsync(agi, agi => agi.Output);
        await UntilAllowedAsync(at);

        service.Freeze();
        try
        {
            var calls = await Task.WhenAll(Enumerable.Range(0, 30).Select(_ => AgiCall.CheckAsync(at, MagicNumbers.Allow)));
            Assert.All(calls, call => Assert.Equal("UNKNOWN", call.Verdict));
            await Task.WhenAll(calls.Select(call => call.DisposeAsync().AsTask()));
        }
        finally
        {
            service.Thaw();
        }

        await UntilAllowedAsync(at);
    }

    // Nothing takes the ALLOW back: the dialplan must see by itself that it has expired.
    [Fact]
    public async Task Agi_FrozenAfterTheAllowAndKilled_LeavesNoAllowThatLasts()
    {
        var port = RedisServer.FreePort();
        using var service = await ServeAsync(port);
        using var agi = ToolProcess.Start("agi", "--listen", "127.0.0.1:0", "--address", $"http://127.0.0.1:{port}", "--timeout", "5");
        var at = await AddressAsync(agi, agi => agi.Output);
        await UntilAllowedAsync(at);
        while (true)
        {
            await using var call = await AgiCall.ConnectAsync(at);
            await call.SendAsync(AgiCall.Request("agi://h/check?org=acme&purpose=commercial", MagicNumbers.Allow));
            var frozen = false;
            await call.ServeAsync(async _ =>
            {
                if (call.Verdict == "ALLOW" && !frozen)
                {
                    frozen = true;
                    agi.Freeze();
                    // The dialplan waits for the server meanwhile.
                    while (call.MayDial)
                    {
                        await Task.Delay(10, TestContext.Current.CancellationToken);
                    }

                    await agi.KillAsync();
                }
            });
            if (frozen)
            {
                Assert.Equal("ALLOW", call.Verdict);
                Assert.False(call.MayDial);
                return;
            }
        }
    }

    [Fact]
    public async Task Agi_ServiceAway_StartsAndSaysSo()
    {
        using var agi = ToolProcess.Start("agi", "--listen", "127.0.0.1:0", "--address", "http://127.0.0.1:1");
        var at = await AddressAsync(agi, agi => agi.Output);
        await using var call = await AgiCall.CheckAsync(at, MagicNumbers.Allow);

        Assert.Equal(("UNKNOWN", "UNAVAILABLE"), (call.Verdict, call.Variables["LOOKUP_REASON"]));
        Assert.Contains("Every call is UNKNOWN until it answers.", agi.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--listen 0.0.0.0:4573", "--listen 0.0.0.0:4573 is reachable from other machines: name those that may ask with --peer.")]
    [InlineData("--listen here", "--listen 'here' is not an IP address with a port from 0 to 65535; write it like 127.0.0.1:4573.")]
    [InlineData("--peer 10.0.0.0/40", "--peer '10.0.0.0/40' is not an IP address or network; write it like 10.0.0.0/24.")]
    [InlineData("--max-connections 0", "--max-connections must be a number of connections, 1 to 10000.")]
    public async Task Agi_OptionNotValid_SaysWhatIs(string options, string expected)
    {
        var run = await CliRun.Async(["agi", .. options.Split(' ')]);

        Assert.Equal(2, run.ExitCode);
        Assert.StartsWith("lookup: " + expected, run.Error, StringComparison.Ordinal);
    }

    // Each Dial of the sample is behind a condition that only ALLOW meets, in both contexts.
    [Fact]
    public void Dialplan_OfTheSample_ReachesDialOnlyOverAllow()
    {
        var lines = File.ReadAllLines(Path.Combine(Programs.Root(), "samples/asterisk/agi.conf")).Where(l => l.Contains("=>", StringComparison.Ordinal)).ToList();
        var dials = Enumerable.Range(0, lines.Count).Where(i => lines[i].Contains("Dial(", StringComparison.Ordinal)).ToList();
        var gates = Enumerable.Range(0, lines.Count).Where(i => lines[i].Contains("Goto", StringComparison.Ordinal)).ToList();

        Assert.Equal((2, 2), (dials.Count, gates.Count));
        Assert.All(gates.Zip(dials), pair =>
        {
            Assert.Contains("""GotoIf($["${LOOKUP_VERDICT}"="ALLOW" & "${LOOKUP_NUMBER}"!="" & ${TOOK} >= 0 & ${TOOK} < ${LOOKUP_REUSABLE_MS}]?call:skip)""", lines[pair.First], StringComparison.Ordinal);
            Assert.Contains("Set(TOOK=$[${STRFTIME(,,%s%3q)} - ${ASKED}])", lines[pair.First - 1], StringComparison.Ordinal);
            Assert.Contains("AGI(", lines[pair.First - 2], StringComparison.Ordinal);
            Assert.Contains("Set(ASKED=${STRFTIME(,,%s%3q)})", lines[pair.First - 3], StringComparison.Ordinal);
            Assert.Contains("Set(LOOKUP_REUSABLE_MS=0)", lines[pair.First - 4], StringComparison.Ordinal);
            Assert.Contains("n(skip)", lines[pair.First + 1], StringComparison.Ordinal);
            Assert.Contains("Hangup(", lines[pair.Second - 1], StringComparison.Ordinal);
            Assert.Contains("n(call),Dial(${LOOKUP_TRUNK}/${FILTER(0-9,${LOOKUP_NUMBER})}", lines[pair.Second], StringComparison.Ordinal);
            Assert.Contains(lines.Take(pair.First).Skip(pair.First - 6), line => line.EndsWith("Set(LOOKUP_VERDICT=)", StringComparison.Ordinal));
        });
    }

    internal static async Task<ToolProcess> ServeAsync(int port)
    {
        var service = ToolProcess.Start("serve", "--fake", "--listen", $"127.0.0.1:{port}", "--json-port", "0");
        await service.UntilAsync(() => service.Output.Contains("Ready.", StringComparison.Ordinal));
        return service;
    }

    internal static async Task<IPEndPoint> AddressAsync(ToolProcess gate, Func<ToolProcess, string> output)
    {
        await gate.UntilAsync(() => Listening().IsMatch(output(gate)));
        return IPEndPoint.Parse(Listening().Match(output(gate)).Groups["at"].Value);
    }

    // The fake's ALLOW lasts half a second, which a busy machine may need; the gate then answers UNKNOWN.
    private static async Task UntilAllowedAsync(IPEndPoint at)
    {
        var waited = Stopwatch.StartNew();
        while (true)
        {
            await using var call = await AgiCall.CheckAsync(at, MagicNumbers.Allow);
            if (call.Verdict == "ALLOW")
            {
                return;
            }

            Assert.True(waited.Elapsed < TimeSpan.FromMinutes(2), $"Not allowed: {call.Variables.GetValueOrDefault("LOOKUP_REASON")}");
        }
    }

    [GeneratedRegex(@"calls \d+: allow [1-9]\d*, .*unknown \d+ \(.*UNAVAILABLE (?<away>\d+).*\)")]
    private static partial Regex Summary();

    [GeneratedRegex(@"Ready\. \w+ at (?<at>[\d.]+:\d+)")]
    private static partial Regex Listening();
}
