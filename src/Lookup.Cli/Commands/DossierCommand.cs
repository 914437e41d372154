using System.CommandLine;
using System.Text.Json.Nodes;
using Grpc.Core;
using Lookup.Cli.Files;
using Lookup.Cli.Dossiers;
using Lookup.Cli.Hosting;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.Client;
using Lookup.Core.Numbers;
using Lookup.Core.Receipts;
using Lookup.Server.Receipts;
using Lookup.V1;
using Spectre.Console;

namespace Lookup.Cli.Commands;

/// <summary>lookup dossier: everything on record about a number, in chronological order.</summary>
internal sealed class DossierCommand : CliCommand
{
    private enum Form
    {
        Text,
        Json,
        Html,
    }

    private readonly NumberOptions _number;
    private readonly Option<Form?> _format = new("--format") { Description = "text, json or html (a printable page); default: by the extension of --out, else text.", HelpName = "FORMAT" };
    private readonly Option<string?> _out = new("--out") { Description = "File to write; default: standard output.", HelpName = "FILE" };
    private readonly Option<string[]> _also = ConnectionOptions.Also();
    private readonly Option<string[]> _folders = new("--receipts")
    {
        Description = "Folder with the receipts of an instance that no longer runs; requires the encryption key. Repeatable.",
        HelpName = "FOLDER",
        DefaultValueFactory = _ => [],
    };

    private readonly Option<string?> _keyFile = new("--key-file") { Description = "File with the encryption key, for --receipts; default: the environment variable LOOKUP_NUMBER_KEY.", HelpName = "PATH" };
    private readonly ConnectionOptions _connection;

