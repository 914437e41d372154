using System.CommandLine;
using System.Text;
using Lookup.Cli.Audit;
using Lookup.Cli.Files;
using Lookup.Cli.Lists;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.V1;
using Spectre.Console;

namespace Lookup.Cli.Commands;

/// <summary>lookup audit: finds the calls in a dialer's call records that were not permitted.</summary>
internal sealed class AuditCommand : CliCommand
{
    private const int MaxWait = 86_400;

    private readonly Argument<string> _path = new("CALLS") { Description = "Call records as CSV or Excel (.xlsx), also as gzip or in a zip archive; '-' for standard input." };
    private readonly Option<string?> _format = new("--format")
    {
        Description = $"The dialer that wrote the file: {CallFormat.Names}; default: CSV whose columns --column and --time name.",
        HelpName = "DIALER",
    };

    private readonly Option<string?> _column = new("--column")
    {
        Description = "Column of the number that was called; join several with '+', for example phone_code+phone_number.",
        HelpName = "COLUMN",
    };

    private readonly Option<string?> _time = new("--time")
    {
        Description = "Column of the start of the call: a time, or seconds since 1970.",
        HelpName = "COLUMN",
    };

    private readonly Option<string[]> _by = new("--by")
    {
        Description = "Also count by this column, for example the campaign or the agent. Repeatable.",
        HelpName = "COLUMN",
        DefaultValueFactory = _ => [],
    };

    private readonly Option<bool> _noHeader = new("--no-header") { Description = "The first line is a call; columns are named 1, 2, 3, ..." };
    private readonly Option<string?> _delimiter = new("--delimiter") { Description = "Column delimiter: one character or 'tab'; default: detected.", HelpName = "CHAR" };
    private readonly Option<string?> _zone = OptionParsing.TimeZone();
    private readonly Option<string?> _findings = new("--findings")
    {
        Description = "File for the calls to answer for, with article and reason; default: CALLS.findings.csv.",
        HelpName = "PATH",
    };

    private readonly Option<int> _inFlight = new("--in-flight")
    {
        Description = "Calls decided at a time, 1 to 1000.",
        HelpName = "N",
        DefaultValueFactory = _ => 64,
    };

    private readonly Option<double> _wait = new("--wait")
    {
        Description = $"Seconds to wait for a service that does not answer, 0 to {MaxWait}.",
        HelpName = "SECONDS",
        DefaultValueFactory = _ => 60,
    };

    private readonly QuestionOptions _question;
    private readonly ConnectionOptions _connection;

    public AuditCommand(Shell shell)
        : base(
            shell,
            "audit",
            "Finds the calls in a dialer's call records that were not permitted: decides each call at its own time, on what was on record then and on what is on record now.",
            "lookup audit calls.csv --column dst --time start --timezone Europe/Amsterdam --org acme --purpose commercial",
            "lookup audit Master.csv --format asterisk --timezone Europe/Amsterdam --region NL --org acme --purpose commercial",
            "lookup audit vicidial_log.csv --format vicidial --timezone America/New_York --by campaign_id --by user --org acme --purpose commercial --json")
    {
        ExitCodeHelp = "0 every call was permitted, 6 some were not or cannot be decided, 3 every audited call was permitted but some lines could not be read, 1 error, 2 usage.";
        Arguments.Add(_path);
        foreach (var option in (Option[])[_format, _column, _time, _by, _noHeader, _delimiter, _zone, _findings, _inFlight, _wait])
        {
            Options.Add(option);
        }

        _question = new QuestionOptions(this, hasNumber: false, asksService: false, hasTime: false);
        _connection = new ConnectionOptions(this);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
    {
        var choice = Choice(parsed);
        var template = new CheckRequest { Question = _question.Question(parsed), WhatIf = _question.WhatIf(parsed) };
        var settings = new AuditSettings(parsed.GetWithin(_inFlight, 1, 1_000), TimeSpan.FromSeconds(parsed.GetWithin(_wait, 0, MaxWait, "seconds")));
        using var client = _connection.Connect(parsed);
        using var input = InputFile.Open(parsed.GetRequiredValue(_path), Shell.Input, new InputOptions());
        using var reader = new CallReader(input, choice, Shell.Clock.GetUtcNow());
        var path = parsed.GetValue(_findings) ?? (input.Path ?? "calls") + ".findings.csv";
        AuditTally tally;
        // A file of findings that is there is complete.
        var unfinished = path + ".unfinished";
        await using (var findings = new StreamWriter(unfinished, append: false, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false)) { NewLine = "\n" })
        {
            tally = new AuditTally(findings, choice.Groups);
            tally.WriteHeader();
            var run = new AuditRun(client, template, settings, Shell.Clock);
            var running = Task.Run(() => run.RunAsync(reader, tally, ct), ct);
            await ScrubProgress.ShowAsync(Shell, input, () => run.Lines, () => run.IsWaiting, IsJson(parsed), running,
                $"no answer from {client.Address} yet, waiting up to {settings.Wait.TotalSeconds:0.###} s (--wait)");
            await running;
        }

        File.Move(unfinished, path, overwrite: true);
        Write(parsed, input, reader, tally, path);
        return ListRun.WarnIfEmpty(Shell, input, tally.Calls + tally.NotPlaced + tally.Faulty) ? ExitCodes.Rejected
            : tally.ToAnswerFor > 0 ? ExitCodes.CallsToAnswerFor
            : tally.Faulty > 0 ? ExitCodes.Rejected
            : ExitCodes.Ok;
    }

    private CallChoice Choice(ParseResult parsed)
    {
        var format = parsed.GetValue(_format) is not { } name ? null
            : CallFormat.Find(name) ?? throw CliException.Usage($"--format '{name}' is not valid; use {CallFormat.Names}, or name the columns with --column and --time.");
        var region = _question.Region(parsed);
        if (region.Length > 0 && !NumberReader.IsRegion(region))
        {
            throw CliException.Usage($"--region '{region}' is not a two-letter ISO 3166 code; write it like NL.");
        }

        return new CallChoice(
            format, parsed.GetValue(_column), parsed.GetValue(_time), parsed.GetRequiredValue(_by), parsed.GetValue(_noHeader),
            FormatOptions.Delimiter(parsed.GetValue(_delimiter)), region.Length == 0 ? null : region, parsed.GetTimeZone(_zone));
    }

    private void Write(ParseResult parsed, InputFile input, CallReader reader, AuditTally tally, string path)
    {
        if (IsJson(parsed))
        {
            var json = tally.Json();
            json.Insert(0, "file", input.Name);
            json.Insert(1, "read_as", input.ReadAs(reader.Describe));
            json["findings_file"] = path;
            Shell.Output.WriteLine(json.ToJsonString(JsonText.Options));
            return;
        }

        Shell.Console.MarkupLine(SafeText.Escape(
            $"{input.Name}: {tally.Calls:N0} calls; {tally.NotPlaced:N0} lines of calls that were not placed; {tally.Faulty:N0} lines that could not be read. {input.ReadAs(reader.Describe)}."));
        tally.Write(Shell.Console);
        Shell.Console.MarkupLine(tally.ToAnswerFor > 0 ? $"The calls to answer for are in {SafeText.Escape(path)}." : "Every call was permitted.");
    }
}
