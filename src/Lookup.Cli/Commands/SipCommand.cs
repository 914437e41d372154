using System.CommandLine;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Lookup.Cli.Gates;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.Cli.Sip;

namespace Lookup.Cli.Commands;

/// <summary>lookup sip: a SIP redirect server in front of a trunk.</summary>
internal sealed class SipCommand : CliCommand
{
    public const string DefaultListen = "127.0.0.1:5060";

    private static readonly TimeSpan MessageTime = TimeSpan.FromSeconds(10);

    private readonly Option<string> _listen = new("--listen")
    {
        Description = "IP address and port for UDP and TCP. Only the addresses of the trunk map are answered.",
        HelpName = "IP:PORT",
        DefaultValueFactory = _ => DefaultListen,
    };

    private readonly Option<string> _trunks = new("--trunks")
    {
        Description = "JSON file with the trunk map: source addresses, question, region, redirect, emergency numbers.",
        HelpName = "FILE",
        Required = true,
    };

    private readonly ConnectionOptions _connection;

    public SipCommand(Shell shell)
        : base(
            shell,
            "sip",
            "Runs a SIP redirect server until Ctrl-C: sends permitted calls to the trunk (302) and declines the others (603, 480, 503).",
            "lookup sip --trunks trunks.json",
            "lookup sip --trunks trunks.json --listen 10.0.0.2:5060 --timeout 0.5",
            "lookup sip --trunks trunks.json --address https://lookup.example:7500 --json")
    {
        ExitCodeHelp = "0 stopped, 1 error, 2 usage.";
        Options.Add(_trunks);
        Options.Add(_listen);
        _connection = new ConnectionOptions(this, timeout: 1);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
    {
        var listen = OptionParsing.Listen(parsed.GetRequiredValue(_listen), DefaultListen);
        var trunks = TrunkFile.Load(parsed.GetRequiredValue(_trunks));
        // Each call is checked: an answer that is reused would not count towards attempt limits.
        using var client = _connection.Connect(parsed, options => options with { ReuseLimit = 0 });
        var tally = new GateTally();
        var away = await GateRun.WarmUpAsync(client, new Lookup.Client.LookupClientOptions().Channels, ct);
        try
        {
            await using var gate = new SipGate(trunks, new CallGate(client.CheckAsync, tally));
            await using var server = await SipServer.StartAsync(listen, gate, MessageTime);
            WriteReady(parsed, server.EndPoint.ToString(), trunks, away);
            await GateRun.SummariseAsync(Shell, tally.Format, IsJson(parsed), ct);
            return ExitCodes.Ok;
        }
        catch (SocketException exception)
        {
            throw new CliException($"--listen {listen}: {exception.Message}.", inner: exception);
        }
    }

    private void WriteReady(ParseResult parsed, string at, IReadOnlyList<Trunk> trunks, string away)
    {
        if (IsJson(parsed))
        {
            Shell.Output.WriteLine(new JsonObject
            {
                ["sip"] = at,
                ["trunks"] = new JsonArray([.. trunks.Select(trunk => (JsonNode?)trunk.Name)]),
                ["why"] = away,
            }.ToJsonString(JsonText.Options));
            return;
        }

        if (away.Length > 0)
        {
            Shell.Error.WriteLine($"lookup: {away} Every call is declined until it answers.");
        }

        Shell.Output.WriteLine($"Ready. SIP at {at} over UDP and TCP, trunks: {SafeText.Printable(string.Join(", ", trunks.Select(trunk => trunk.Name)))}. Stop with Ctrl-C.");
    }
}
