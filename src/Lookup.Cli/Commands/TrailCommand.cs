using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.Cli.Trail;
using Lookup.Core.Receipts;
using Lookup.Core.Trail;
using Lookup.Server.Receipts;
using Lookup.Server.Trail;
using Spectre.Console;

namespace Lookup.Cli.Commands;

/// <summary>lookup trail: administrative acts.</summary>
internal sealed class TrailCommand : Command
{
    public TrailCommand(Shell shell)
        : base("trail", "Lists and verifies the trail of administrative acts: who did what, and when.")
    {
        Subcommands.Add(new List(shell));
        Subcommands.Add(new Verify(shell));
    }

    private sealed class List : CliCommand
    {
        private readonly Option<string?> _since = new("--since") { Description = "First time, for example 2026-11-01T00:00:00Z; default: the first entry.", HelpName = "TIME" };
        private readonly Option<string?> _until = new("--until") { Description = "Last time, exclusive; default: now.", HelpName = "TIME" };
        private readonly Option<string?> _zone = OptionParsing.TimeZone();
        private readonly Option<string?> _who = new("--who") { Description = "Only acts of this credential, for example anna; 'tool' for acts of the command-line tool on the store.", HelpName = "ID" };
        private readonly Option<string?> _kind = new("--kind") { Description = $"Only acts of this kind: {string.Join(", ", Kinds)}.", HelpName = "KIND" };
        private readonly TrailSource _source;

        public List(Shell shell)
            : base(
                shell,
                "list",
                "Lists administrative acts with their results, oldest first; fails if the trail was changed.",
                "lookup trail list",
                "lookup trail list --kind credential --since 2026-11-01T00:00:00Z",
                "lookup trail list --who anna --json",
                "lookup trail list --data ./lookup-data")
        {
            foreach (var option in (Option[])[_since, _until, _zone, _who, _kind])
            {
                Options.Add(option);
            }

            _source = new TrailSource(this);
        }

        private static IEnumerable<string> Kinds => TrailActs.Kinds.Values.Concat(["approval", "key", "start", "store"]).Distinct().Order(StringComparer.Ordinal);

        protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
        {
            var (who, kind) = (parsed.GetValue(_who), parsed.GetValue(_kind));
            if (kind is not null && !Kinds.Contains(kind))
            {
                throw CliException.Usage($"--kind '{kind}' is not a kind of act; use {string.Join(", ", Kinds)}.");
            }

            var zone = parsed.GetTimeZone(_zone);
            var (since, until) = (parsed.GetTime(_since, zone)?.ToDateTimeOffset(), parsed.GetTime(_until, zone)?.ToDateTimeOffset());
            var (entries, _) = await _source.ReadAsync(parsed, Shell, ct);
            var results = entries.Where(entry => entry.Of is not null).ToLookup(entry => entry.Of!.Value);
            var acts = entries.Where(entry => entry.Of is null
                && (kind is null || entry.Kind == kind)
                && (who is null || entry.Who == who || entry.Who.StartsWith(who + ":", StringComparison.Ordinal))
                && (since is null || entry.Time >= since) && (until is null || entry.Time < until)).ToList();
            foreach (var act in acts)
            {
                var result = act.Result.Length > 0 ? act : results[act.Number].FirstOrDefault();
                if (IsJson(parsed))
                {
                    Shell.Output.WriteLine(Json(act, result).ToJsonString());
                    continue;
                }

                Shell.Console.MarkupLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{act.Number,6}  {TimeText.Format(act.Time)}  {(act.Who.Length > 0 ? SafeText.Escape(act.Who) : "[grey](no credential)[/]")}  [bold]{act.Act}[/]  {Result(result)}"));
                Shell.Console.MarkupLine($"        [grey]{SafeText.Escape(act.What)}[/]");
            }

            if (acts.Count == 0 && !IsJson(parsed))
            {
                Shell.Console.MarkupLine("[bold]No acts.[/]");
            }

            return ExitCodes.Ok;
        }

        private static string Result(TrailEntry? result) =>
            result is null ? "[yellow]no result: interrupted, or still running[/]"
            : result.Result.StartsWith(TrailWriter.Done, StringComparison.Ordinal) ? $"[green]{SafeText.Escape(result.Result)}[/]"
            : $"[yellow]{SafeText.Escape(result.Result)}[/]";

