using System.CommandLine;
using System.Text.Json.Nodes;
using Lookup.Cli.Files;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.Core.Regimes;
using Lookup.V1;
using Spectre.Console;

namespace Lookup.Cli.Import;

/// <summary>lookup import --register NAME --snapshot DATE: updates a register to a newer snapshot.</summary>
internal sealed class SnapshotImport(Shell shell, ImportFileOptions file, ConnectionOptions connection, StoreChoice stores)
{
    private readonly Option<string?> _register = new("--register")
    {
        Description = "Register whose complete content the file holds, see 'lookup register list'; requires --snapshot; default: that of --format.",
        HelpName = "NAME",
    };

    private readonly Option<string?> _snapshot = new("--snapshot")
    {
        Description = "Date of the register's content: midnight in its keeper's time zone; requires --register or the --format of a register.",
        HelpName = "TIME",
    };

    private readonly Option<double> _maxChange = new("--max-change")
    {
        Description = "Stop if more than this share of the register would change, 0 to 100 percent.",
        HelpName = "PERCENT",
        DefaultValueFactory = _ => 10,
    };

    private readonly Option<bool> _acceptChange = new("--accept-change") { Description = "Apply the snapshot even if more would change than --max-change allows." };

    private readonly Option<long> _expect = new("--expect")
    {
        Description = "Count of numbers that the register's keeper states, 0 or more: stop if the file's count differs by more than --max-change. The first load of a register requires it, or --accept-change.",
        HelpName = "N",
    };

    public void AddTo(Command command)
    {
        foreach (var option in (System.CommandLine.Option[])[_register, _snapshot, _expect, _maxChange, _acceptChange])
        {
            command.Options.Add(option);
        }
    }

    /// <summary>Whether the command line selects a snapshot import.</summary>
    public bool IsAsked(ParseResult parsed) => parsed.GetValue(_register) is not null || parsed.GetValue(_snapshot) is not null;

    /// <summary>Runs the snapshot import and returns the exit code.</summary>
    public async Task<int> RunAsync(ParseResult parsed, bool dryRun, bool json, CancellationToken ct)
    {
        var register = Register(parsed);
        var date = parsed.GetTime(_snapshot, file.Zone(parsed, register.Name)) ?? throw CliException.Usage("--register requires --snapshot DATE.");
        var maxChange = parsed.GetWithin(_maxChange, 0, 100, "percent");
        using var input = file.Open(parsed, shell.Input, register.Name);
        using var plan = file.Plan(parsed, input, register.Name);
        if (plan.IsChangeList)
        {
            throw CliException.Usage($"{input.Name} is a change list, not the register's complete content: import it without --snapshot.");
        }

        plan.SayInferred(shell, input);
        using var rejects = new RejectFile(file.RejectPath(parsed, input));
        var source = new SnapshotSource(plan.Reader, plan.Map, register, rejects, file.MaxRejects(parsed) ?? 0);
        var open = new LoadSnapshotOpen
        {
            Register = register.Name,
            SnapshotDate = date,
            MaxChangePercent = maxChange,
            ExpectedNumbers = parsed.GetValue(_expect) is >= 0 and var expected ? expected : throw CliException.Usage($"--expect {parsed.GetValue(_expect)} is out of range: 0 or more."),
            Import = new ImportDescription
            {
                FileName = input.Path is null ? "" : input.FileName,
                FileSize = input.Length,
                Actor = Environment.UserName,
                Source = $"snapshot of {register.Name}",
            },
        };
        await using var target = await TargetAsync(parsed, register, open, ct);
        foreach (var chunk in source.Read())
        {
            ct.ThrowIfCancellationRequested();
            await target.AddAsync(chunk);
        }

        if (source.Numbers == 0)
        {
            throw new CliException($"{input.Name} has no numbers: nothing was changed.{(source.Invalid > 0 ? $" The rejected lines are in {rejects.Path}." : "")}");
        }

        var difference = await target.CompareAsync(input.Sha256(), source.Invalid);
        if (!json)
        {
            Show(input, plan, register.Name, date, difference, source, rejects);
        }

        if (difference.TooMuch && !parsed.GetValue(_acceptChange))
        {
            throw new CliException(TooMuch(register.Name, difference, open));
        }

        var id = dryRun ? "" : await ApplyAsync(target, parsed.GetValue(_acceptChange), register.Name);
        if (json)
        {
            shell.Output.WriteLine(Json(input.Name, plan.ReadAs, register.Name, date, difference, source, id).ToJsonString(JsonText.Options));
        }
        else if (!dryRun)
        {
            shell.Console.MarkupLine($"[green]Loaded:[/] {register.Name} as of {Local(date, register.Name)}.");
            shell.Console.MarkupLine($"  [grey]import:[/] {id}");
        }

        return source.Invalid > 0 ? ExitCodes.Rejected : ExitCodes.Ok;
    }

    // The register's date is a day of its keeper.
    private static string Local(Google.Protobuf.WellKnownTypes.Timestamp time, string register) =>
        TimeText.DayOf(time.ToDateTimeOffset(), NumberZone.OfRegister(register));

