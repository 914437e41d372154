using System.CommandLine;
using Google.Protobuf.WellKnownTypes;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.V1;
using Spectre.Console;

namespace Lookup.Cli.Commands;

/// <summary>lookup outcome: records the outcome of a call.</summary>
internal sealed class OutcomeCommand : CliCommand
{
    private readonly NumberOptions _number;
    private readonly Option<string> _organisation = new("--org") { Description = "Organisation that made the call.", HelpName = "NAME", Required = true };
    private readonly Option<string?> _result = OptionParsing.Word("--result", "Outcome of the call", Words.CallOutcomes, "RESULT");
    private readonly Option<string?> _group = new("--group") { Description = "Product group of the call.", HelpName = "NAME" };
    private readonly Option<string?> _at = new("--at") { Description = $"When the call was placed, for example {TimeText.Example}; default: now.", HelpName = "TIME" };
    private readonly ProvenanceOptions _provenance;
    private readonly ConnectionOptions _connection;

    public OutcomeCommand(Shell shell)
        : base(
            shell,
            "outcome",
            "Records the outcome of a call: the attempt, and a refusal, an objection or that it was abandoned. Counts once per --at.",
            "lookup outcome +33612345678 --org acme --result no_answer",
            $"lookup outcome +33612345678 --org acme --result refused --at {TimeText.Example}")
    {
        _number = new NumberOptions(this);
        Options.Add(_organisation);
        _result.Required = true;
        Options.Add(_result);
        Options.Add(_group);
        Options.Add(_at);
        _provenance = new ProvenanceOptions(this);
        _connection = new ConnectionOptions(this);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
    {
        using var client = _connection.Connect(parsed);
        var response = await client.RecordOutcomeAsync(
            new RecordOutcomeRequest
            {
                Number = _number.Number(parsed),
                DefaultRegion = _number.Region(parsed),
                Organisation = parsed.GetRequiredValue(_organisation),
                ProductGroup = parsed.GetValue(_group) ?? "",
                Outcome = parsed.GetWord(_result, Words.CallOutcomes),
                Called = parsed.GetTime(_at) ?? Timestamp.FromDateTimeOffset(Shell.Clock.GetUtcNow()),
                Source = _provenance.Source(parsed),
                Actor = _provenance.Actor(parsed),
                Reason = _provenance.Reason(parsed),
            },
            ct);
        if (IsJson(parsed))
        {
            Shell.Output.WriteLine(JsonText.Format(response));
        }
        else
        {
            Shell.Console.MarkupLine(response.Unchanged ? "Unchanged: the outcome was already recorded." : "[green]Recorded.[/]");
            foreach (var warning in response.Warnings)
            {
                Shell.Console.MarkupLine($"  [yellow]warning:[/] {SafeText.Escape(warning.Field)}: {SafeText.Escape(warning.Description)}");
            }

            Shell.Console.MarkupLine($"  [grey]token:[/] {SafeText.Escape(response.ConsistencyToken)}");
        }

        return ExitCodes.Ok;
    }
}
