using System.CommandLine;
using System.Text.Json.Nodes;
using Lookup.Cli.Files;
using Lookup.Cli.Hosting;
using Lookup.Cli.Impact;
using Lookup.Cli.Lists;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.Core.Facts;
using Lookup.Server.Mapping;
using Spectre.Console;

namespace Lookup.Cli.Commands;

/// <summary>lookup impact: shows what a new version of the rules would change for a list.</summary>
internal sealed class ImpactCommand : CliCommand
{
    private const int MaxExamples = 1_000;

    private readonly ListOptions _list;
    private readonly Option<string> _regimes = new("--regimes")
    {
        Description = "Folder with the new version: all regime files, one *.json per country.",
        HelpName = "DIR",
        Required = true,
    };

    private readonly Option<string?> _against = new("--against")
    {
        Description = "Folder with the version to compare with, as for 'lookup serve --regimes'; default: the built-in rules.",
        HelpName = "DIR",
    };

    private readonly Option<int> _examples = new("--examples")
    {
        Description = $"Example lines shown per kind of change, 0 to {MaxExamples}.",
        HelpName = "N",
        DefaultValueFactory = _ => 3,
    };

    private readonly QuestionOptions _question;
    private readonly StoreChoice _store;

    public ImpactCommand(Shell shell)
        : base(
            shell,
            "impact",
            "Decides a list under two versions of the rules and shows what would change, by reason. Changes nothing.",
            "lookup impact leads.csv --regimes next --data ./lookup-data --org acme --purpose commercial",
            $"lookup impact leads.csv.gz --regimes next --against now --at {TimeText.Example} --redis 127.0.0.1:6379 --key-file number.key --org acme --purpose commercial",
            "lookup impact leads.csv --regimes next --redis env --org acme --purpose commercial --examples 20 --json")
    {
        ExitCodeHelp = "0 nothing would change, 5 some answers would change, 3 nothing would change but some lines have no valid number, 1 error, 2 usage.";
        _list = new ListOptions(this, asksService: false);
        Options.Add(_regimes);
        Options.Add(_against);
        Options.Add(_examples);
        _question = new QuestionOptions(this, hasNumber: false, asksService: false);
        _store = new StoreChoice(this);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
    {
        List<FieldFault>? faults = null;
        var now = Shell.Clock.GetUtcNow().ToUnixTimeMilliseconds();
        var from = RegimeFolder.Load(parsed.GetValue(_against));
        var asked = QuestionMapping.Map(_question.Question(parsed), _question.WhatIf(parsed), from, now, ref faults);
        if (faults is not null)
        {
            throw CliException.Usage(string.Join(' ', faults.Select(fault => $"{fault.Field}: {fault.Description}")));
        }

        var choice = _list.Choice(parsed, _question.Region(parsed));
        var tally = new ImpactTally(parsed.GetWithin(_examples, 0, MaxExamples));
        var settings = _store.Get(parsed, defaultFolder: null);
        var to = RegimeFolder.Load(parsed.GetRequiredValue(_regimes), from);
        using var input = _list.Open(parsed, Shell.Input);
        var layout = LayoutSniffer.Sniff(input, choice);
        await using var store = await OpenStore.OpenAsync(settings, Shell.Clock, ct);
        using var reader = new ListReader(input.Stream, input.Name, layout);
        var running = Task.Run(() => new ImpactRun(store, from, to, tally, Shell.Clock).RunAsync(asked, reader, layout, ct), ct);
        await ScrubProgress.ShowAsync(Shell, input, () => tally.Compared + tally.Invalid, () => false, IsJson(parsed), running);
        await running;
        Write(parsed, input, layout, tally, asked.Question.CallTime);
        var isEmpty = ListRun.WarnIfEmpty(Shell, input, tally.Compared + tally.Invalid);
        return tally.Changed > 0 ? ExitCodes.WouldChange : isEmpty || tally.Invalid > 0 ? ExitCodes.Rejected : ExitCodes.Ok;
    }

    private void Write(ParseResult parsed, InputFile input, ListLayout layout, ImpactTally tally, long callTime)
    {
        var at = TimeText.Format(DateTimeOffset.FromUnixTimeMilliseconds(callTime));
        var against = parsed.GetValue(_against);
        if (IsJson(parsed))
        {
            var json = ImpactReport.Json(tally);
            json.Insert(0, "list", input.Name);
            json.Insert(1, "read_as", input.ReadAs(layout.Describe()));
            json.Insert(2, "call_time", at);
            json.Insert(3, "question", JsonNode.Parse(JsonText.Format(_question.Question(parsed))));
            json.Insert(4, "against", against);
            json.Insert(5, "regimes_folder", parsed.GetRequiredValue(_regimes));
            Shell.Output.WriteLine(json.ToJsonString(JsonText.Options));
            return;
        }

        Shell.Console.MarkupLine(SafeText.Escape(
            $"{input.Name}: {tally.Compared + tally.Invalid:N0} lines. {input.ReadAs(layout.Describe())}. Calls at {at}, {parsed.GetRequiredValue(_regimes)} instead of {against ?? "the built-in rules"}."));
        ImpactReport.Write(Shell.Console, tally, layout);
    }
}