    public DossierCommand(Shell shell)
        : base(
            shell,
            "dossier",
            "Writes everything on record about a number in chronological order: facts with evidence, and receipted answers.",
            "lookup dossier +31612345678",
            "lookup dossier +31612345678 --out dossier.html",
            "lookup dossier 0612345678 --region NL --json --also http://lookup-b:7500",
            "lookup dossier +31612345678 --receipts /backup/receipts-a --key-file number.key")
    {
        _number = new NumberOptions(this);
        Options.Add(_format);
        Options.Add(_out);
        Options.Add(_also);
        Options.Add(_folders);
        Options.Add(_keyFile);
        _connection = new ConnectionOptions(this);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
    {
        var path = parsed.GetValue(_out);
        var form = parsed.GetValue(_format) ?? (IsJson(parsed) ? Form.Json : FormOf(path));
        var (number, region) = (_number.Number(parsed), _number.Region(parsed));
        using var client = _connection.Connect(parsed);
        var facts = await client.ListFactsAsync(new ListFactsRequest { Number = number, DefaultRegion = region }, ct);
        var sources = new List<string> { client.Address.ToString() };
        var receipts = new List<(string, Core.Receipts.Receipt)>();
        if (!await AddAsync(client, facts.Number, receipts, ct))
        {
            var note = $"The service at {client.Address} keeps no receipts: the dossier contains facts only.";
            if (IsJson(parsed))
            {
                Shell.Error.WriteLine(new JsonObject { ["note"] = note }.ToJsonString(JsonText.Options));
            }
            else
            {
                Shell.ErrorConsole.MarkupLine($"[yellow]{SafeText.Escape(note)}[/]");
            }
        }

        foreach (var address in parsed.GetRequiredValue(_also))
        {
            using var other = _connection.Connect(parsed, other: address);
            sources.Add(other.Address.ToString());
            await AddAsync(other, facts.Number, receipts, ct);
        }

        foreach (var folder in parsed.GetRequiredValue(_folders))
        {
            sources.Add(folder);
            AddFolder(parsed, folder, facts.Number, receipts, ct);
        }

        var dossier = Dossier.Create(facts.Number, Shell.Clock.GetUtcNow(), sources, facts, receipts);
        if (form == Form.Text && path is null)
        {
            Write(dossier);
            return ExitCodes.Ok;
        }

        var text = form switch
        {
            Form.Html => DossierPage.Render(dossier),
            Form.Json => dossier.ToJson() + "\n",
            _ => SafeText.Printable(Plain(dossier)),
        };
        if (path is null)
        {
            Shell.Output.Write(text);
        }
        else
        {
            await OutputPath.WriteAsync(path, text, ct);
            Shell.Console.MarkupLine($"[green]wrote[/]  {SafeText.Escape(path)}: {dossier.Entries.Count} entries");
        }

        return ExitCodes.Ok;
    }

    private static Form FormOf(string? path) => Path.GetExtension(path)?.ToLowerInvariant() switch
    {
        ".html" or ".htm" => Form.Html,
        ".json" => Form.Json,
        _ => Form.Text,
    };

    /// <returns>False if the instance keeps no receipts.</returns>
    private static async Task<bool> AddAsync(LookupClient client, string number, List<(string, Core.Receipts.Receipt)> receipts, CancellationToken ct)
    {
        var request = new ListReceiptsRequest { Number = number };
        do
        {
            ListReceiptsResponse response;
            try
            {
                response = await client.ListReceiptsAsync(request, ct);
            }
            catch (LookupException e) when (e.Status == StatusCode.FailedPrecondition)
            {
                return false;
            }

            receipts.AddRange(response.Receipts.Select(r => (r.Id, ReceiptFormat.Read(r.Content.Span))));
            request.PageToken = response.NextPageToken;
        }
        while (request.PageToken.Length > 0);

        return true;
    }

    private void AddFolder(ParseResult parsed, string folder, string number, List<(string, Core.Receipts.Receipt)> receipts, CancellationToken ct)
    {
        if (!Directory.Exists(folder))
        {
            throw new CliException($"Folder '{folder}' does not exist.");
        }

        using var cipher = new NumberCipher(OpenStore.Keys(parsed.GetValue(_keyFile)));
        if (!NumberParser.TryParseStored(number, out var parsedNumber))
        {
            throw new CliException($"The service returned '{number}', which is not a number in E.164.");
        }

        var kept = new ReceiptFolder(folder);
        var log = kept.NewestHead() is { } head ? Convert.ToHexStringLower(head.LogId) : "";
        receipts.AddRange(kept.ReceiptsOf(cipher.EncryptWithAllKeys(parsedNumber), 0, ct).Select(r => ($"{log}-{r.Index}", ReceiptFormat.Read(r.Content))));
    }

    private void Write(Dossier dossier)
    {
        Shell.Console.MarkupLine($"[bold]{SafeText.Escape(dossier.Number)}[/]  {SafeText.Escape(Count(dossier))}");
        foreach (var text in dossier.InEffect)
        {
            Shell.Console.MarkupLine($"  [grey]in effect:[/] {SafeText.Escape(text)}");
        }

        foreach (var entry in dossier.Entries)
        {
            Shell.Console.MarkupLine($"{dossier.Time(entry.At)}  [bold]{entry.Kind}[/]  {SafeText.Escape(entry.Title)}");
            foreach (var (name, text) in entry.Lines)
            {
                Shell.Console.MarkupLine($"    [grey]{name}:[/] {SafeText.Escape(text)}");
            }
        }
    }

    private static string Count(Dossier dossier) => dossier.Entries.Count == 0
        ? "nothing on record"
        : $"{dossier.Entries.Count} entries, oldest first, times of {(dossier.Zone.Length > 0 ? dossier.Zone : "UTC")}";

    private static string Plain(Dossier dossier) =>
        $"{dossier.Number}  {Count(dossier)}\n"
        + string.Concat(dossier.InEffect.Select(text => $"  in effect: {text}\n"))
        + string.Concat(dossier.Entries.Select(entry =>
            $"{dossier.Time(entry.At)}  {entry.Kind}  {entry.Title}\n{string.Concat(entry.Lines.Select(l => $"    {l.Name}: {l.Text}\n"))}"));
}
