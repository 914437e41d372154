using System.CommandLine;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.V1;
using Spectre.Console;

namespace Lookup.Cli.Commands;

/// <summary>lookup facts: the facts on record about a number, with their history.</summary>
internal sealed class FactsCommand : CliCommand
{
    private readonly NumberOptions _number;
    private readonly ConnectionOptions _connection;

    public FactsCommand(Shell shell)
        : base(
            shell,
            "facts",
            "Lists the facts on record about a number, with their history.",
            "lookup facts +31612345678",
            "lookup facts 0612345678 --region NL --json")
    {
        _number = new NumberOptions(this);
        _connection = new ConnectionOptions(this);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
    {
        using var client = _connection.Connect(parsed);
        var response = await client.ListFactsAsync(
            new ListFactsRequest { Number = _number.Number(parsed), DefaultRegion = _number.Region(parsed) }, ct);
        if (IsJson(parsed))
        {
            Shell.Output.WriteLine(JsonText.Format(response));
        }
        else
        {
            Shell.Console.MarkupLine(SafeText.Escape(response.Number));
            var zone = NumberZone.Of(response.Number, Shell.Clock.GetUtcNow());
            new FactPrinter(zone).Write(Shell.Console, response.Facts, Shell.Clock.GetUtcNow(), isCall: false);
            if (response.Blocks.Count > 0)
            {
                Shell.Console.MarkupLine("[bold]Blocks of ranges over the number[/]");
                new BlockPrinter(zone).Write(Shell.Console, response.Blocks);
            }
        }

        return ExitCodes.Ok;
    }
}
