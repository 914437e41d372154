using System.CommandLine;
using Lookup.Cli.Hosting;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.Server.Imports;
using Lookup.V1;
using Spectre.Console;

namespace Lookup.Cli.Commands;

/// <summary>lookup revert: undoes one import.</summary>
internal sealed class RevertCommand : CliCommand
{
    private readonly Argument<string> _id = new("ID") { Description = "Id of the import, see 'lookup imports'." };
    private readonly Option<bool> _dryRun = new("--dry-run") { Description = "Only show what it would do." };
    private readonly Option<bool> _yes = new("--yes") { Description = "Do not ask." };
    private readonly Option<string?> _actor = new("--actor") { Description = "Who reverts it; default: your user name.", HelpName = "TEXT" };
    private readonly Option<string?> _reason = new("--reason") { Description = "Why, in words.", HelpName = "TEXT" };
    private readonly ConnectionOptions _connection;
    private readonly StoreChoice _store;

    public RevertCommand(Shell shell)
        : base(
            shell,
            "revert",
            "Undoes one import: what only it brought goes, what it changed is as before, what others assert too stays.",
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
            throw CliException.Usage("What an import forbade can be permitted without it: look with --dry-run, and say --yes to go on.");
        }

        if (!_store.IsEmpty(parsed) && _connection.IsNamed(parsed))
        {
            throw CliException.Usage("--address is a service and --data and --redis are a store: name one.");
        }

        if (_store.IsEmpty(parsed))
        {
            using var client = _connection.Connect(parsed);
            return await RunAsync(parsed, (only, progress) => client.RevertImportAsync(Request(parsed, only), progress, ct), ct);
        }

        await using var store = await OpenStore.OpenAsync(_store.Get(parsed, defaultFolder: null), Shell.Clock, ct);
        return await RunAsync(
            parsed,
            async (only, progress) =>
            {
                var request = Request(parsed, only);
                var import = await store.Store.Imports.RevertAsync(request.ImportId, ImportMapping.Read(request), Shell.Clock, progress, ct);
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
            var would = await ShownAsync(revert, dryRun: true);
            if (dryRun && IsJson(parsed))
            {
                Shell.Output.WriteLine(JsonText.Of(would));
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

        var import = await ShownAsync(revert, dryRun: false);
        if (IsJson(parsed))
        {
            Shell.Output.WriteLine(JsonText.Of(import));
            return ExitCodes.Ok;
        }

        ImportsCommand.Write(Shell.Console, import);
        Write(import.Revert, Done);
        return ExitCodes.Ok;
    }

    private static readonly string[] Would = ["would go", "would be set back", "would stay"];
    private static readonly string[] Done = ["gone", "set back", "stayed"];

    private void Write(ImportRevert revert, string[] words)
    {
        var gone = revert.Gone.Sum(count => count.Count);
        Shell.Console.MarkupLine(
            $"  [grey]revert:[/] {gone:N0} facts {words[0]}{Kinds(revert.Gone)}, {revert.SetBack:N0} {words[1]} to what others say, {revert.Passed:N0} {words[2]} because others say the same");
        if (revert.KeptStrict > 0)
        {
            Shell.Console.MarkupLine($"  {revert.KeptStrict:N0} belong to histories that are no longer whole: they stay on the side that forbids.");
        }

        if (revert.MayPermit.Count > 0)
        {
            Shell.Console.MarkupLine(
                $"  [yellow]Calls can be permitted by it:[/] {revert.MayPermit.Sum(count => count.Count):N0} of these facts forbade them{Kinds(revert.MayPermit)}.");
        }
    }

    private static string Kinds(Google.Protobuf.Collections.RepeatedField<KindCount> counts) =>
        counts.Count == 0 ? "" : $" ({string.Join(", ", counts.Select(count => $"{count.Count:N0} {count.Kind}"))})";

    private Task<V1.Import> ShownAsync(Revert revert, bool dryRun) =>
        WorkBar.ShownAsync(Shell, dryRun ? "counting" : "reverting", share => revert(dryRun, share));
}
