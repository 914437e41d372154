using System.Collections;
using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Lookup.Cli.Hosting;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.Client.Testing;
using Lookup.Embedded;
using Lookup.Server;
using Spectre.Console;

namespace Lookup.Cli.Commands;

/// <summary>lookup serve: runs the service, on an embedded store unless --redis is set.</summary>
internal sealed class ServeCommand : CliCommand
{
    private const string DefaultFolder = "lookup-data";

    // A setting in the environment: LOOKUP__FRESHNESSBOUNDMS=300.
    private const string Prefix = "LOOKUP__";

    private readonly StoreChoice _store;
    private readonly SecurityOptions _guard;
    private readonly Option<bool> _create = new("--create")
    {
        Description = "Create a new, empty store if the folder of --data has none. Without this option such a start fails, because the folder may be the wrong one.",
    };

    private readonly Option<string?> _listen = new("--listen")
    {
        Description = "Address and port for gRPC; default: 127.0.0.1:7500; port 0 chooses a free one.",
        HelpName = "ADDRESS:PORT",
    };

    private readonly Option<int?> _jsonPort = new("--json-port") { Description = "Port for JSON over HTTP/1.1; default: 7501; 0 chooses a free one.", HelpName = "PORT" };

    private readonly Option<string[]> _set = new("--set")
    {
        Description = "Setting by its name, for example FreshnessBoundMs=300. Repeatable. The environment variable LOOKUP__FRESHNESSBOUNDMS sets the same. "
            + "Names: " + string.Join(", ", LookupServerOptions.Settings.Where(s => s.Unit != "port").Select(s => s.Name)) + ".",
        HelpName = "NAME=VALUE",
    };

    private readonly Option<bool> _fake = new("--fake")
    {
        Description = "Answer only magic numbers, for tests of a dialer: no store, no rules, no data. No other number is ever allowed.",
    };

    private readonly Option<LogFormat?> _log = new("--log")
    {
        Description = "Log format on standard error: text, json (one object per line) or none; default: text, with --json none. Numbers are masked.",
        HelpName = "FORMAT",
    };

    private readonly Option<string?> _traces = new("--trace-endpoint")
    {
        Description = "OTLP address for spans of sampled requests: gRPC, or HTTP if the address has a path. Sampling rate: --set TracePerMille=N.",
        HelpName = "URL",
    };

    private readonly Option<string?> _receipts = new("--receipts")
    {
        Description = "Folder for the receipts of answers, one per instance; requires --receipt-key.",
        HelpName = "FOLDER",
    };

    private readonly Option<string?> _receiptKey = new("--receipt-key")
    {
        Description = "File with the private key that signs receipts; 'lookup receipt key' creates one.",
        HelpName = "PATH",
    };

    private readonly Option<ReceiptsFor> _receiptsFor = new("--receipts-for")
    {
        Description = "Answers that get a receipt: all (an answer whose receipt cannot be written is not sent), or only those that request one.",
        HelpName = "WHICH",
    };

    private readonly Option<string?> _regimes = new("--regimes")
    {
        Description = "Folder with the rules that decide: all regime files, one *.json per country; default: the built-in rules.",
        HelpName = "DIR",
    };

    private readonly Option<string?> _shadow = new("--shadow-regimes")
    {
        Description = "Folder with rules that do not decide: metrics count what they would change. In lists, one number in --set ShadowListEvery=N is compared.",
        HelpName = "DIR",
    };

