using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.Cli.Usage;
using Lookup.Server.Receipts;
using Spectre.Console;

namespace Lookup.Cli.Commands;

/// <summary>lookup usage: counts what each credential asked, for billing.</summary>
internal sealed class UsageCommand : CliCommand
{
    private const string DayFormat = "yyyy-MM-dd";

    private readonly Argument<string[]> _folders = new("FOLDER")
    {
        Description = "Folder with the receipts of an instance; a service may be writing to it. Name those of all instances.",
        Arity = ArgumentArity.OneOrMore,
    };

    private readonly Option<string?> _since = new("--since") { Description = "First day, for example 2026-11-01; default: the first with a receipt.", HelpName = "DAY" };
    private readonly Option<string?> _until = new("--until") { Description = "Last day, included; default: the last with a receipt.", HelpName = "DAY" };
    private readonly Option<string?> _zone = new("--timezone") { Description = "Time zone of the days, for example Europe/Amsterdam; default: UTC.", HelpName = "ZONE" };
    private readonly Option<string?> _publicKey = new("--public-key") { Description = "PEM file with the public key: first verifies that no receipt was changed, removed or added.", HelpName = "FILE" };

    public UsageCommand(Shell shell)
        : base(
            shell,
            "usage",
            "Counts checks and list numbers per day, credential and organisation from receipts, for billing.",
            "lookup usage ./receipts",
            "lookup usage /backup/receipts-a /backup/receipts-b --since 2026-11-01 --until 2026-11-30 --timezone Europe/Amsterdam --public-key receipt.key.pub --json")
    {
        Arguments.Add(_folders);
        foreach (var option in (Option[])[_since, _until, _zone, _publicKey])
        {
            Options.Add(option);
        }
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
    {
        var paths = parsed.GetRequiredValue(_folders);
        var (since, until) = (parsed.GetDay(_since), parsed.GetDay(_until));
        if (since > until)
        {
            throw CliException.Usage($"--since {Format(since)} is later than --until {Format(until)}.");
        }

        var zone = parsed.GetTimeZone(_zone) ?? TimeZoneInfo.Utc;
        if (Array.Find(paths, path => !Directory.Exists(path)) is { } missing)
        {
            throw new CliException($"Folder '{missing}' does not exist.");
        }

        using var publicKey = parsed.GetValue(_publicKey) is { } file ? ReceiptKeyFile.LoadPublic(file) : null;
        var folders = paths.Select(path => new ReceiptFolder(path)).ToList();
        var total = (double)Math.Max(folders.Sum(folder => (long)(folder.NewestHead()?.TreeSize ?? 0)), 1) * (publicKey is null ? 1 : 2);
        var tally = new UsageTally(zone, since, until);
        await WorkBar.RunAsync(Shell, "reading receipts", share => Task.Run(
            () =>
            {
                var before = 0UL;
                foreach (var folder in folders)
                {
                    before += publicKey is null ? 0 : ReceiptAudit.RunProven(folder, publicKey, [], Report, ct).Receipts;
                    tally.Add(folder, Report, ct);
                    before += folder.NewestHead()?.TreeSize ?? 0;
                }

                return true;

                void Report(ulong done) => share(Math.Min(1, (before + done) / total));
            },
            ct));
        if (tally.Receipts == 0)
        {
            throw new CliException($"There are no receipts in {string.Join(", ", paths)}: name the folder of 'lookup serve --receipts'.");
        }

        Write(parsed, tally, zone, publicKey is not null);
        return ExitCodes.Ok;
    }

    private void Write(ParseResult parsed, UsageTally tally, TimeZoneInfo zone, bool isVerified)
    {
        KeyValuePair<UsageKey, UsageCount>[] rows = [.. tally.Rows];
        var sum = rows.Aggregate(default(UsageCount), (sum, row) => sum + row.Value);
        if (IsJson(parsed))
        {
            var json = Json(sum);
            json.Insert(0, "days", new JsonArray([.. rows.Select(row =>
            {
                var one = Json(row.Value);
                one.Insert(0, "day", Format(row.Key.Day));
                one.Insert(1, "credential", row.Key.Credential);
                one.Insert(2, "organisation", row.Key.Organisation);
                return (JsonNode?)one;
            })]));
            json["erased"] = tally.Erased;
            json["receipts"] = tally.Receipts;
            json["timezone"] = zone.Id;
            json["verified"] = isVerified;
            Shell.Output.WriteLine(json.ToJsonString(JsonText.Options));
            return;
        }

        var table = new Table().Border(TableBorder.Simple).AddColumns("day", "credential", "organisation");
        foreach (var name in (string[])["checks", "list numbers", "what-if"])
        {
            table.AddColumn(name, column => column.RightAligned());
        }

        foreach (var (key, count) in rows)
        {
            table.AddRow([Format(key.Day), key.Credential.Length > 0 ? SafeText.Escape(key.Credential) : "(none)", SafeText.Escape(key.Organisation), .. Cells(count)]);
        }

        table.AddRow(["total", "", "", .. Cells(sum)]);
        Shell.Console.Write(table);
        Shell.Console.MarkupLine(string.Create(
            CultureInfo.InvariantCulture, $"{tally.Receipts:N0} receipts{(isVerified ? ", verified" : "")}; days in {SafeText.Escape(zone.Id)}."));
        if (tally.Erased > 0)
        {
            Shell.Console.MarkupLine(string.Create(
                CultureInfo.InvariantCulture, $"{tally.Erased:N0} answers on about these days are not counted: their receipts were erased with their numbers."));
        }
    }

    private static string[] Cells(UsageCount count) =>
        [.. new[] { count.Checks, count.ListNumbers, count.WhatIf }.Select(value => value.ToString("N0", CultureInfo.InvariantCulture))];

    private static JsonObject Json(UsageCount count) => new()
    {
        ["checks"] = count.Checks,
        ["list_numbers"] = count.ListNumbers,
        ["what_if"] = count.WhatIf,
    };

    private static string Format(DateOnly? day) => day?.ToString(DayFormat, CultureInfo.InvariantCulture) ?? "";
}
