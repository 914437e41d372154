using System.CommandLine;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using Lookup.Cli.Files;
using Lookup.Cli.Import;
using Lookup.Cli.Lists;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.Cli.Scrub;
using Lookup.Client;
using Lookup.V1;
using Spectre.Console;

namespace Lookup.Cli.Commands;

/// <summary>lookup scrub: splits a list by verdict.</summary>
internal sealed class ScrubCommand : CliCommand
{
    private const string StandardOutput = "-";

    private readonly ListOptions _list;
    private readonly Option<string> _outDir = new("--out-dir")
    {
        Description = "Folder for the outputs; '-' writes only the allowed lines, to standard output.",
        HelpName = "DIR",
        Required = true,
    };

    private readonly Option<bool> _noColumns = new("--no-columns") { Description = "Write the lines unchanged, without the columns verdict, reason and e164." };
    private readonly Option<bool?> _gzip = new("--gzip")
    {
        Description = "Compress the outputs, true or false; default: like the list.",
        HelpName = "BOOL",
    };

    private readonly Option<bool> _restart = new("--restart") { Description = "Start over and overwrite the folder's content." };
    private readonly QuestionOptions _question;
    private readonly ConnectionOptions _connection;

    public ScrubCommand(Shell shell)
        : base(
            shell,
            "scrub",
            "Splits a list into allowed, denied and undecided lines. Check each number again just before dialling.",
            "lookup scrub leads.csv --out-dir scrubbed --org acme --purpose commercial",
            "lookup scrub leads.csv.gz --out-dir scrubbed --column mobile --region NL --org acme --purpose commercial",
            "lookup scrub leads.ndjson --out-dir scrubbed --column contact.phone --org acme --purpose charity --json",
            "mysql -BN -e 'select phone_number from vicidial_list' | lookup scrub - --out-dir - --region US --no-columns --org acme --purpose commercial")
    {
        ExitCodeHelp = "0 every line is allowed or denied, 3 some lines are unknown or invalid, or the list has no lines, 1 error, 2 usage, 130 stopped.";
        _list = new ListOptions(this);
        foreach (var option in (Option[])[_outDir, _noColumns, _gzip, _restart])
        {
            Options.Add(option);
        }

        _question = new QuestionOptions(this, hasNumber: false);
        _connection = new ConnectionOptions(this);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
    {
        var open = _question.Open(parsed);
        var choice = _list.Choice(parsed, _question.Region(parsed));
        var settings = _list.Settings(parsed);
        using var client = _connection.Connect(parsed, _list.Patience(parsed));
        var isPiped = parsed.GetRequiredValue(_outDir) == StandardOutput;
        if (isPiped && open.WhatIf is not null)
        {
            throw CliException.Usage("--at, --without and --strict give what-if answers, which permit no calls and are not written to standard output: name a folder with --out-dir.");
        }

        using var input = _list.Open(parsed, Shell.Input);
        var question = new ListQuestion(input, LayoutSniffer.Sniff(input, choice), open);
        var run = new ListRun(Shell, client, settings);
        return isPiped
            ? await PipeAsync(parsed, question, run, ct)
            : await ToFolderAsync(parsed, question, run, client, ct);
    }

    private async Task<int> PipeAsync(ParseResult parsed, ListQuestion question, ListRun run, CancellationToken ct)
    {
        var renderer = new ChunkRenderer(question.Layout, !parsed.GetValue(_noColumns), parsed.GetValue(_gzip) ?? false);
        using var sink = new CountingSink(Shell.RawOutput);
        using var reader = new ListReader(question.Input.Stream, question.Input.Name, question.Layout);
        Shell.RawOutput.Write(renderer.Preamble(OutputNames.Allowed));
        await run.RunAsync(question, reader, sink, renderer.Render, IsJson(parsed), ct);
        if (IsJson(parsed))
        {
            Shell.Error.WriteLine(new JsonObject
            {
                ["list"] = question.Input.Name,
                ["counts"] = JsonSerializer.SerializeToNode(sink.Tally.ToCounts()),
                ["warnings"] = JsonSerializer.SerializeToNode(sink.State.Basis.Warnings),
            }.ToJsonString(JsonText.Options));
        }
        else
        {
            ScrubSummary.WriteTable(Shell.ErrorConsole, sink.Tally);
            ScrubSummary.WriteWarnings(Shell.ErrorConsole, sink.State.Basis);
        }

        return ExitCode(question, sink.Tally, sink.State);
    }

    private async Task<int> ToFolderAsync(ParseResult parsed, ListQuestion question, ListRun run, LookupClient client, CancellationToken ct)
    {
        var (input, layout) = (question.Input, question.Layout);
        var addColumns = !parsed.GetValue(_noColumns);
        var compress = parsed.GetValue(_gzip) ?? input.IsGzip;
        using var folder = ScrubFolder.Open(parsed.GetRequiredValue(_outDir), Extension(question), question.IsHypothetical, compress);
        folder.MustNotReplace(input.Path);
        var asked = question.Describe();
        var identity = Checkpoint.IdentityOf(input.Fingerprint(), asked.ToJsonString(), $"{layout.Delimiter} {layout.HasHeader} {addColumns} {compress}");
        var found = input.Path is null ? folder.Find("", parsed.GetValue(_restart)) : folder.Find(identity, parsed.GetValue(_restart));
        using var reader = new ListReader(input.Stream, input.Name, layout);
        var state = found ?? new ScrubState { Identity = identity, Asked = asked };
        if (state.Position > 0 && !reader.TrySkip(state.Position, state.Line, Convert.FromHexString(state.PositionSha256)))
        {
            throw new CliException($"{input.Name} has changed since the stopped run read it: start over with --restart.");
        }

        var resumedAfter = state.Line;
        var began = Shell.Clock.GetUtcNow();
        state = state with { Runs = [.. state.Runs, new ScrubRunRecord(began, state.Line, client.Address.ToString())] };
        var renderer = new ChunkRenderer(layout, addColumns, compress);
        using var outputs = new ScrubOutputs(folder, renderer, state, input.Path is not null, Shell.Clock);
        var before = state.Records;
        var timer = Shell.Clock.GetTimestamp();
        await RunAsync(run, question, reader, outputs, renderer, IsJson(parsed), ct);
        var manifest = Finish(question, reader, outputs);
        folder.Finish(manifest);
        Write(parsed, folder, manifest, outputs, resumedAfter, (outputs.State.Records - before) / Math.Max(Shell.Clock.GetElapsedTime(timer).TotalSeconds, 0.001));
        return ExitCode(question, outputs.Tally, outputs.State);
    }

    private static async Task RunAsync(
        ListRun run, ListQuestion question, ListReader reader, ScrubOutputs outputs, ChunkRenderer renderer, bool json, CancellationToken ct)
    {
        var again = question.Input.Path is null
            ? "run it again with --restart."
            : "run the same command again to resume.";
        try
        {
            await run.RunAsync(question, reader, outputs, renderer.Render, json, ct);
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            throw new CliException($"Stopped after line {outputs.State.Line}: {again}", ExitCodes.Interrupted);
        }
        catch (LookupException exception) when (exception.IsTransient)
        {
            throw new CliException($"{exception.Message.TrimEnd('.')}. Stopped after line {outputs.State.Line}: {again}", inner: exception);
        }
    }

    private ScrubManifest Finish(ListQuestion question, ListReader reader, ScrubOutputs outputs)
    {
        var state = outputs.Finish();
        return new ScrubManifest
        {
            Tool = "lookup " + (typeof(ScrubCommand).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? ""),
            Hypothetical = question.IsHypothetical,
            Input = new InputRecord
            {
                Name = question.Input.Name,
                Bytes = question.Input.Path is null ? reader.Position : question.Input.Length,
                Sha256 = question.FileHash(reader.Hash()),
                Lines = reader.Line,
                Records = state.Records,
                Blank = state.Blank,
            },
            Asked = state.Asked,
            Outputs = state.Outputs,
            Counts = state.Counts,
            Basis = state.Basis,
            Began = state.Runs[0].Began,
            Ended = Shell.Clock.GetUtcNow(),
            Runs = state.Runs,
        };
    }

    private void Write(ParseResult parsed, ScrubFolder folder, ScrubManifest manifest, ScrubOutputs outputs, long resumedAfter, double rate)
    {
        if (IsJson(parsed))
        {
            var json = JsonSerializer.SerializeToNode(manifest, ScrubJson.Readable.ScrubManifest)!.AsObject();
            json["folder"] = folder.Path;
            json["resumed_after_line"] = resumedAfter;
            Shell.Output.WriteLine(json.ToJsonString(JsonText.Options));
            return;
        }

        var console = Shell.Console;
        if (resumedAfter > 0)
        {
            console.MarkupLine($"Resumed after line {resumedAfter:N0}.");
        }

        console.MarkupLine($"Scrubbed {SafeText.Escape(manifest.Input.Name)}: {manifest.Input.Records:N0} lines ({rate:N0}/s). {SafeText.Escape(outputs.State.Asked["read_as"]!.GetValue<string>())}.");
        ScrubSummary.WriteTable(console, outputs.Tally);
        foreach (var (name, output) in manifest.Outputs.OrderBy(pair => OutputNames.All.ToList().IndexOf(pair.Key)))
        {
            console.MarkupLine($"  {name,-8} {output.Lines,12:N0} lines  {SafeText.Escape(System.IO.Path.Combine(folder.Path, output.File))}");
        }

        ScrubSummary.WriteWarnings(console, manifest.Basis);
        if (manifest.Hypothetical)
        {
            console.MarkupLine("[yellow]What-if answers: they permit no calls.[/]");
        }
    }

    private static string Extension(ListQuestion question)
    {
        var input = question.Input;
        var name = input.FileName.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? input.FileName[..^3] : input.FileName;
        // A converted list keeps no format of its own.
        var extension = input.Path is null || input.IsConverted ? "" : System.IO.Path.GetExtension(name);
        return extension.Length > 1 ? extension
            : question.Layout.Format == ImportFormat.Ndjson ? ".ndjson"
            : question.Layout.IsPlain ? ".txt" : ".csv";
    }

    private int ExitCode(ListQuestion question, Tally tally, ScrubState state) =>
        ListRun.WarnIfEmpty(Shell, question.Input, state.Records) || tally.CountOf(Verdict.Unknown) + tally.CountOf(Verdict.NotCovered) + tally.InvalidCount > 0
            ? ExitCodes.Rejected
            : ExitCodes.Ok;
}
