using System.CommandLine;
using System.Text.Json.Nodes;
using Lookup.Cli.Hosting;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.Client;
using Lookup.Core.Blocks;
using Lookup.Core.Numbers;
using Lookup.Core.Regimes;
using Lookup.Redis;
using Lookup.Redis.Maintenance;
using Lookup.Redis.Store;
using Lookup.Server.Facts;
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

    private readonly Option<string?> _formerNumbers = new("--former-numbers")
    {
        Description = "Also reads every fact of a store and writes those that no check finds, because an earlier version stored them under another form of their number, to a file for 'lookup import'.",
        HelpName = "FILE",
    };

    public DoctorCommand(Shell shell)
        : base(
            shell,
            "doctor",
            "Diagnoses a redis store, an embedded store or, by default, a running service, and says how to fix what is wrong.",
            "lookup doctor",
            "lookup doctor --redis 127.0.0.1:6379 --key-file number.key",
            "lookup doctor --data ./lookup-data --json",
            "lookup doctor --data ./lookup-data --former-numbers former.ndjson")
    {
        ExitCodeHelp = "0 no faults (there may be warnings), 1 faults, 2 usage.";
        _store = new StoreChoice(this);
        _connection = new ConnectionOptions(this);
        Options.Add(_regimes);
        Options.Add(_formerNumbers);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
    {
        var file = parsed.GetValue(_formerNumbers);
        if (file is not null && _store.IsEmpty(parsed))
        {
            throw CliException.Usage("--former-numbers reads a store: name it with --data or --redis.");
        }

        var findings = _store.IsEmpty(parsed)
            ? await ExamineServiceAsync(parsed, ct)
            : await ExamineStoreAsync(_store.Get(parsed, defaultFolder: null), ct);
        if (file is not null && findings.All(finding => finding.Level != FindingLevel.Fail))
        {
            findings = [.. findings, .. await WriteFormerNumbersAsync(_store.Get(parsed, defaultFolder: null), parsed, file, ct)];
        }

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
                await CertificateCount.FindAsync(store.Store.Maintenance.VisitEvidenceAsync, Shell.Clock.GetUtcNow(), ct),
            ];
        }
        catch (StoreUnavailableException exception)
        {
            return [new Finding(FindingLevel.Fail, "store", exception.Message)];
        }
    }

    private async Task<IReadOnlyList<Finding>> WriteFormerNumbersAsync(StoreSettings settings, ParseResult parsed, string file, CancellationToken ct)
    {
        await using var store = await OpenStore.OpenAsync(settings, Shell.Clock, ct);
        var former = new FormerNumbers(store.Store, store.Cipher, RegimeFolder.Load(parsed.GetValue(_regimes)), Shell.Clock);
        return [await WriteFactsAsync(former, file, ct), Blocks(await former.BlocksAsync(ct))];
    }

    private static Finding Blocks(IReadOnlyList<NumberBlock> blocks)
    {
        const int Shown = 3;
        if (blocks.Count == 0)
        {
            return new Finding(FindingLevel.Ok, "blocks", "Every block names numbers of a numbering plan.");
        }

        var names = string.Join(", ", blocks.Take(Shown).Select(block => $"{block.Range} of {block.Organisation}"));
        return new Finding(
            FindingLevel.Warn,
            "blocks",
            $"{blocks.Count:N0} blocks name numbers that are in no numbering plan of this version: {names}{(blocks.Count > Shown ? " …" : "")}. Where they are another form of valid numbers, they forbid calls to those; else they forbid none.",
            "'lookup record block' with the same numbers records them as checks read them, or reports why no number has them. The present block remains and does no harm.");
    }

    private static async Task<Finding> WriteFactsAsync(FormerNumbers former, string file, CancellationToken ct)
    {
        var numbers = await former.FindAsync(ct);
        if (numbers.Count == 0)
        {
            return new Finding(FindingLevel.Ok, "numbers", "Every number with facts is in a numbering plan.");
        }

        var (facts, readable) = (0, 0);
        await using (var output = new StreamWriter(file))
        {
            foreach (var number in numbers.Where(number => number.Now is not null))
            {
                readable++;
                foreach (var fact in await former.FactsAsync(number, ct))
                {
                    await output.WriteLineAsync(JsonText.FormatShort(fact).AsMemory(), ct);
                    facts++;
                }
            }
        }

        return new Finding(
            FindingLevel.Warn,
            "numbers",
            $"{numbers.Count:N0} numbers with facts are in no numbering plan of this version, so no check finds their facts. {readable:N0} are another form of a valid number: {file} has their facts ({facts:N0} versions) under that number. Checks reject the others.",
            facts == 0 ? "" : $"Run 'lookup import {file}'. Load registers again.");
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
