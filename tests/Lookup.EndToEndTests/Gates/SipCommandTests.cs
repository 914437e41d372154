using System.Net;
using System.Net.Sockets;
using Lookup.Client.Testing;
using static Lookup.Testing.Clients.Programs;

namespace Lookup.EndToEndTests.Gates;

/// <summary>lookup sip as a process, in front of a service that is killed and frozen, called by a switch and by sipp.</summary>
public sealed class SipCommandTests : IDisposable
{
    private readonly TempFolder _temp = new();

    public void Dispose() => _temp.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Sip_ServiceKilledAndStartedAgain_PermitsOnlyWhileItAnswers(bool isTcp)
    {
        var port = RedisServer.FreePort();
        using var service = await AgiCommandTests.ServeAsync(port);
        using var gate = Start(port, "5");
        var at = await AgiCommandTests.AddressAsync(gate, one => one.Output);
        using var client = await SipClient.ConnectAsync(at, isTcp);
        await UntilPermittedAsync(client);

        await service.KillAsync();
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal(503, SipClient.Code(await client.InviteAsync($"sip:{MagicNumbers.Allow}@gate.example")));
        }

        using var again = await AgiCommandTests.ServeAsync(port);
        await UntilPermittedAsync(client);
        gate.Interrupt();
        Assert.Equal(0, (await gate.EndAsync()).ExitCode);
    }

    [Fact]
    public async Task Sip_ServiceFrozen_AnswersTryingThen503()
    {
        var port = RedisServer.FreePort();
        using var service = await AgiCommandTests.ServeAsync(port);
        using var gate = Start(port, "1");
        var at = await AgiCommandTests.AddressAsync(gate, one => one.Output);
        using var client = await SipClient.ConnectAsync(at);
        await UntilPermittedAsync(client);

        service.Freeze();
        try
        {
            await client.SendAsync(client.Request($"sip:{MagicNumbers.Allow}@gate.example"));
            Assert.Equal(100, SipClient.Code(await client.ReceiveAsync()));
            Assert.Equal(503, SipClient.Code(await client.FinalAsync()));
            // Keep-alive of the switch: the gate itself is there.
            using var other = await SipClient.ConnectAsync(at);
            await other.SendAsync(other.Request("sip:gate.example", "OPTIONS"));
            Assert.Equal(200, SipClient.Code(await other.FinalAsync()));
        }
        finally
        {
            service.Thaw();
        }

        using var later = await SipClient.ConnectAsync(at);
        await UntilPermittedAsync(later);
    }

    // sipp counts a call as failed whose final response the scenario does not name.
    [Theory]
    [InlineData("udp")]
    [InlineData("tcp")]
    public async Task Sip_CallsAtARateWhileTheServiceIsFrozenAndKilled_PermitsNoCallThatIsNotAllowed(string transport)
    {
        Require("sipp");
        var port = RedisServer.FreePort();
        using var service = await AgiCommandTests.ServeAsync(port);
        using var gate = Start(port, "1");
        var at = await AgiCommandTests.AddressAsync(gate, one => one.Output);
        using var client = await SipClient.ConnectAsync(at);
        await UntilPermittedAsync(client);
        var scenario = await File.ReadAllTextAsync(Sample("sipp-uac.xml"), TestContext.Current.CancellationToken);
        var forbidden = await ScenarioAsync("forbidden", scenario.Replace("  <recv response=\"302\" optional=\"true\" rtd=\"1\" next=\"ack\"/>\n", "", StringComparison.Ordinal));
        var all = await ScenarioAsync("all", scenario);

        var calls = Task.WhenAll(
            SippAsync(at, forbidden, transport, MagicNumbers.DenyByObjection, MagicNumbers.NotCovered, MagicNumbers.Unknown, MagicNumbers.Hypothetical, MagicNumbers.Expired, MagicNumbers.Unavailable, MagicNumbers.UnheardOf),
            SippAsync(at, all, transport, MagicNumbers.Allow));
        service.Freeze();
        await client.SendAsync(client.Request($"sip:{MagicNumbers.Allow}@gate.example"));
        await client.FinalAsync();
        service.Thaw();
        await UntilPermittedAsync(client);
        await service.KillAsync();
        Assert.Equal(503, SipClient.Code(await client.InviteAsync($"sip:{MagicNumbers.Allow}@gate.example")));
        using var again = await AgiCommandTests.ServeAsync(port);

        var runs = await calls;
        Assert.All(runs, run => Assert.True(run.Code == 0, $"exit code {run.Code}: {run.Output}{run.Error}"));
        Assert.False(gate.HasExited, gate.Output + gate.Error);
    }

    [Theory]
    [InlineData("--trunks none.json", 1, "--trunks 'none.json' cannot be read:")]
    [InlineData("", 2, "--trunks is missing")]
    [InlineData("--trunks x --listen here", 2, "--listen 'here' is not an IP address with a port from 0 to 65535; write it like 127.0.0.1:5060.")]
    public async Task Sip_OptionNotValid_SaysWhatIs(string options, int code, string expected)
    {
        var run = await CliRun.Async(["sip", .. options.Split(' ', StringSplitOptions.RemoveEmptyEntries)]);

        Assert.Equal(code, run.ExitCode);
        Assert.StartsWith("lookup: " + expected, run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Sip_PortInUse_SaysSo()
    {
        using var taken = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        taken.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var run = await CliRun.Async("sip", "--trunks", Sample("trunks.json"), "--listen", taken.LocalEndPoint!.ToString()!, "--address", "http://127.0.0.1:1");

        Assert.Equal(1, run.ExitCode);
        Assert.StartsWith($"lookup: --listen {taken.LocalEndPoint}: ", run.Error, StringComparison.Ordinal);
    }

    private static ToolProcess Start(int port, string timeout) => ToolProcess.Start(
        "sip", "--trunks", Sample("trunks.json"), "--listen", "127.0.0.1:0", "--address", $"http://127.0.0.1:{port}", "--timeout", timeout);

    private static string Sample(string name) => Path.Combine(Root(), "samples/sip", name);

    private async Task<string> ScenarioAsync(string name, string text)
    {
        var file = _temp.PathOf(name + ".xml");
        await File.WriteAllTextAsync(file, text, TestContext.Current.CancellationToken);
        return file;
    }

    private async Task<(int Code, string Output, string Error)> SippAsync(IPEndPoint at, string scenario, string transport, params string[] numbers)
    {
        var list = scenario + ".csv";
        await File.WriteAllTextAsync(list, "SEQUENTIAL\n" + string.Concat(numbers.Select(number => $"sip:{number}@gate.example\n")), TestContext.Current.CancellationToken);
        return await RunAsync(
            "env", "TERM=dumb", $"--chdir={_temp.Path}", "sipp", at.ToString(), "-sf", scenario, "-inf", list, "-t", transport == "tcp" ? "t1" : "u1",
            "-i", "127.0.0.1", "-p", $"{RedisServer.FreePort()}", "-r", "100", "-m", "600", "-nostdin", "-timeout", "120s", "-timeout_error", "-trace_err");
    }

    // The fake's ALLOW lasts half a second, which a busy machine may need; the gate then answers 480.
    private static async Task UntilPermittedAsync(SipClient client)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        while (SipClient.Code(await client.InviteAsync($"sip:{MagicNumbers.Allow}@gate.example")) != 302)
        {
            limit.Token.ThrowIfCancellationRequested();
        }
    }
}
