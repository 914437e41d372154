using System.CommandLine;
using Lookup.Cli.Hosting;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.Server.Imports;
using Lookup.V1;
using Spectre.Console;

namespace Lookup.Cli.Commands;

/// <summary>lookup imports: lists past and running imports.</summary>
internal sealed class ImportsCommand : CliCommand
{
    private readonly Option<int> _last = new("--last")
    {
        Description = "Count of imports to list, 1 to 1000.",
        HelpName = "N",
        DefaultValueFactory = _ => 20,
    };

    private readonly ConnectionOptions _connection;
    private readonly StoreChoice _store;

    public ImportsCommand(Shell shell)
        : base(shell, "imports", "Lists imports, newest first: id, state, file, counts.", "lookup imports", "lookup imports --last 1 --json")
    {
        Options.Add(_last);
        _connection = new ConnectionOptions(this);
        _store = new StoreChoice(this);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
    {
        var last = parsed.GetWithin(_last, 1, Redis.Imports.IImportStore.MaxPage);
        var response = await ListAsync(parsed, last, ct);
        var hasMore = response.NextPageToken.Length > 0;
        response.NextPageToken = "";
        if (IsJson(parsed))
        {
            Shell.Output.WriteLine(JsonText.Format(response));
            return ExitCodes.Ok;
        }

        if (response.Imports.Count == 0)
        {
            Shell.Console.MarkupLine("[bold]No imports.[/]");
        }

        foreach (var import in response.Imports)
        {
            Write(Shell.Console, import);
        }

        if (hasMore)
        {
            Shell.Console.MarkupLine("[grey]More imports: --last N[/]");
        }

        return ExitCodes.Ok;
    }

    /// <summary>Writes one import on a few lines.</summary>
    internal static void Write(IAnsiConsole console, V1.Import import)
    {
        console.MarkupLine(
            $"[bold]{SafeText.Escape(import.ImportId)}[/]  {State(import.State)}  {DecisionPrinter.Time(import.BeginTime)}{(import.EndTime is { } end ? " to " + DecisionPrinter.Time(end) : "")}");
        if (import.FileName.Length > 0)
        {
            var hash = import.FileSha256.Length > 0 ? $", SHA-256 {import.FileSha256}" : "";
            console.MarkupLine($"  [grey]file:[/] {SafeText.Escape(import.FileName)}, {import.FileSize:N0} bytes{hash}");
        }

        if (import.Register.Length > 0)
        {
            console.MarkupLine(
                $"  [grey]register:[/] {SafeText.Escape(import.Register)} as of {SafeText.Escape(TimeText.DayOf(import.SnapshotDate.ToDateTimeOffset(), NumberZone.OfRegister(import.Register)))}: {import.Additions:N0} added, {import.Removals:N0} removed, {import.Changes:N0} changed, {import.Unchanged:N0} unchanged");
        }
        else
        {
            console.MarkupLine($"  [grey]facts:[/] {import.Recorded:N0} recorded, {import.Unchanged:N0} unchanged, {import.Refused:N0} rejected");
        }

        if (import.Actor.Length + import.Source.Length > 0)
        {
            console.MarkupLine($"  [grey]by:[/] {SafeText.Escape(import.Actor)}  [grey]source:[/] {SafeText.Escape(import.Source)}");
        }
    }

    private async Task<ListImportsResponse> ListAsync(ParseResult parsed, int last, CancellationToken ct)
    {
        if (_store.IsEmpty(parsed))
        {
            using var client = _connection.Connect(parsed);
            return await client.ListImportsAsync(new ListImportsRequest { PageSize = last }, ct);
        }

        if (_connection.IsNamed(parsed))
        {
            throw CliException.Usage("--address names a service, --data and --redis name a store: use only one.");
        }

        await using var store = await OpenStore.OpenAsync(_store.Get(parsed, defaultFolder: null), Shell.Clock, ct);
        var now = Shell.Clock.GetUtcNow().ToUnixTimeMilliseconds();
        var imports = await store.Store.Imports.ListAsync(null, last, ct);
        return new ListImportsResponse
        {
            Imports = { imports.Select(import => ImportMapping.ToProto(import, now)) },
            NextPageToken = imports.Count == last ? imports[^1].Id : "",
        };
    }

    private static string State(ImportState state) => state switch
    {
        ImportState.Done => "[green]done[/]",
        ImportState.Running => "running",
        _ => $"[yellow]{Words.ImportStates.WordFor(state).Replace('_', ' ')}[/]",
    };
}
