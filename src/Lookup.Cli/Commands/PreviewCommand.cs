using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using Lookup.Cli.Files;
using Lookup.Cli.Lists;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.Cli.Scrub;
using Spectre.Console;

namespace Lookup.Cli.Commands;

/// <summary>lookup preview: counts the answers for a list before a campaign starts.</summary>
internal sealed class PreviewCommand : CliCommand
{
    private const int MaxSample = 1_000_000;

    private readonly ListOptions _list;
    private readonly Option<int?> _sample = new("--sample")
    {
        Description = $"Check this many lines, drawn at random, 1 to {MaxSample}; default: all.",
        HelpName = "N",
    };

    private readonly Option<int?> _seed = new("--seed") { Description = "Seed for --sample; the same seed draws the same lines.", HelpName = "N" };
    private readonly Option<string?> _missingEvidence = new("--missing-evidence")
    {
        Description = "Also writes the numbers whose consent has no evidence, or a certificate that was not claimed, to a CSV file.",
        HelpName = "FILE",
    };

    private readonly QuestionOptions _question;
    private readonly ConnectionOptions _connection;

    public PreviewCommand(Shell shell)
        : base(
            shell,
            "preview",
            "Counts the lines of a list by verdict and reason.",
            "lookup preview leads.csv --org acme --purpose commercial",
            "lookup preview leads.csv.gz --sample 10000 --org acme --purpose commercial",
            "lookup preview leads.csv --missing-evidence missing.csv --org acme --purpose commercial",
            $"lookup preview leads.ndjson --column phone --at {TimeText.Example} --org acme --purpose charity --json")
    {
        ExitCodeHelp = "0 success, 3 the list has no lines, or none has a valid number, 1 error, 2 usage.";
        _list = new ListOptions(this);
        Options.Add(_sample);
        Options.Add(_seed);
        Options.Add(_missingEvidence);
        _question = new QuestionOptions(this, hasNumber: false);
        _connection = new ConnectionOptions(this);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
    {
        var open = _question.Open(parsed);
        var choice = _list.Choice(parsed, _question.Region(parsed));
        var size = parsed.GetValue(_sample);
        if (size is < 1 or > MaxSample)
        {
            throw CliException.Usage($"--sample {size} is out of range: 1 to {MaxSample}.");
        }

        var missing = parsed.GetValue(_missingEvidence);
        if (missing is not null && size is not null)
        {
            throw CliException.Usage("--missing-evidence lists the numbers of the whole list: leave out --sample.");
        }

        var settings = _list.Settings(parsed);
        using var client = _connection.Connect(parsed, _list.Patience(parsed));
        using var input = _list.Open(parsed, Shell.Input);
        var question = new ListQuestion(input, LayoutSniffer.Sniff(input, choice), open);
        var run = new ListRun(Shell, client, settings);
        using var reader = new ListReader(input.Stream, input.Name, question.Layout);
        using var sink = new CountingSink(null);
        if (size is null)
        {
            var path = missing is null ? null : OutputPath.Of(missing, "--missing-evidence", input.Path, MissingEvidence.Header);
            var evidence = missing is null ? null : new MissingEvidence(sink);
            await run.RunAsync(question, reader, (IChunkSink?)evidence ?? sink, chunk => chunk.CountAll(), IsJson(parsed), ct);
            if (evidence is not null)
            {
                await WorkBar.RunAsync(
                    Shell,
                    "reading evidence",
                    async share =>
                    {
                        await evidence.WriteAsync(path!, client, open.Question, Shell.Clock.GetUtcNow(), share, ct);
                        return true;
                    });
            }

            Write(parsed, question, sink, null, 0, evidence?.Json(missing!));
            if (evidence is not null && !IsJson(parsed))
            {
                Shell.Console.MarkupLine($"{SafeText.Escape(missing!)}: {SafeText.Escape(evidence.Describe())}");
            }

            return ExitCode(question, sink, sink.State.Records);
        }

        var seed = parsed.GetValue(_seed) ?? Random.Shared.Next();
        var sample = await Task.Run(() => ListSample.Draw(reader, question.Layout, size.Value, seed, ct), ct);
        await run.RunAsync(
            question, (chunk, _) => sample.Read(chunk), chunk => chunk.MakeRequest(), sink, chunk => chunk.CountAll(), IsJson(parsed), ct);
        Write(parsed, question, sink, sample, seed);
        return ExitCode(question, sink, sample.Records);
    }

    private int ExitCode(ListQuestion question, CountingSink sink, long records) =>
        ListRun.WarnIfEmpty(Shell, question.Input, records) || sink.Tally.InvalidCount == sink.State.Records ? ExitCodes.Rejected : ExitCodes.Ok;

    private void Write(ParseResult parsed, ListQuestion question, CountingSink sink, ListSample? sample, int seed, JsonObject? evidence = null)
    {
        var records = sample?.Records ?? sink.State.Records;
        if (IsJson(parsed))
        {
            var json = question.Describe();
            json["hypothetical"] = question.IsHypothetical;
            json["records"] = records;
            json["sampled"] = sample?.Count;
            json["seed"] = sample is null ? null : seed;
            json["counts"] = JsonSerializer.SerializeToNode(sink.Tally.ToCounts());
            if (evidence is not null)
            {
                json["missing_evidence"] = evidence;
            }

            json["warnings"] = JsonSerializer.SerializeToNode(sink.State.Basis.Warnings);
            Shell.Output.WriteLine(json.ToJsonString(JsonText.Options));
            return;
        }

        var drawn = sample is null ? "" : $", {sample.Count:N0} of them drawn at random (seed {seed})";
        Shell.Console.MarkupLine($"{SafeText.Escape(question.Input.Name)}: {records:N0} lines{drawn}. {SafeText.Escape(question.ReadAs)}.");
        ScrubSummary.WriteTable(Shell.Console, sink.Tally, sample is null ? null : sample.Margin);
        ScrubSummary.WriteWarnings(Shell.Console, sink.State.Basis);
        if (question.IsHypothetical)
        {
            Shell.Console.MarkupLine("[yellow]What-if answers: they permit no calls.[/]");
        }
    }
}
