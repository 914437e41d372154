using System.CommandLine;
using Lookup.Cli.Hosting;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.Server.Imports;
using Lookup.Server.Trail;
using Lookup.V1;
using Spectre.Console;

namespace Lookup.Cli.Commands;

/// <summary>lookup revert: undoes one import.</summary>
internal sealed class RevertCommand : CliCommand
{
    private readonly Argument<string> _id = new("ID") { Description = "Id of the import, see 'lookup imports'." };
    private readonly Option<bool> _dryRun = new("--dry-run") { Description = "Only show what the revert would change." };
    private readonly Option<bool> _yes = new("--yes") { Description = "Skip the confirmation prompt." };
    private readonly Option<string?> _actor = new("--actor") { Description = "Person who reverts the import; default: your user name.", HelpName = "TEXT" };
    private readonly Option<string?> _reason = new("--reason") { Description = "Reason, as free text.", HelpName = "TEXT" };
    private readonly ConnectionOptions _connection;
    private readonly StoreChoice _store;

    public RevertCommand(Shell shell)
        : base(
            shell,
            "revert",
            "Undoes one import: removes facts that only it asserts, restores facts it changed, keeps facts that others also assert.",
            "lookup revert 20261124-141502-7f3a --dry-run",
            "lookup revert 20261124-141502-7f3a --reason 'wrong file' --yes")
    {
        Arguments.Add(_id);
        foreach (var option in (Option[])[_dryRun, _yes, _actor, _reason])
        {
            Options.Add(option);
        }

        _connection = new ConnectionOptions(this);
        _store = new StoreChoice(this);
    }

    private delegate Task<V1.Import> Revert(bool dryRun, Action<double> progress);

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
    {
        var dryRun = parsed.GetValue(_dryRun);
        if (!dryRun && !parsed.GetValue(_yes) && (IsJson(parsed) || !Shell.Console.Profile.Capabilities.Interactive))
        {
            throw CliException.Usage("Reverting can permit calls that the import forbade: preview it with --dry-run, then confirm it with --yes.");
        }

        if (!_store.IsEmpty(parsed) && _connection.IsNamed(parsed))
        {
            throw CliException.Usage("--address names a service, --data and --redis name a store: use only one.");
        }

        if (_store.IsEmpty(parsed))
        {
            using var client = _connection.Connect(parsed);
            return await RunAsync(parsed, (only, progress) => client.RevertImportAsync(Request(parsed, only), progress, ct), ct);
        }

        await using var store = await OpenStore.OpenToRecordAsync(_store.Get(parsed, defaultFolder: null), Shell.Clock, ct);
        return await RunAsync(
            parsed,
            async (only, progress) =>
            {
                var request = Request(parsed, only);
                var import = await store.RunAsync(
                    TrailActs.Describe(request, store.Cipher),
                    () => store.Store.Imports.RevertAsync(request.ImportId, ImportMapping.Read(request), Shell.Clock, progress, ct),
                    Shell.Clock,
                    ct);
                return ImportMapping.ToProto(import, Shell.Clock.GetUtcNow().ToUnixTimeMilliseconds());
            },
            ct);
    }

    private RevertImportRequest Request(ParseResult parsed, bool dryRun) => new()
    {
        ImportId = parsed.GetRequiredValue(_id),
        DryRun = dryRun,
        Actor = parsed.GetValue(_actor) ?? Environment.UserName,
        Reason = parsed.GetValue(_reason) ?? "",
    };

    private async Task<int> RunAsync(ParseResult parsed, Revert revert, CancellationToken ct)
    {
        var dryRun = parsed.GetValue(_dryRun);
        if (dryRun || !parsed.GetValue(_yes))
        {
            var would = await RunWithProgressAsync(revert, dryRun: true);
            if (dryRun && IsJson(parsed))
            {
                Shell.Output.WriteLine(JsonText.Format(would));
                return ExitCodes.Ok;
            }

            ImportsCommand.Write(Shell.Console, would);
            Write(would.Revert, would.State == V1.ImportState.Reverted ? Done : Would);
            if (dryRun || would.State == V1.ImportState.Reverted)
            {
                return ExitCodes.Ok;
            }

            if (!await Shell.Console.PromptAsync(new ConfirmationPrompt("Revert it?") { DefaultValue = false }, ct))
            {
                throw new CliException("Nothing was reverted.");
            }
        }

        var import = await RunWithProgressAsync(revert, dryRun: false);
        if (IsJson(parsed))
        {
            Shell.Output.WriteLine(JsonText.Format(import));
            return ExitCodes.Ok;
        }

        ImportsCommand.Write(Shell.Console, import);
        Write(import.Revert, Done);
        return ExitCodes.Ok;
    }

    private static readonly string[] Would = ["would be removed", "would be restored", "would be kept"];
    private static readonly string[] Done = ["removed", "restored", "kept"];

    private void Write(ImportRevert revert, string[] words)
    {
        var gone = revert.Gone.Sum(count => count.Count);
        Shell.Console.MarkupLine(
            $"  [grey]revert:[/] {gone:N0} facts {words[0]}{Kinds(revert.Gone)}, {revert.SetBack:N0} {words[1]}, {revert.Passed:N0} {words[2]} because other sources assert them");
        if (revert.KeptStrict > 0)
        {
            Shell.Console.MarkupLine($"  {revert.KeptStrict:N0} facts have an incomplete history: they keep the value that forbids calls.");
        }

        if (revert.MayPermit.Count > 0)
        {
            Shell.Console.MarkupLine(
                $"  [yellow]This can permit calls:[/] {revert.MayPermit.Sum(count => count.Count):N0} of these facts forbade calls{Kinds(revert.MayPermit)}.");
        }
    }

    private static string Kinds(Google.Protobuf.Collections.RepeatedField<KindCount> counts) =>
        counts.Count == 0 ? "" : $" ({string.Join(", ", counts.Select(count => $"{count.Count:N0} {count.Kind}"))})";

    private Task<V1.Import> RunWithProgressAsync(Revert revert, bool dryRun) =>
        WorkBar.RunAsync(Shell, dryRun ? "counting" : "reverting", share => revert(dryRun, share));
}
