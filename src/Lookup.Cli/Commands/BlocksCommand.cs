using System.CommandLine;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.V1;
using Spectre.Console;

namespace Lookup.Cli.Commands;

/// <summary>lookup blocks: lists blocks of number ranges.</summary>
internal sealed class BlocksCommand : CliCommand
{
    private readonly Argument<string?> _number = new("NUMBER")
    {
        Description = "List only blocks that cover this phone number.",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private readonly NumberOptions _region;
    private readonly Option<string?> _organisation = new("--org") { Description = "List only blocks of this organisation; '*' for those of all organisations.", HelpName = "NAME" };
    private readonly Option<bool> _ended = new("--ended") { Description = "Include blocks that have expired or were removed." };
    private readonly ConnectionOptions _connection;

    public BlocksCommand(Shell shell)
        : base(
            shell,
            "blocks",
            "Lists blocks of number ranges, with their history.",
            "lookup blocks",
            "lookup blocks +13135550100 --ended",
            "lookup blocks --org acme --json")
    {
        Arguments.Add(_number);
        _region = new NumberOptions(this, hasNumber: false);
        Options.Add(_organisation);
        Options.Add(_ended);
        _connection = new ConnectionOptions(this);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
    {
        using var client = _connection.Connect(parsed);
        var request = new ListBlocksRequest
        {
            Number = parsed.GetValue(_number) ?? "",
            DefaultRegion = _region.Region(parsed),
            Organisation = parsed.GetValue(_organisation) ?? "",
            Ended = parsed.GetValue(_ended),
        };
        var printer = new BlockPrinter("");
        var count = 0;
        do
        {
            var page = await client.ListBlocksAsync(request, ct);
            request.PageToken = page.NextPageToken;
            count += page.Blocks.Count;
            if (IsJson(parsed))
            {
                foreach (var block in page.Blocks)
                {
                    Shell.Output.WriteLine(JsonText.Format(block));
                }
            }
            else
            {
                printer.Write(Shell.Console, page.Blocks);
            }
        }
        while (request.PageToken.Length > 0);
        if (count == 0 && !IsJson(parsed))
        {
            Shell.Console.MarkupLine("[bold]No blocks.[/]");
        }

        return ExitCodes.Ok;
    }
}
