using System.CommandLine;
using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Lookup.Cli.Agi;
using Lookup.Cli.Gates;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.V1;

namespace Lookup.Cli.Commands;

/// <summary>lookup agi: a FastAGI server for Asterisk and VICIdial.</summary>
internal sealed class AgiCommand : CliCommand
{
    public const string DefaultListen = "127.0.0.1:4573";

    // The dialplan waits for this long at most, whatever the service does.
    private static readonly TimeSpan Overhead = TimeSpan.FromSeconds(4);

    // The credential alone is tried at the start: each dialplan asks its own question.
    private static readonly Question AnyQuestion = new() { Organisation = "any", Purpose = Purpose.Commercial };

    private readonly Option<string> _listen = new("--listen")
    {
        Description = "IP address and port to listen on. FastAGI has no credentials: keep it on this machine, or name the peers.",
        HelpName = "IP:PORT",
        DefaultValueFactory = _ => DefaultListen,
    };

    private readonly Option<string[]> _peers = new("--peer")
    {
        Description = "Address or network of an Asterisk on another machine, for example 10.0.0.0/24; all others are refused. Repeatable.",
        HelpName = "IP",
        DefaultValueFactory = _ => [],
    };

    private readonly Option<int> _connections = new("--max-connections")
    {
        Description = "Maximum calls that are checked at the same time, 1 to 10000; further connections are closed.",
        HelpName = "COUNT",
        DefaultValueFactory = _ => 512,
    };

    private readonly ConnectionOptions _connection;
    private readonly GateMetricsOption _metrics;

    public AgiCommand(Shell shell)
        : base(
            shell,
            "agi",
            "Runs a FastAGI server for Asterisk and VICIdial until Ctrl-C: a dialplan asks it before each call.",
            "lookup agi",
            "lookup agi --address http://127.0.0.1:7500 --timeout 0.5",
            "lookup agi --listen 10.0.0.2:4573 --peer 10.0.0.0/24",
            "lookup agi --json")
    {
        ExitCodeHelp = "0 stopped, 1 error, 2 usage. In the dialplan: AGI(agi://127.0.0.1/check?org=acme&purpose=commercial,+31612345678), then dial only if LOOKUP_VERDICT is ALLOW.";
        Options.Add(_listen);
        Options.Add(_peers);
        Options.Add(_connections);
        _connections.MustBe(1, 10_000, "a number of connections");
        _metrics = new GateMetricsOption(this);
        _connection = new ConnectionOptions(this, timeout: 1);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
    {
        var listen = OptionParsing.Listen(parsed.GetRequiredValue(_listen), DefaultListen);
        var peers = new List<IPNetwork>();
        foreach (var text in parsed.GetRequiredValue(_peers))
        {
            peers.Add(GateRun.TryParsePeer(text, out var network) ? network : throw CliException.Usage($"--peer '{text}' is not an IP address or network; write it like 10.0.0.0/24."));
        }

        if (!IPAddress.IsLoopback(listen.Address) && peers.Count == 0)
        {
            throw CliException.Usage($"--listen {listen} is reachable from other machines: name those that may ask with --peer.");
        }

        var timeout = TimeSpan.Zero;
        using var client = _connection.Connect(parsed, options =>
        {
            timeout = options.Timeout;
            // Each call is checked: an answer that is reused would not count towards attempt limits.
            return options with { ReuseLimit = 0 };
        });
        var metrics = new GateMetrics();
        using var served = _metrics.Serve(parsed, metrics);
        var tally = new GateTally(metrics);
        var json = IsJson(parsed);
        var why = await GateRun.WarmUpAsync(client, new Lookup.Client.LookupClientOptions().Channels, ct) is { Length: > 0 } away
            ? $"{away} Every call is UNKNOWN until it answers."
            : await GateRun.ProbeAsync(client.CheckAsync, AnyQuestion, "", ct) is { Length: > 0 } rejection
                ? $"The service rejects the calls of this gate: {rejection} Every call is UNKNOWN until it accepts them."
                : "";
        try
        {
            await using var server = AgiServer.Start(
                listen, new CallGate(client.CheckAsync, tally, text => GateRun.Warn(Shell, json, text)), new AgiLimits(parsed.GetValue(_connections), timeout + Overhead, peers));
            WriteReady(json, server.EndPoint, why);
            await GateRun.SummariseAsync(Shell, tally.Format, json, ct);
            return ExitCodes.Ok;
        }
        catch (SocketException exception)
        {
            throw GateRun.ListenFault(listen, exception);
        }
    }

    private void WriteReady(bool json, IPEndPoint at, string why)
    {
        if (json)
        {
            Shell.Output.WriteLine(new JsonObject { ["agi"] = at.ToString(), ["why"] = why }.ToJsonString(JsonText.Options));
            return;
        }

        if (why.Length > 0)
        {
            GateRun.Warn(Shell, json, why);
        }

        Shell.Output.WriteLine($"Ready. FastAGI at {at}. Stop with Ctrl-C.");
    }
}
