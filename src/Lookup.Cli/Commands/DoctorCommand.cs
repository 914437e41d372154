using System.CommandLine;
using System.Text.Json.Nodes;
using Lookup.Cli.Hosting;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.Client;
using Lookup.Core.Numbers;
using Lookup.Core.Regimes;
using Lookup.Redis;
using Lookup.Redis.Maintenance;
using Lookup.Redis.Store;
using Lookup.V1;
using Spectre.Console;

namespace Lookup.Cli.Commands;

/// <summary>lookup doctor: diagnoses a store or a running service.</summary>
internal sealed class DoctorCommand : CliCommand
{
    private readonly StoreChoice _store;
    private readonly ConnectionOptions _connection;

    private readonly Option<string?> _regimes = new("--regimes")
    {
        Description = "Folder with the rules in use, as for 'lookup serve --regimes'; default: the built-in rules.",
        HelpName = "DIR",
    };

    public DoctorCommand(Shell shell)
        : base(
            shell,
            "doctor",
            "Diagnoses a redis store, an embedded store or, by default, a running service, and says how to fix what is wrong.",
            "lookup doctor",
            "lookup doctor --redis 127.0.0.1:6379 --key-file number.key",
            "lookup doctor --data ./lookup-data --json")
    {
        ExitCodeHelp = "0 no faults (there may be warnings), 1 faults, 2 usage.";
        _store = new StoreChoice(this);
        _connection = new ConnectionOptions(this);
        Options.Add(_regimes);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
    {
        var findings = _store.IsEmpty(parsed)
            ? await ExamineServiceAsync(parsed, ct)
            : await ExamineStoreAsync(_store.Get(parsed, defaultFolder: null), ct);
        findings = [.. findings, Rules(parsed)];
        var worst = findings.Max(finding => finding.Level);
        if (IsJson(parsed))
        {
            Shell.Output.WriteLine(new JsonObject
            {
                ["level"] = Word(worst),
                ["findings"] = new JsonArray([.. findings.Select(finding => new JsonObject
                {
                    ["level"] = Word(finding.Level),
                    ["name"] = finding.Name,
                    ["what"] = finding.What,
                    ["fix"] = finding.Fix,
                })]),
            }.ToJsonString(JsonText.Options));
        }
        else
        {
            foreach (var finding in findings)
            {
                Write(finding);
            }
        }

        return worst == FindingLevel.Fail ? ExitCodes.Error : ExitCodes.Ok;
    }

    private Finding Rules(ParseResult parsed)
    {
        var regimes = RegimeFolder.Load(parsed.GetValue(_regimes));
        return regimes.DescribeUnverified(Shell.Clock.GetUtcNow()) is { } old
            ? new Finding(FindingLevel.Warn, "rules", old, "'lookup regimes check' lists the sources; update to a newer version of the rules, or check the sources and enter the new dates.")
            : new Finding(FindingLevel.Ok, "rules", $"Every source was checked within {RegimeSet.MonthsVerified} months.");
    }

    private static string Word(FindingLevel level) => level.ToString().ToLowerInvariant();

    private void Write(Finding finding)
    {
        var colour = finding.Level switch
        {
            FindingLevel.Ok => "green",
            FindingLevel.Warn => "yellow",
            _ => "red",
        };
        Shell.Console.MarkupLine($"[{colour}]{Word(finding.Level),-4}[/]  {SafeText.Escape(finding.Name)}: {SafeText.Escape(finding.What)}");
        if (finding.Fix.Length > 0)
        {
            Shell.Console.MarkupLine($"      {SafeText.Escape(finding.Fix)}");
        }
    }

    private async Task<IReadOnlyList<Finding>> ExamineStoreAsync(StoreSettings settings, CancellationToken ct)
    {
        if (settings.Redis is { } redis)
        {
            var (keyChecks, fault) = KeyChecks(settings);
            var findings = keyChecks is null
                ? await StoreAdmin.DoctorAsync(OpenStore.RedisOptions(settings), keyCheck: null, Shell.Clock, ct)
                : await StoreAdmin.DoctorAsync(OpenStore.RedisOptions(settings), keyChecks, Shell.Clock, ct);
            return fault is null ? findings : [.. findings, fault];
        }

        try
        {
            await using var store = await OpenStore.OpenAsync(settings, Shell.Clock, ct);
            var health = await store.Store.Maintenance.ProbeAsync(ct);
            return
            [
                new Finding(FindingLevel.Ok, "store", $"{health.Facts:N0} timelines in {store.Store.Manifest.Partitions} partitions."),
                .. health.Warnings.Select(warning => new Finding(FindingLevel.Warn, "store", warning)),
                .. await FilterFindings.ExamineAsync(store.Store.Filters, store.Store.Feed, Shell.Clock, ct),
            ];
        }
        catch (StoreUnavailableException exception)
        {
            return [new Finding(FindingLevel.Fail, "store", exception.Message)];
        }
    }

    private static (IReadOnlyList<string>? KeyChecks, Finding? Fault) KeyChecks(StoreSettings settings)
    {
        try
        {
            using var cipher = new NumberCipher(OpenStore.Keys(settings));
            return (cipher.KeyChecks, null);
        }
        catch (EncryptionKeyException exception)
        {
            return (null, new Finding(FindingLevel.Warn, "key", exception.Message, "To check the encryption key, name its file with --key-file."));
        }
    }

    private async Task<IReadOnlyList<Finding>> ExamineServiceAsync(ParseResult parsed, CancellationToken ct)
    {
        using var client = _connection.Connect(parsed);
        var findings = new List<Finding>();
        try
        {
            var serving = await client.IsServingAsync(ct);
            findings.Add(serving
                ? new Finding(FindingLevel.Ok, "service", $"Serving at {client.Address}.")
                : new Finding(FindingLevel.Fail, "service", $"Running at {client.Address} but NOT_SERVING: it cannot use its store.", "Run 'lookup doctor' on the store with --redis or --data, and read the service's log."));
            var registers = await client.ListRegistersAsync(new ListRegistersRequest(), ct);
            foreach (var register in registers.Registers)
            {
                findings.Add(register.SnapshotDates.Count > 0
                    ? new Finding(FindingLevel.Ok, register.Name, $"Loaded as of {TimeText.DayOf(register.SnapshotDates[0].ToDateTimeOffset(), NumberZone.OfRegister(register.Name))}.")
                    : register.Optional
                    ? new Finding(FindingLevel.Ok, register.Name, "Optional and not loaded; calls are decided without it.")
                    : new Finding(FindingLevel.Warn, register.Name, "Never loaded; calls that depend on it are not permitted.", $"If you call there, import it, then run 'lookup register snapshot {register.Name} --date DATE'."));
            }
        }
        catch (LookupException exception)
        {
            findings.Add(new Finding(FindingLevel.Fail, "service", exception.Message, "Start it with 'lookup serve', or name its address with --address."));
        }

        return findings;
    }
}
