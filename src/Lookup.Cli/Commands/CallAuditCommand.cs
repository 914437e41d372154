using System.CommandLine;
using Lookup.Cli.Audit;
using Lookup.Cli.Files;
using Lookup.Cli.Import;
using Lookup.Cli.Lists;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.Client;
using Lookup.Core.Numbers;
using Lookup.V1;
using Spectre.Console;

namespace Lookup.Cli.Commands;

/// <summary>A command that audits the calls in a dialer's call records.</summary>
internal abstract class CallAuditCommand : CliCommand
{
    private const int MaxWait = 86_400;

    // Part of the identity of a stopped run: a version that counts otherwise starts over.
    private const string StateFormat = "audit 3";

    private static readonly TimeSpan SaveInterval = TimeSpan.FromSeconds(1);

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

    private readonly Option<string?> _organisation = new("--org-column")
    {
        Description = "Column of the organisation that each call was made for, instead of --org; also counts by it.",
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
        Description = "Calls in a request, 1 to 1000. A credential with a smaller limit on the numbers of a batch needs half of that limit.",
        HelpName = "N",
        DefaultValueFactory = _ => 1_000,
    };

    private readonly Option<double> _wait = new("--wait")
    {
        Description = $"Seconds to wait for a service that does not answer, 0 to {MaxWait}.",
        HelpName = "SECONDS",
        DefaultValueFactory = _ => 60,
    };

    private readonly Option<string?> _from = new("--from") { Description = "First day of the period, in the zone of --timezone; default: that of the first call.", HelpName = "DAY" };
    private readonly Option<string?> _to = new("--to") { Description = "Last day of the period; default: that of the last call.", HelpName = "DAY" };
    private readonly Option<string?> _only = new("--only")
    {
        Description = "Only calls with this value of a column, for example centre=north. The others still count as attempts.",
        HelpName = "COLUMN=VALUE",
    };

    private readonly Option<bool> _noAttempts = new("--no-attempts") { Description = "Count only attempts on record, not the calls of the file." };
    private readonly Option<bool> _restart = new("--restart") { Description = "Start over instead of resuming a stopped audit." };
    private readonly ReceiptOptions _receipts = new();
    private readonly QuestionOptions _question;
    private readonly ConnectionOptions _connection;

    protected CallAuditCommand(Shell shell, string name, string description, params string[] examples)
        : base(shell, name, description, examples)
    {
        ExitCodeHelp = "0 every call was permitted, 6 some were not, were not checked or cannot be decided, 3 no call was audited, or every one was permitted but some lines could not be read or an organisation is unknown, 1 error, 2 usage, 130 stopped.";
        Arguments.Add(_path);
        foreach (var option in (Option[])[_format, _column, _time, _organisation, _by, _from, _to, _only, _noHeader, _delimiter, _zone, _findings, .. _receipts.All, _noAttempts, _restart, _inFlight, _wait])
        {
            Options.Add(option);
        }

        _question = new QuestionOptions(this, hasNumber: false, asksService: false, hasTime: false, needsOrganisation: false);
        _connection = new ConnectionOptions(this);
    }

