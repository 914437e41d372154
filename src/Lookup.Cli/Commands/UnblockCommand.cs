using System.CommandLine;
using System.Text.Json.Nodes;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.Client;
using Lookup.V1;
using Spectre.Console;

namespace Lookup.Cli.Commands;

/// <summary>lookup unblock: removes a block of a number range.</summary>
internal sealed class UnblockCommand : CliCommand
{
    private readonly Argument<string?> _pattern = new("PATTERN")
    {
        Description = "Numbers of the block as it was recorded, for example 313XXXXXXX.",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private readonly BlockNumbers _numbers;
    private readonly NumberOptions _region;
    private readonly Option<string> _organisation = new("--org") { Description = "Organisation of the block; '*' for all organisations.", HelpName = "NAME", Required = true };
    private readonly ProvenanceOptions _provenance;
    private readonly ConnectionOptions _connection;

    public UnblockCommand(Shell shell)
        : base(
            shell,
            "unblock",
            "Removes a block of a number range. Questions about earlier calls still find it.",
            "lookup unblock 313XXXXXXX --region US --org acme --reason 'contract ended'",
            "lookup unblock --range +31201234500 +31201234699 --org '*'")
    {
        ExitCodeHelp = "0 removed, 3 there is no such block, 1 error, 2 usage.";
        Arguments.Add(_pattern);
        _numbers = new BlockNumbers(this);
        _region = new NumberOptions(this, hasNumber: false);
        Options.Add(_organisation);
        _provenance = new ProvenanceOptions(this);
        _connection = new ConnectionOptions(this);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
    {
        var block = new Block
        {
            Organisation = parsed.GetRequiredValue(_organisation),
            DefaultRegion = _region.Region(parsed),
            Source = _provenance.Source(parsed),
            Actor = _provenance.Actor(parsed),
            Reason = _provenance.Reason(parsed),
        };
        _numbers.Set(block, parsed, parsed.GetValue(_pattern));
        using var client = _connection.Connect(parsed);
        RemoveBlocksResponse response;
        try
        {
            response = await client.RemoveBlocksAsync(new RemoveBlocksRequest { Blocks = { block } }, ct);
        }
        catch (LookupException refused) when (refused.Fields.Count > 0)
        {
            throw new CliException("The service rejected the removal: " + RecordCommand.Describe(refused, "blocks[0].") + ".");
        }

        var result = response.Results[0];
        var isRemoved = result.Outcome == BlockResult.Types.Outcome.Recorded;
        if (IsJson(parsed))
        {
            Shell.Output.WriteLine(new JsonObject { ["outcome"] = isRemoved ? "removed" : "unchanged", ["numbers"] = result.Numbers }.ToJsonString(JsonText.Options));
        }
        else
        {
            Shell.Console.MarkupLine(isRemoved
                ? $"[green]Removed[/] the block of {SafeText.Escape(result.Numbers)}."
                : $"No block of exactly {SafeText.Escape(result.Numbers)} forbids calls of {SafeText.Escape(block.Organisation)}. 'lookup blocks' lists the blocks.");
        }

        return isRemoved ? ExitCodes.Ok : ExitCodes.Rejected;
    }
}