    public ServeCommand(Shell shell)
        : base(
            shell,
            "serve",
            $"Runs the service until Ctrl-C: gRPC and JSON over HTTP, on redis or an embedded store (default: {DefaultFolder}).",
            "lookup serve --create",
            "lookup serve --data /var/lib/lookup --listen 127.0.0.1:7500 --json-port 7501",
            "lookup serve --redis 127.0.0.1:6379 --key-file /etc/lookup/number.key",
            "lookup serve --redis env --key-file /etc/lookup/number.key",
            "lookup serve --set FreshnessBoundMs=300 --set MaxCheckStreams=8",
            "lookup serve --receipts /var/lib/lookup/receipts --receipt-key /etc/lookup/receipt.key",
            "lookup serve --shadow-regimes next",
            "lookup serve --regimes next",
            "lookup serve --credentials required",
            "lookup serve --listen 0.0.0.0:7500 --tls-cert /etc/lookup/tls.crt --tls-key /etc/lookup/tls.key --client-ca /etc/lookup/clients.crt",
            "lookup serve --jwt-issuer https://login.example.org/realms/calls --jwt-audience lookup",
            "lookup serve --trace-endpoint http://127.0.0.1:4317 --set TracePerMille=5",
            "lookup serve --log json")
    {
        _store = new StoreChoice(this);
        _guard = new SecurityOptions(this);
        Options.Add(_create);
        Options.Add(_listen);
        Options.Add(_jsonPort);
        Options.Add(_fake);
        Options.Add(_set);
        Options.Add(_log);
        Options.Add(_traces);
        Options.Add(_receipts);
        Options.Add(_receiptKey);
        Options.Add(_receiptsFor);
        Options.Add(_regimes);
        Options.Add(_shadow);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
    {
        if (parsed.GetValue(_fake))
        {
            return _store.IsUnset(parsed) && (parsed.GetValue(_receipts) ?? parsed.GetValue(_regimes) ?? parsed.GetValue(_shadow)) is null
                ? await ServeFakeAsync(parsed, ct)
                : throw CliException.Usage("--fake cannot be combined with --data, --redis, --key-file, --receipts, --regimes or --shadow-regimes.");
        }

        if (OpenFileLimit.Fault(OpenFileLimit.NeededByStore) is { } tooFewFiles)
        {
            throw new CliException(tooFewFiles);
        }

        var settings = _store.Get(parsed, DefaultFolder) with { Create = parsed.GetValue(_create) };
        if (settings is { Create: true, Folder: null })
        {
            throw CliException.Usage("--create requires --data; create a redis store with 'lookup init'.");
        }

        var log = parsed.GetValue(_log) ?? (IsJson(parsed) ? LogFormat.None : LogFormat.Text);
        var regimes = RegimeFolder.Load(parsed.GetValue(_regimes));
        var shadow = parsed.GetValue(_shadow) is { } folder ? RegimeFolder.Load(folder, regimes) : null;
        await using var service = await LocalService.StartAsync(
            ServerOptions(parsed), settings, Shell, log, ct, Receipts(parsed), regimes, shadow);
        await WriteReadyAsync(parsed, service, settings, ct);

        await Task.Delay(Timeout.InfiniteTimeSpan, ct).ContinueWith(static _ => { }, TaskScheduler.Default);
        await service.StopAsync();
        return ExitCodes.Ok;
    }

    // Show which store it is, its age and its size, so that a wrong one is noticed.
    private async Task WriteReadyAsync(ParseResult parsed, LocalService service, StoreSettings settings, CancellationToken ct)
    {
        var store = service.Store.Store;
        var facts = (await store.Maintenance.ProbeAsync(ct)).Facts;
        var since = TimeText.Format(DateTimeOffset.FromUnixTimeMilliseconds(store.Manifest.Created));
        var name = settings.Folder ?? "redis";
        if (IsJson(parsed))
        {
            Shell.Output.WriteLine(new JsonObject
            {
                ["grpc"] = service.GrpcAddress.ToString(),
                ["json"] = service.JsonAddress.ToString(),
                ["serving"] = service.IsServing,
                ["why"] = service.WhyNotServing,
                ["store"] = new JsonObject { ["name"] = name, ["created"] = since, ["facts"] = facts, ["new"] = service.Store.IsNew },
            }.ToJsonString(JsonText.Options));
            return;
        }

        Shell.Console.MarkupLine(
            service.Store.IsNew ? $"[bold yellow]A NEW, EMPTY store was created in {SafeText.Escape(name)}.[/]"
            : $"The store {SafeText.Escape(name)} was created at {since} and has {facts:N0} facts.");
        var state = service.WhyNotServing.Length == 0 ? "[green]Ready.[/]"
            : $"[bold yellow]Ready, but {(service.IsServing ? "it takes no writes" : "NOT_SERVING")}:[/] {SafeText.Escape(service.WhyNotServing.TrimEnd('.'))}.";
        Shell.Console.MarkupLine($"{state} gRPC at {service.GrpcAddress}, JSON at {service.JsonAddress}. Stop with Ctrl-C.");
    }

    private async Task<int> ServeFakeAsync(ParseResult parsed, CancellationToken ct)
    {
        await using var service = await FakeService.StartAsync(ServerOptions(parsed), ct);
        if (IsJson(parsed))
        {
            Shell.Output.WriteLine(new JsonObject
            {
                ["grpc"] = service.GrpcAddress.ToString(),
                ["json"] = service.JsonAddress.ToString(),
                ["fake"] = true,
            }.ToJsonString(JsonText.Options));
        }
        else
        {
            Shell.Console.MarkupLine("[red]This is a FAKE: no store, no rules, no data. Its answers say nothing about any real number.[/]");
            Shell.Console.MarkupLine($"[green]Ready.[/] gRPC at {service.GrpcAddress}, JSON at {service.JsonAddress}. Try {MagicNumbers.Allow} (ALLOW) and {MagicNumbers.DenyByObjection} (DENY). Stop with Ctrl-C.");
        }

        await Task.Delay(Timeout.InfiniteTimeSpan, ct).ContinueWith(static _ => { }, TaskScheduler.Default);
        await service.StopAsync();
        return ExitCodes.Ok;
    }

    private ReceiptSettings? Receipts(ParseResult parsed) => (parsed.GetValue(_receipts), parsed.GetValue(_receiptKey)) switch
    {
        (null, null) => parsed.GetResult(_receiptsFor) is { Implicit: false }
            ? throw CliException.Usage("--receipts-for requires --receipts FOLDER.")
            : null,
        ({ } folder, { } key) => new ReceiptSettings(folder, key),
        (null, _) => throw CliException.Usage("--receipt-key requires --receipts FOLDER."),
        _ => throw CliException.Usage("--receipts requires --receipt-key FILE: create a key with 'lookup receipt key FILE'."),
    };

    private LookupServerOptions ServerOptions(ParseResult parsed)
    {
        var options = new LookupServerOptions();
        if (parsed.GetValue(_listen) is { } listen)
        {
            var at = OptionParsing.Listen(listen, "127.0.0.1:7500");
            options.Address = at.Address.ToString();
            options.GrpcPort = at.Port;
            options.JsonPort = at.Port == 0 ? 0 : options.JsonPort;
        }

        _guard.Apply(parsed, options);
        options.JsonPort = parsed.GetValue(_jsonPort) ?? options.JsonPort;
        if (parsed.GetValue(_traces) is { } traces)
        {
            options.TraceEndpoint = Uri.TryCreate(traces, UriKind.Absolute, out var endpoint)
                ? endpoint
                : throw CliException.Usage($"--trace-endpoint '{traces}' is not an address; write it like http://127.0.0.1:4317.");
        }

        options.ReceiptsFor = parsed.GetValue(_receiptsFor);
        ApplyEnvironment(options, Environment.GetEnvironmentVariables());
        foreach (var text in parsed.GetValue(_set) ?? [])
        {
            var name = text.Split('=')[0];
            Set(options, $"--set '{text}'", name, text[Math.Min(name.Length + 1, text.Length)..]);
        }

        return options;
    }

    /// <summary>Applies the settings among environment variables.</summary>
    /// <exception cref="CliException">A name or a value is not valid.</exception>
    internal static void ApplyEnvironment(LookupServerOptions options, IDictionary variables)
    {
        foreach (var (variable, value) in variables.Cast<DictionaryEntry>().Select(e => ((string)e.Key, (string?)e.Value ?? "")))
        {
            if (variable.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase))
            {
                Set(options, $"environment variable {variable}", variable[Prefix.Length..], value);
            }
        }
    }

    private static void Set(LookupServerOptions options, string source, string name, string value)
    {
        if (!int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
        {
            throw CliException.Usage($"{source}: '{value}' is not a whole number; write NAME=VALUE, for example FreshnessBoundMs=300.");
        }

        if (!options.TrySet(name, number))
        {
            var closest = Spelling.Closest(name.ToUpperInvariant(), LookupServerOptions.Settings.Select(s => s.Name.ToUpperInvariant()));
            var meant = LookupServerOptions.Settings.FirstOrDefault(s => s.Name.Equals(closest, StringComparison.OrdinalIgnoreCase));
            throw CliException.Usage(
                $"{source}: '{name}' is not a setting{(meant is null ? "; 'lookup serve --help' lists them." : $"; did you mean {meant.Name}?")}");
        }
    }
}