    /// <summary>Returns the path of the page to write; null: none.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="input">The call records.</param>
    protected virtual string? PageOf(ParseResult parsed, InputFile input) => null;

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
    {
        var choice = Choice(parsed);
        var template = new CheckRequest { Question = _question.Question(parsed), WhatIf = _question.WhatIf(parsed) };
        if (template.Question.Organisation.Length > 0 == choice.Organisation is not null)
        {
            throw CliException.Usage("Name the organisation with --org, or the column of it with --org-column.");
        }

        var settings = new AuditSettings(parsed.GetWithin(_inFlight, 1, 1_000), TimeSpan.FromSeconds(parsed.GetWithin(_wait, 0, MaxWait, "seconds")));
        using var client = _connection.Connect(parsed);
        using var input = OpenCalls(parsed);
        var now = Shell.Clock.GetUtcNow();
        using var reader = new CallReader(input, choice, now);
        var counts = !parsed.GetValue(_noAttempts) && input.Path is not null;
        var path = OutputPath.Of(parsed.GetValue(_findings) ?? (input.Path ?? "calls") + ".findings.csv", "--findings", input.Path, AuditTally.FirstColumns);
        var page = PageOf(parsed, input);
        if (page is not null && OutputPath.IsSame(page, path))
        {
            throw CliException.Usage($"--out {page} is the file of findings: name another file.");
        }

        using var locked = OutputPath.Lock(path, "audit");
        // A file of findings that is there is complete.
        var unfinished = path + ".unfinished";
        var identity = Checkpoint.IdentityOf(
            StateFormat, input.Fingerprint() + input.Sha256(), template.ToString(), choice.Describe(), _receipts.Describe(parsed), counts.ToString(), (page is not null).ToString(), unfinished);
        var state = (input.Path is null || parsed.GetValue(_restart) ? null : AuditState.Read(unfinished + ".state", identity)) ?? new AuditState { Identity = identity };
        if (state.Line > 0 && !(File.Exists(unfinished) && new FileInfo(unfinished).Length >= state.FindingsBytes && reader.TrySkip(state.Line)))
        {
            throw new CliException($"{input.Name} or {unfinished} has changed since the stopped run: start over with --restart.");
        }

        var resumedAfter = state.Line;
        var receipts = await _receipts.ReadAsync(parsed, Shell, template.Question, ct);
        var calls = counts || page is not null ? await Task.Run(() => ReadCalls(parsed, choice, now, ct), ct) : null;
        var batches = new AuditQuestions(client, template, settings.Wait, Shell.Clock);
        var numbers = page is null ? null : await ReadNumbersAsync(batches, calls!, template.Question, choice.Selection, now, ct);
        string[] header;
        using (var tally = new AuditTally(unfinished, state, choice.Groups, receipts is not null, choice.Selection.Zone, numbers))
        {
            header = tally.Header();
            await RunAsync(parsed, batches, new AuditRun(batches, receipts, counts ? calls : null, settings), client, input, reader, tally, unfinished, settings, ct);
        }

        File.Move(unfinished, path, overwrite: true);
        File.Delete(unfinished + ".state");
        if (page is not null)
        {
            var report = new Report(input.Name, input.Sha256(), Path.GetFileName(path), template.Question, choice, now, header, receipts, counts, numbers!)
            {
                Registers = (await client.ListRegistersAsync(new ListRegistersRequest(), ct)).Registers,
            };
            await OutputPath.WriteAsync(page, ReportPage.Render(report, state), ct);
        }

        Write(parsed, input, reader, state, new AuditSummary(state, choice.Groups, receipts, numbers), path, page, resumedAfter);
        return ListRun.WarnIfEmpty(Shell, input, state.Lines) ? ExitCodes.Rejected
            : state.ToAnswerFor > 0 ? ExitCodes.CallsToAnswerFor
            : state.Calls == 0 || state.Faulty > 0 || IsOfUnknown(state) ? ExitCodes.Rejected
            : ExitCodes.Ok;
    }

    private static bool IsOfUnknown(AuditState state) => state.Warnings.Keys.Any(
        warning => warning.StartsWith(Words.Reasons.WordFor(ReasonCode.OrganisationNotKnown), StringComparison.Ordinal));

    private Task<NumberTally> ReadNumbersAsync(AuditQuestions questions, CallIndex calls, Question question, CallSelection selection, DateTimeOffset now, CancellationToken ct)
    {
        var (first, last, count) = (long.MaxValue, long.MinValue, 0L);
        foreach (var called in calls.Numbers())
        {
            (first, last, count) = (Math.Min(first, called.Times[0]), Math.Max(last, called.Times[^1]), count + 1);
        }

        // Without a period, that of the calls.
        var tally = new NumberTally(
            question, now,
            selection.From is { } from ? selection.Start(from) : DateTimeOffset.FromUnixTimeMilliseconds(count == 0 ? 0 : first),
            selection.To is { } to ? selection.Start(to.AddDays(1)) : DateTimeOffset.FromUnixTimeMilliseconds(count == 0 ? 0 : last + 1));
        return WorkBar.RunAsync(Shell, "reading consents and objections", async share =>
        {
            await Task.Run(() => NumberReads.RunAsync(questions, calls, tally, done => share((double)done / count), ct), ct);
            return tally;
        });
    }

    private async Task RunAsync(
        ParseResult parsed, AuditQuestions batches, AuditRun run, LookupClient client, InputFile input, CallReader reader, AuditTally tally, string unfinished, AuditSettings settings, CancellationToken ct)
    {
        var state = tally.State;
        var saved = Shell.Clock.GetTimestamp();
        var again = input.Path is null ? "run it again." : "run the same command again to resume.";
        try
        {
            var running = Task.Run(() => run.RunAsync(reader, tally, SaveSometimes, ct), ct);
            await ScrubProgress.ShowAsync(Shell, input, () => state.Lines, () => batches.IsWaiting, IsJson(parsed), running,
                $"no answer from {client.Address} yet, waiting up to {settings.Wait.TotalSeconds:0.###} s (--wait)");
            await running;
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            Save();
            throw new CliException($"Stopped after line {state.Line}: {again}", ExitCodes.Interrupted);
        }
        catch (LookupException exception) when (exception.IsTransient && state.Line > 0)
        {
            Save();
            throw new CliException($"{exception.Message.TrimEnd('.')}. Stopped after line {state.Line}: {again}", inner: exception);
        }

        void SaveSometimes()
        {
            if (Shell.Clock.GetElapsedTime(saved) >= SaveInterval)
            {
                Save();
                saved = Shell.Clock.GetTimestamp();
            }
        }

        void Save()
        {
            tally.Flush();
            if (input.Path is not null && state.Line > 0)
            {
                state.Write(unfinished + ".state");
            }
        }
    }

