using System.CommandLine;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.V1;
using Spectre.Console;

namespace Lookup.Cli.Commands;

/// <summary>lookup erase: erases a number's facts and records a permanent objection in their place.</summary>
internal sealed class EraseCommand : CliCommand
{
    private readonly NumberOptions _number;
    private readonly Option<bool> _yes = new("--yes") { Description = "Skip the confirmation prompt. Erasure cannot be undone." };
    private readonly Option<string[]> _also = ConnectionOptions.Also();
    private readonly ProvenanceOptions _provenance;
    private readonly ConnectionOptions _connection;

    public EraseCommand(Shell shell)
        : base(
            shell,
            "erase",
            "Erases everything on record about a number and records a permanent objection to all calls in its place.",
            "lookup erase +31612345678 --reason 'request of 3 March, case 812' --yes",
            "lookup erase +31612345678 --yes --address http://lookup-a:7500 --also http://lookup-b:7500")
    {
        _number = new NumberOptions(this);
        Options.Add(_yes);
        Options.Add(_also);
        _provenance = new ProvenanceOptions(this);
        _connection = new ConnectionOptions(this);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
    {
        var number = _number.Number(parsed);
        if (!parsed.GetValue(_yes))
        {
            if (IsJson(parsed) || !Shell.Console.Profile.Capabilities.Interactive)
            {
                throw CliException.Usage("Erasure cannot be undone: confirm it with --yes.");
            }

            var prompt = new ConfirmationPrompt($"Erase everything on record about {SafeText.Escape(number)}? This cannot be undone.") { DefaultValue = false };
            if (!await Shell.Console.PromptAsync(prompt, ct))
            {
                throw new CliException("Nothing was erased.");
            }
        }

        var request = new EraseNumberRequest
        {
            Number = number,
            DefaultRegion = _number.Region(parsed),
            Source = _provenance.Source(parsed),
            Actor = _provenance.Actor(parsed),
            Reason = _provenance.Reason(parsed),
        };
        using (var client = _connection.Connect(parsed))
        {
            Write(parsed, await client.EraseNumberAsync(request, ct));
        }

        foreach (var address in parsed.GetRequiredValue(_also))
        {
            using var client = _connection.Connect(parsed, other: address);
            Write(parsed, await client.EraseNumberAsync(request, ct));
        }

        return ExitCodes.Ok;
    }

    private void Write(ParseResult parsed, EraseNumberResponse response)
    {
        if (IsJson(parsed))
        {
            Shell.Output.WriteLine(JsonText.Format(response));
            return;
        }

        Shell.Console.MarkupLine($"[green]Erased[/] {response.ErasedFacts} facts{(response.Receipt is null ? "" : $" and {response.ErasedReceipts} receipts")}; an objection to all calls is recorded.");
        Shell.Console.MarkupLine($"  [grey]token:[/] {SafeText.Escape(response.ConsistencyToken)}");
        if (response.Receipt is { } receipt)
        {
            Shell.Console.MarkupLine($"  [grey]receipt:[/] {SafeText.Escape(receipt.Id)}");
        }
    }
}
