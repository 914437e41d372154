using System.CommandLine;
using System.Globalization;
using Lookup.Cli.Hosting;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.Redis.Maintenance;
using Lookup.Server.Facts;
using Lookup.Server.Trail;
using Lookup.V1;
using Spectre.Console;

namespace Lookup.Cli.Commands;

/// <summary>lookup retention: deletes what no longer has to be kept.</summary>
internal sealed class RetentionCommand : CliCommand
{
    private readonly Option<bool> _dryRun = new("--dry-run") { Description = "Only show what is due." };
    private readonly Option<bool> _yes = new("--yes") { Description = "Skip the confirmation prompt." };
    private readonly Option<string?> _actor = new("--actor") { Description = "Person who deletes; default: your user name.", HelpName = "TEXT" };
    private readonly Option<string?> _reason = new("--reason") { Description = "Reason, as free text.", HelpName = "TEXT" };

    private readonly Option<string?> _regimes = new("--regimes")
    {
        Description = "With --data or --redis: folder with the rules in use, as for 'lookup serve --regimes'; default: the built-in rules.",
        HelpName = "DIR",
    };

    private readonly ConnectionOptions _connection;
    private readonly StoreChoice _store;

    public RetentionCommand(Shell shell)
        : base(
            shell,
            "retention",
            "Deletes facts that ended longer ago than their country's rules keep them, and permits no call by it; 'lookup regimes show' lists the terms.",
            "lookup retention --dry-run",
            "lookup retention --yes --reason 'monthly run'",
            "lookup retention --redis 127.0.0.1:6379 --key-file number.key --dry-run --json")
    {
        foreach (var option in (Option[])[_dryRun, _yes, _actor, _reason, _regimes])
        {
            Options.Add(option);
        }

        _connection = new ConnectionOptions(this);
        _store = new StoreChoice(this);
    }

    private delegate Task<RetentionResult> Apply(bool dryRun, Action<double> progress);

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
    {
        if (!parsed.GetValue(_dryRun) && !parsed.GetValue(_yes) && (IsJson(parsed) || !Shell.Console.Profile.Capabilities.Interactive))
        {
            throw CliException.Usage("Deleted facts cannot be restored: preview them with --dry-run, then confirm with --yes.");
        }

        if (!_store.IsEmpty(parsed) && _connection.IsNamed(parsed))
        {
            throw CliException.Usage("--address names a service, --data and --redis name a store: use only one.");
        }

        if (_store.IsEmpty(parsed))
        {
            if (parsed.GetValue(_regimes) is not null)
            {
                throw CliException.Usage("--regimes requires --data or --redis: a service applies its own rules.");
            }

            using var client = _connection.Connect(parsed);
            return await RunAsync(parsed, (only, progress) => client.ApplyRetentionAsync(Request(parsed, only), progress, ct), ct);
        }

        var regimes = RegimeFolder.Load(parsed.GetValue(_regimes));
        await using var store = await OpenStore.OpenToRecordAsync(_store.Get(parsed, defaultFolder: null), Shell.Clock, ct);
        return await RunAsync(
            parsed,
            (only, progress) => store.RunAsync(
                TrailActs.Describe(Request(parsed, only), store.Cipher),
                async () => RetentionRun.ToProto(await store.Store.Maintenance.RetainAsync(
                    RetentionOrder.Create(regimes, store.Cipher, Shell.Clock.GetUtcNow(), only), progress, ct)),
                Shell.Clock,
                ct),
            ct);
    }

    private ApplyRetentionRequest Request(ParseResult parsed, bool dryRun) => new()
    {
        DryRun = dryRun,
        Actor = parsed.GetValue(_actor) ?? Environment.UserName,
        Reason = parsed.GetValue(_reason) ?? "",
    };

    private async Task<int> RunAsync(ParseResult parsed, Apply apply, CancellationToken ct)
    {
        var dryRun = parsed.GetValue(_dryRun);
        if (dryRun || !parsed.GetValue(_yes))
        {
            var due = await RunWithProgressAsync(apply, dryRun: true);
            Write(parsed, due, "due");
            if (dryRun || due.Counts.Count == 0)
            {
                return ExitCodes.Ok;
            }

            if (!await Shell.Console.PromptAsync(new ConfirmationPrompt("Delete them?") { DefaultValue = false }, ct))
            {
                throw new CliException("Nothing was deleted.");
            }
        }

        Write(parsed, await RunWithProgressAsync(apply, dryRun: false), "deleted");
        return ExitCodes.Ok;
    }

    private void Write(ParseResult parsed, RetentionResult result, string word)
    {
        if (IsJson(parsed))
        {
            Shell.Output.WriteLine(JsonText.Format(result));
            return;
        }

        if (result.Counts.Count == 0)
        {
            Shell.Console.MarkupLine($"Nothing {(word == "due" ? "is due" : "was due")}.");
            return;
        }

        var table = new Table { Border = TableBorder.None };
        table.AddColumns(new TableColumn("country"), new TableColumn("kind"), new TableColumn(word).RightAligned(), new TableColumn("oldest"), new TableColumn("ended before"));
        foreach (var count in result.Counts)
        {
            table.AddRow(count.Country, count.Kind, count.Count.ToString("N0", CultureInfo.InvariantCulture), Day(count.Oldest), Day(count.Before));
        }

        Shell.Console.Write(table);
    }

    private static string Day(Google.Protobuf.WellKnownTypes.Timestamp time) => time.ToDateTime().ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    private Task<RetentionResult> RunWithProgressAsync(Apply apply, bool dryRun) =>
        WorkBar.RunAsync(Shell, dryRun ? "counting" : "deleting", share => apply(dryRun, share));
}