    private InputFile OpenCalls(ParseResult parsed) => InputFile.Open(parsed.GetRequiredValue(_path), Shell.Input, new InputOptions());

    private CallIndex ReadCalls(ParseResult parsed, CallChoice choice, DateTimeOffset now, CancellationToken ct)
    {
        using var input = OpenCalls(parsed);
        using var reader = new CallReader(input, choice, now);
        return CallIndex.Read(reader, ct);
    }

    private CallChoice Choice(ParseResult parsed)
    {
        var format = parsed.GetValue(_format) is not { } name ? null
            : CallFormat.Find(name) ?? throw CliException.Usage($"--format '{name}' is not valid; use {CallFormat.Names}, or name the columns with --column and --time.");
        var region = _question.Region(parsed);
        if (region.Length > 0 && !NumberParser.Instance.IsRegion(region))
        {
            throw CliException.Usage($"--region '{region}' is not a two-letter ISO 3166 code; write it like NL.");
        }

        var (organisation, by) = (parsed.GetValue(_organisation), parsed.GetRequiredValue(_by));
        var only = parsed.GetValue(_only)?.Split('=', 2);
        if (only is { Length: 1 } || only?[0].Length == 0)
        {
            throw CliException.Usage("--only names a column and a value; write it like centre=north.");
        }

        var zone = parsed.GetTimeZone(_zone);
        var (from, to) = (parsed.GetDay(_from), parsed.GetDay(_to));
        if (from > to)
        {
            throw CliException.Usage($"--from {from:yyyy-MM-dd} is later than --to {to:yyyy-MM-dd}.");
        }

        by = organisation is null || by.Contains(organisation, StringComparer.OrdinalIgnoreCase) ? by : [.. by, organisation];
        return new CallChoice(
            format, parsed.GetValue(_column), parsed.GetValue(_time), organisation, by, parsed.GetValue(_noHeader),
            FormatOptions.Delimiter(parsed.GetValue(_delimiter)), region.Length == 0 ? null : region, zone,
            new CallSelection(from, to, only?[0], only?[1].Trim() ?? "", zone ?? TimeZoneInfo.Utc));
    }

    private void Write(ParseResult parsed, InputFile input, CallReader reader, AuditState state, AuditSummary summary, string path, string? page, long resumedAfter)
    {
        if (IsJson(parsed))
        {
            var json = summary.Json();
            json.Insert(0, "file", input.Name);
            json.Insert(1, "read_as", input.ReadAs(reader.Describe));
            json["findings_file"] = path;
            json["report_file"] = page;
            json["resumed_after_line"] = resumedAfter;
            Shell.Output.WriteLine(json.ToJsonString(JsonText.Options));
            return;
        }

        if (resumedAfter > 0)
        {
            Shell.Console.MarkupLine($"Resumed after line {resumedAfter:N0}.");
        }

        Shell.Console.MarkupLine(SafeText.Escape(
            $"{input.Name}: {state.Calls:N0} calls; {state.NotPlaced:N0} lines of calls that were not placed; {(state.LeftOut > 0 ? $"{state.LeftOut:N0} lines outside the period or the value of --only; " : "")}{state.Faulty:N0} lines that could not be read. {input.ReadAs(reader.Describe)}."));
        summary.Write(Shell.Console);
        if (page is not null)
        {
            Shell.Console.MarkupLine($"The report is in {SafeText.Escape(page)}.");
        }

        Shell.Console.MarkupLine(state.ToAnswerFor > 0 ? $"The calls to answer for are in {SafeText.Escape(path)}."
            : state.Calls == 0 ? $"No call was audited{(state.LeftOut > 0 ? ": no line is within the period and has the value of --only" : "")}."
            : IsOfUnknown(state) ? "Every call was permitted, but nothing is known of an organisation: compare its spelling."
            : state.Faulty > 0 ? "Every call that could be read was permitted."
            : "Every call was permitted.");
    }
}