    private static string TooMuch(string register, SnapshotDifference difference, LoadSnapshotOpen open)
    {
        if (!Server.Imports.ImportMapping.IsExpected(difference.Listed, open, difference.LoadedDate is null) && open.ExpectedNumbers == 0)
        {
            return $"Nothing was changed: this is the first load of {register}, so nothing tells whether {(difference.Listed == 1 ? "1 number" : $"{difference.Listed:N0} numbers")} is the whole of it. Set --expect to the count that its keeper states, or confirm the count with --accept-change.";
        }

        var what = Server.Imports.ImportMapping.IsExpected(difference.Listed, open, difference.LoadedDate is null)
            ? $"{difference.ChangePercent:0.#} % of the {difference.Loaded:N0} numbers on {register} would change, more than {open.MaxChangePercent:0.#} %"
            : $"The file has {difference.Listed:N0} numbers where --expect says {open.ExpectedNumbers:N0}, more than {open.MaxChangePercent:0.#} % apart";
        return $"{what}: nothing was changed. Check the file; if it is correct, run the command again with --accept-change.";
    }

    private RegisterDefinition Register(ParseResult parsed)
    {
        var name = file.Register(parsed, parsed.GetValue(_register)) ?? throw CliException.Usage("--snapshot requires --register NAME.");
        return RegimeSet.BuiltIn.Registers.FirstOrDefault(register => register.Name == name)
            ?? throw CliException.Usage(
                $"--register '{name}' is unknown; {(Spelling.Closest(name, RegimeSet.BuiltIn.Registers.Select(register => register.Name)) is { } closest ? $"did you mean '{closest}'? " : "")}'lookup register list' lists all.");
    }

    private async Task<ISnapshotTarget> TargetAsync(ParseResult parsed, RegisterDefinition register, LoadSnapshotOpen open, CancellationToken ct)
    {
        if (stores.IsEmpty(parsed))
        {
            var client = connection.Connect(parsed);
            try
            {
                return new ServiceSnapshotTarget(client, await client.LoadSnapshotAsync(open, ct));
            }
            catch
            {
                client.Dispose();
                throw;
            }
        }

        if (open.SnapshotDate.ToDateTimeOffset() > shell.Clock.GetUtcNow())
        {
            throw CliException.Usage("--snapshot must not be in the future.");
        }

        var settings = stores.Get(parsed, defaultFolder: null);
        var store = await DirectTargets.OpenStoreAsync(settings, file.Restart(parsed), shell.Clock, ct);
        return new StoreSnapshotTarget(store, settings, register, open, shell.Clock, ct);
    }

    private Task<string> ApplyAsync(ISnapshotTarget target, bool acceptChange, string register) => WorkBar.RunAsync(
        shell,
        SafeText.Escape(register),
        share => target.ApplyAsync(acceptChange, progress => share((double)progress.Written / Math.Max(1, progress.Total))));

    private void Show(InputFile input, ImportPlan plan, string register, Google.Protobuf.WellKnownTypes.Timestamp date, SnapshotDifference difference, SnapshotSource source, RejectFile rejects)
    {
        var console = shell.Console;
        console.MarkupLine($"{SafeText.Escape(input.Name)}: {difference.Listed:N0} numbers on {register} as of {Local(date, register)}.");
        console.MarkupLine($"  [grey]read as:[/] {SafeText.Escape(plan.ReadAs)}");
        foreach (var note in plan.Reader.Notes)
        {
            console.MarkupLine($"  {SafeText.Escape(note)}");
        }

        console.MarkupLine(difference.LoadedDate is { } loaded
            ? $"  [grey]loaded:[/] {difference.Loaded:N0} as of {Local(loaded, register)}"
            : $"  [grey]loaded:[/] {difference.Loaded:N0}, no snapshot yet");
        console.MarkupLine(
            $"  [grey]difference:[/] {difference.Additions:N0} added, {difference.Removals:N0} removed, {difference.Changes:N0} with changed categories, {difference.Unchanged:N0} unchanged ({difference.ChangePercent:0.##} % change)");
        if (difference.Repeated + source.Invalid > 0)
        {
            console.MarkupLine($"  [grey]lines:[/] {difference.Repeated:N0} repeat a number, {source.Invalid:N0} have no valid number");
        }

        if (difference.ResumesImportId.Length > 0)
        {
            console.MarkupLine($"  Resumes the interrupted import {difference.ResumesImportId}.");
        }

        foreach (var sample in source.Samples)
        {
            console.MarkupLine(
                $"  [yellow]{(input.IsSheet ? "row" : "line")} {sample.Line}[/]{(sample.Column.Length > 0 ? $", {SafeText.Escape(sample.Column)}" : "")}: {SafeText.Escape(sample.Reason)}");
        }

        if (source.Invalid > 0)
        {
            console.MarkupLine($"  All rejected lines are in {SafeText.Escape(rejects.Path)}");
        }
    }

    private static JsonObject Json(
        string name, string readAs, string register, Google.Protobuf.WellKnownTypes.Timestamp date, SnapshotDifference difference, SnapshotSource source, string id) => new()
        {
            ["file"] = name,
            ["read_as"] = readAs,
            ["register"] = register,
            ["snapshot_date"] = DecisionPrinter.Time(date),
            ["loaded_date"] = difference.LoadedDate is { } loaded ? DecisionPrinter.Time(loaded) : null,
            ["loaded"] = difference.Loaded,
            ["listed"] = difference.Listed,
            ["additions"] = difference.Additions,
            ["removals"] = difference.Removals,
            ["changes"] = difference.Changes,
            ["unchanged"] = difference.Unchanged,
            ["change_percent"] = Math.Round(difference.ChangePercent, 4),
            ["repeated"] = difference.Repeated,
            ["invalid"] = source.Invalid,
            ["resumed"] = difference.ResumesImportId.Length > 0,
            ["import_id"] = id.Length > 0 ? id : null,
        };
}
