using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Lookup.Client.Testing;
using static Lookup.Testing.Clients.Programs;

namespace Lookup.EndToEndTests.Gates;

/// <summary>samples/kamailio with Kamailio between a dialer, the gate and a carrier: the carrier gets permitted calls alone.</summary>
public sealed class KamailioSampleTests : IAsyncLifetime
{
    private readonly TempFolder _temp = new();
    private readonly List<string> _called = [];
    private readonly CancellationTokenSource _stop = new();
    private UdpClient? _carrier;
    private Task _carrying = Task.CompletedTask;
    private ToolProcess? _service;
    private ToolProcess? _gate;
    private Process? _kamailio;
    private IPEndPoint _at = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        if (!OnPath("kamailio"))
        {
            return;
        }

        try
        {
            await StartAsync();
        }
        catch
        {
            // xunit does not dispose of what did not start.
            await DisposeAsync();
            throw;
        }
    }

    private async Task StartAsync()
    {
        _carrier = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        _carrying = CarryAsync(_carrier);
        var port = RedisServer.FreePort();
        _service = await AgiCommandTests.ServeAsync(port);
        var carrier = _carrier.Client.LocalEndPoint!.ToString()!;
        var trunks = _temp.PathOf("trunks.json");
        var sample = await File.ReadAllTextAsync(Path.Combine(Root(), "samples/sip/trunks.json"), Token);
        await File.WriteAllTextAsync(trunks, sample.Replace("carrier.example:5060", carrier, StringComparison.Ordinal), Token);
        _gate = ToolProcess.Start("sip", "--trunks", trunks, "--listen", "127.0.0.1:0", "--address", $"http://127.0.0.1:{port}", "--timeout", "2");
        var gate = await AgiCommandTests.AddressAsync(_gate, one => one.Output);
        _at = new IPEndPoint(IPAddress.Loopback, RedisServer.FreePort());
        var config = (await File.ReadAllTextAsync(Path.Combine(Root(), "samples/kamailio/gate.cfg"), Token))
            .Replace("5070", $"{_at.Port}", StringComparison.Ordinal)
            .Replace("\"5060\"", $"\"{gate.Port}\"", StringComparison.Ordinal)
            .Replace("5090", carrier.Split(':')[1], StringComparison.Ordinal);
        await File.WriteAllTextAsync(_temp.PathOf("gate.cfg"), config, Token);
        _kamailio = Process.Start(new ProcessStartInfo(
            Find("kamailio")!, ["-DD", "-m", "32", "-M", "4", "-Y", _temp.Path, "-f", _temp.PathOf("gate.cfg")])
        { RedirectStandardError = true, RedirectStandardOutput = true })!;
        _kamailio.ErrorDataReceived += (_, _) => { };
        _kamailio.BeginErrorReadLine();
        _kamailio.BeginOutputReadLine();
        await UntilAsync(async client =>
        {
            await client.SendAsync(client.Request("sip:gate.example", "REGISTER"));
            return client.HasMore;
        });
    }

    public async ValueTask DisposeAsync()
    {
        if (_kamailio is { HasExited: false })
        {
            Signals.Terminate(_kamailio);
            await _kamailio.WaitForExitAsync(CancellationToken.None);
        }

        _kamailio?.Dispose();
        _gate?.Dispose();
        _service?.Dispose();
        await _stop.CancelAsync();
        await _carrying;
        _carrier?.Dispose();
        _stop.Dispose();
        _temp.Dispose();
    }

    [Fact]
    public async Task Kamailio_EveryMagicNumber_CallsOnlyWhatIsAllowed()
    {
        Require("kamailio");
        using var client = await SipClient.ConnectAsync(_at);
        string[] numbers =
        [
            MagicNumbers.DenyByObjection, MagicNumbers.NotCovered, MagicNumbers.Unknown, MagicNumbers.Unavailable, MagicNumbers.Hypothetical,
            MagicNumbers.Expired, MagicNumbers.UnheardOf, MagicNumbers.Refused, MagicNumbers.Overloaded, MagicNumbers.Broken, "alice",
        ];
        foreach (var number in numbers)
        {
            Assert.InRange(SipClient.Code(await client.InviteAsync($"sip:{number}@gate.example")), 400, 699);
        }

        Assert.Equal(603, SipClient.Code(await client.InviteAsync($"sip:{MagicNumbers.DenyByObjection}@gate.example")));
        Assert.Empty(Called());
        await UntilAsync(async one => SipClient.Code(await one.InviteAsync($"sip:{MagicNumbers.Allow}@gate.example")) == 486);
        Assert.All(Called(), uri => Assert.StartsWith($"sip:{MagicNumbers.Allow}@127.0.0.1:", uri, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Kamailio_ServiceFrozenThenGateGone_CallsNothing()
    {
        Require("kamailio");
        using var client = await SipClient.ConnectAsync(_at);
        _service!.Freeze();
        Assert.InRange(SipClient.Code(await client.InviteAsync($"sip:{MagicNumbers.Allow}@gate.example")), 500, 599);
        _service.Thaw();
        await _gate!.KillAsync();
        Assert.InRange(SipClient.Code(await client.InviteAsync($"sip:{MagicNumbers.Allow}@gate.example")), 400, 599);

        Assert.Empty(Called());
    }

    // A header of the dialer must not lead around the gate.
    [Fact]
    public async Task Kamailio_RouteOfTheDialer_IsNotFollowed()
    {
        Require("kamailio");
        using var client = await SipClient.ConnectAsync(_at);
        var response = await client.InviteAsync(
            $"sip:{MagicNumbers.DenyByObjection}@gate.example", $"Route: <sip:{_carrier!.Client.LocalEndPoint};lr>\r\n");

        Assert.Equal(603, SipClient.Code(response));
        Assert.Empty(Called());
    }

    private string[] Called()
    {
        lock (_called)
        {
            return [.. _called];
        }
    }

    private async Task UntilAsync(Func<SipClient, Task<bool>> condition)
    {
        var waited = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                using var client = await SipClient.ConnectAsync(_at);
                if (await condition(client))
                {
                    return;
                }
            }
            catch (SocketException)
            {
                // Kamailio does not listen yet.
            }

            Assert.True(waited.Elapsed < TimeSpan.FromMinutes(1), "Kamailio does not answer as expected.");
            Assert.False(_kamailio!.HasExited, "Kamailio has ended.");
            await Task.Delay(10, Token);
        }
    }

    // A carrier that is busy: it notes each INVITE and answers 486.
    private async Task CarryAsync(UdpClient carrier)
    {
        try
        {
            while (true)
            {
                var received = await carrier.ReceiveAsync(_stop.Token);
                var lines = Encoding.Latin1.GetString(received.Buffer).Split("\r\n");
                if (!lines[0].StartsWith("INVITE ", StringComparison.Ordinal))
                {
                    continue;
                }

                lock (_called)
                {
                    _called.Add(lines[0].Split(' ')[1]);
                }

                var kept = lines.Where(line => line.StartsWith("Via:", StringComparison.Ordinal) || line.StartsWith("From:", StringComparison.Ordinal)
                    || line.StartsWith("Call-ID:", StringComparison.Ordinal) || line.StartsWith("CSeq:", StringComparison.Ordinal));
                var to = lines.Single(line => line.StartsWith("To:", StringComparison.Ordinal));
                var busy = $"SIP/2.0 486 Busy Here\r\n{string.Concat(kept.Select(line => line + "\r\n"))}{to};tag=c\r\nContent-Length: 0\r\n\r\n";
                await carrier.SendAsync(Encoding.Latin1.GetBytes(busy), received.RemoteEndPoint, _stop.Token);
            }
        }
        catch (OperationCanceledException)
        {
            // The test ends.
        }
    }
}
