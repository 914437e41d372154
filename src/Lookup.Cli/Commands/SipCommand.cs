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
    private readonly GateMetricsOption _metrics;

    public SipCommand(Shell shell)
        : base(
            shell,
            "sip",
            "Runs a SIP redirect server until Ctrl-C: sends permitted calls to the trunk (302) and declines the others (603, 480, 484, 503).",
            "lookup sip --trunks trunks.json",
            "lookup sip --trunks trunks.json --listen 10.0.0.2:5060 --timeout 0.5",
            "lookup sip --trunks trunks.json --address https://lookup.example:7500 --json")
    {
        ExitCodeHelp = "0 stopped, 1 error, 2 usage.";
        Options.Add(_trunks);
        Options.Add(_listen);
        _metrics = new GateMetricsOption(this);
        _connection = new ConnectionOptions(this, timeout: 1);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
    {
        var listen = OptionParsing.Listen(parsed.GetRequiredValue(_listen), DefaultListen);
        var trunks = TrunkFile.Load(parsed.GetRequiredValue(_trunks));
        // Each call is checked: an answer that is reused would not count towards attempt limits.
        using var client = _connection.Connect(parsed, options => options with { ReuseLimit = 0 });
        var metrics = new GateMetrics();
        using var served = _metrics.Serve(parsed, metrics);
        var tally = new GateTally(metrics);
        var json = IsJson(parsed);
        List<string> why = await GateRun.WarmUpAsync(client, new Lookup.Client.LookupClientOptions().Channels, ct) is { Length: > 0 } away
            ? [$"{away} Every call is declined until it answers."]
            : await RejectedAsync(trunks, client.CheckAsync, ct);
        try
        {
            await using var gate = new SipGate(trunks, new CallGate(client.CheckAsync, tally, text => GateRun.Warn(Shell, json, text)));
            await using var server = await SipServer.StartAsync(listen, gate, MessageTime);
            WriteReady(json, server.EndPoint.ToString(), trunks, why);
            await GateRun.SummariseAsync(Shell, tally.Format, json, ct);
            return ExitCodes.Ok;
        }
        catch (SocketException exception)
        {
            throw GateRun.ListenFault(listen, exception);
        }
    }

    /// <summary>Tries the question of each trunk, and returns what the service rejects in one sentence for each cause.</summary>
    public static async Task<List<string>> RejectedAsync(IReadOnlyList<Trunk> trunks, CheckCall check, CancellationToken ct)
    {
        var rejected = new List<(string Trunk, string Rejection)>();
        foreach (var trunk in trunks)
        {
            if (await GateRun.ProbeAsync(check, trunk.Question, trunk.Region, ct) is { Length: > 0 } rejection)
            {
                rejected.Add((trunk.Name, rejection));
            }
        }

        return [.. rejected.GroupBy(one => one.Rejection, one => one.Trunk).Select(cause =>
            $"The service rejects the calls of {string.Join(", ", cause)}: {cause.Key} They are declined until it accepts them.")];
    }

    private void WriteReady(bool json, string at, IReadOnlyList<Trunk> trunks, List<string> why)
    {
        if (json)
        {
            Shell.Output.WriteLine(new JsonObject
            {
                ["sip"] = at,
                ["trunks"] = new JsonArray([.. trunks.Select(trunk => (JsonNode?)trunk.Name)]),
                ["why"] = string.Join(' ', why),
            }.ToJsonString(JsonText.Options));
            return;
        }

        foreach (var text in why)
        {
            GateRun.Warn(Shell, json, text);
        }

        Shell.Output.WriteLine($"Ready. SIP at {at} over UDP and TCP, trunks: {SafeText.Printable(string.Join(", ", trunks.Select(trunk => trunk.Name)))}. Stop with Ctrl-C.");
    }
}