        private static JsonObject Json(TrailEntry act, TrailEntry? result) => new()
        {
            ["n"] = act.Number,
            ["time"] = TimeText.Format(act.Time),
            ["who"] = act.Who,
            ["kind"] = act.Kind,
            ["act"] = act.Act,
            ["what"] = act.What.Length > 0 ? JsonNode.Parse(act.What) : null,
            ["result"] = result?.Result,
            ["result_time"] = result is null ? null : TimeText.Format(result.Time),
        };
    }

    private sealed class Verify : CliCommand
    {
        private readonly Option<string[]> _folders = new("--receipts")
        {
            Description = "Folder with the receipts of an instance, which recorded the trail's hashes; finds entries that were removed from the end. Repeatable.",
            HelpName = "FOLDER",
            DefaultValueFactory = _ => [],
        };

        private readonly Option<string?> _publicKey = new("--public-key") { Description = "PEM file with the public key; required with --receipts, which it verifies first.", HelpName = "FILE" };
        private readonly TrailSource _source;

        public Verify(Shell shell)
            : base(
                shell,
                "verify",
                "Verifies that no entry of the trail was changed, removed, added or moved.",
                "lookup trail verify",
                "lookup trail verify --receipts ./receipts --public-key receipt.key.pub")
        {
            Options.Add(_folders);
            Options.Add(_publicKey);
            _source = new TrailSource(this);
        }

        protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
        {
            var paths = parsed.GetRequiredValue(_folders);
            if (paths.Length > 0 != parsed.GetValue(_publicKey) is not null)
            {
                throw CliException.Usage("--receipts and --public-key belong together: name both or neither.");
            }

            if (Array.Find(paths, path => !Directory.Exists(path)) is { } missing)
            {
                throw new CliException($"Folder '{missing}' does not exist.");
            }

            // The receipts first: an entry that is written meanwhile is then missing from them, not from the trail.
            var kept = Kept(paths, parsed.GetValue(_publicKey), ct);
            var (entries, check) = await _source.ReadAsync(parsed, Shell, ct);
            foreach (var receipt in kept)
            {
                check.Compare(receipt.Count, receipt.Digest.Span);
            }

            var last = kept.Select(receipt => receipt.Count).DefaultIfEmpty().Max();
            if (IsJson(parsed))
            {
                Shell.Output.WriteLine(new JsonObject
                {
                    ["entries"] = check.Count,
                    ["newest_sha256"] = check.Newest,
                    ["entries_in_receipts"] = last,
                }.ToJsonString(JsonText.Options));
                return ExitCodes.Ok;
            }

            Shell.Console.MarkupLine(string.Create(CultureInfo.InvariantCulture, $"[green]Intact:[/] {check.Count:N0} entries{Period(entries)}."));
            Shell.Console.MarkupLine($"  [grey]SHA-256 of the newest:[/] {check.Newest}");
            Shell.Console.MarkupLine(paths.Length == 0
                ? "  Without --receipts, entries removed from the end are not found."
                : string.Create(CultureInfo.InvariantCulture, $"  Receipts prove the first {last:N0} of them."));
            return ExitCodes.Ok;
        }

        private static string Period(IReadOnlyList<TrailEntry> entries) =>
            entries.Count == 0 ? "" : $", {TimeText.Format(entries[0].Time)} to {TimeText.Format(entries[^1].Time)}";

        private static List<Receipt> Kept(string[] paths, string? publicKeyFile, CancellationToken ct)
        {
            var kept = new List<Receipt>();
            foreach (var folder in paths.Select(path => new ReceiptFolder(path)))
            {
                using var publicKey = ReceiptKeyFile.LoadPublic(publicKeyFile!);
                var proven = ReceiptAudit.RunProven(folder, publicKey, [], null, ct).Receipts;
                foreach (var (index, content, _) in folder.Segments().SelectMany(segment => segment.Receipts()))
                {
                    ct.ThrowIfCancellationRequested();
                    if (index < proven && content.Length > 4 && !ErasedReceipt.IsErased(content, out _) && content[4] == (byte)ReceiptKind.Trail)
                    {
                        kept.Add(ReceiptFormat.Read(content));
                    }
                }
            }

            return kept;
        }
    }
}
