using System.CommandLine;
using Lookup.Cli.Files;
using Lookup.Cli.Import;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.Core.Regimes;
using Lookup.V1;

namespace Lookup.Cli.Commands;

/// <summary>lookup import: imports a file of facts into a service or directly into a store.</summary>
internal sealed class ImportCommand : CliCommand
{
    private readonly ImportFileOptions _file;
    private readonly Option<bool> _dryRun = new("--dry-run") { Description = "Validate every line as the service would, and record nothing." };
    private readonly ConnectionOptions _connection;
    private readonly StoreChoice _store;
    private readonly SnapshotImport _snapshot;

    public ImportCommand(Shell shell)
        : base(
            shell,
            "import",
            "Imports facts from a CSV, NDJSON, Excel or Parquet file. Safe to repeat; a stopped import resumes.",
            "lookup import optouts.csv --set kind=objection --set organisation=acme --map number=phone",
            "lookup import consents.ndjson.gz --dry-run",
            "lookup import optouts.xlsx --sheet 2026 --date-format dd/MM/yyyy --timezone Europe/Paris --set kind=objection --set organisation=acme --set region=FR",
            "lookup import dnc.zip --format ftc-dnc --snapshot 2026-11-20",
            "lookup import sent.csv --format bloctel --cleaned returned.csv",
            "lookup import bmnr.csv.gz --register nl-bmnr --snapshot 2015-03-01 --timezone Europe/Amsterdam",
            "lookup import bmnr.csv.gz --set kind=registration --set register=nl-bmnr --timezone Europe/Amsterdam --ignore '*'",
            "lookup import bmnr.csv --set kind=registration --set register=nl-bmnr --timezone Europe/Amsterdam --redis 127.0.0.1:6379 --key-file number.key",
            "mysql -B -e 'select number, since from optout' | lookup import - --set kind=objection --set organisation='*' --map effective=since --timezone UTC")
    {
        ExitCodeHelp = "0 all lines were imported, 3 some lines were rejected, 1 error, 2 usage, 130 stopped.";
        _file = new ImportFileOptions(this);
        Options.Add(_dryRun);
        _connection = new ConnectionOptions(this);
        _store = new StoreChoice(this);
        _snapshot = new SnapshotImport(Shell, _file, _connection, _store);
        _snapshot.AddTo(this);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
    {
        if (!_store.IsEmpty(parsed) && _connection.IsNamed(parsed))
        {
            throw CliException.Usage("--address names a service, --data and --redis name a store: use only one.");
        }

        if (_snapshot.IsAsked(parsed))
        {
            return await _snapshot.RunAsync(parsed, parsed.GetValue(_dryRun), IsJson(parsed), ct);
        }

        using var input = _file.Open(parsed, Shell.Input);
        using var plan = _file.Plan(parsed, input, register: null);
        plan.SayInferred(Shell, input);
        var map = plan.Map;
        var mapper = new FactMapper(map.Where, map.Fixed, plan.Zone, $"import {input.FileName}", rules: plan.Rules);
        using var rejects = new RejectFile(_file.RejectPath(parsed, input));
        var importer = new Importer(plan.Reader, mapper, map, rejects, _file.Settings(parsed, input), Shell.Clock);
        await using var target = await TargetAsync(parsed, input, ct);
        var identity = Checkpoint.IdentityOf(input.Fingerprint(), _file.Fingerprint(parsed, map), target.Name);
        var started = Shell.Clock.GetTimestamp();
        var import = new ImportDescription
        {
            FileName = input.Path is null ? "" : input.FileName,
            FileSha256 = parsed.GetValue(_dryRun) ? "" : input.Sha256(),
            FileSize = input.Length,
            Actor = Environment.UserName,
            Source = map.Fixed.GetValueOrDefault(Field.Source) ?? $"import {input.FileName}",
        };
        var running = importer.RunAsync(target, import, identity, ct);
        await ImportProgress.ShowAsync(Shell, input, importer, running);
        try
        {
            await running;
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            throw new CliException(
                target.CanResume && input.Path is not null
                    ? $"Stopped after line {importer.Line}: run the same command again to resume."
                    : "Stopped: run the same command again with --restart to start over.",
                ExitCodes.Interrupted);
        }

        if (importer.Totals.Lines == 0 && plan.Reader.Skipped == 0)
        {
            throw new CliException($"{input.Name} has no lines after its header: nothing was recorded.");
        }

        ImportSummary.Write(Shell, IsJson(parsed), input, plan, parsed.GetValue(_dryRun), importer, rejects, Shell.Clock.GetElapsedTime(started));
        return importer.Totals.Rejected > 0 ? ExitCodes.Rejected : ExitCodes.Ok;
    }

    private async Task<IImportTarget> TargetAsync(ParseResult parsed, InputFile input, CancellationToken ct)
    {
        var settings = _store.IsEmpty(parsed) ? null : _store.Get(parsed, defaultFolder: null);
        if (parsed.GetValue(_dryRun))
        {
            return new DryRunTarget(RegimeSet.BuiltIn, Shell.Clock);
        }

        return settings is null
            ? new ServiceTarget(_connection.Connect(parsed))
            : await DirectTargets.OpenAsync(settings, input.EstimateLines(), _file.Restart(parsed), Shell.Clock, ct);
    }
}
