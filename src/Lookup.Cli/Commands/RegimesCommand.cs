using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Lookup.Cli.Hosting;
using Lookup.Cli.Output;
using Lookup.Cli.Regimes;
using Lookup.Core.Regimes;
using Spectre.Console;

namespace Lookup.Cli.Commands;

/// <summary>lookup regimes: the rule files.</summary>
internal sealed class RegimesCommand : Command
{
    public RegimesCommand(Shell shell)
        : base("regimes", "Shows, validates and tests the rules of each country.")
    {
        Subcommands.Add(new List(shell));
        Subcommands.Add(new Show(shell));
        Subcommands.Add(new Check(shell));
        Subcommands.Add(new Test(shell));
        Subcommands.Add(new Export(shell));
    }

    private static Argument<string?> Folder() => new("DIR")
    {
        Description = "Folder with regime files, as for 'lookup serve --regimes'; default: the built-in rules.",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private sealed class List : CliCommand
    {
        private readonly Argument<string?> _folder = Folder();

        public List(Shell shell)
            : base(
                shell,
                "list",
                "Lists the countries with their rows of rules, the dates of their last source checks, and open legal questions.",
                "lookup regimes list",
                "lookup regimes list next --json") =>
            Arguments.Add(_folder);

        protected override Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
        {
            var files = RegimeDocument.ReadAll(parsed.GetValue(_folder));
            if (IsJson(parsed))
            {
                Shell.Output.WriteLine(RegimeList.Json(files).ToJsonString(JsonText.Options));
            }
            else
            {
                RegimeList.Write(Shell.Console, files);
            }

            return Task.FromResult(ExitCodes.Ok);
        }
    }

    private sealed class Show : CliCommand
    {
        private readonly Argument<string> _country = new("COUNTRY") { Description = "The country, for example NL." };
        private readonly Argument<string?> _folder = Folder();

        private readonly Option<string?> _at = new("--at")
        {
            Description = "Show the rules of this day, for example 2021-07-01; default: today.",
            HelpName = "DATE",
        };

        public Show(Shell shell)
            : base(
                shell,
                "show",
                "Shows every rule of a country in words: article, link, period, protected subscribers, exceptions, hours and limits.",
                "lookup regimes show NL",
                "lookup regimes show NL --at 2021-07-01",
                "lookup regimes show FR next --json")
        {
            Arguments.Add(_country);
            Arguments.Add(_folder);
            Options.Add(_at);
        }

        protected override Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
        {
            var day = parsed.GetValue(_at) ?? Shell.Clock.GetUtcNow().ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
            if (!DateOnly.TryParseExact(day, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _))
            {
                throw CliException.Usage($"--at '{day}' is not a date; write it like 2021-07-01.");
            }

            var files = RegimeDocument.ReadAll(parsed.GetValue(_folder));
            var country = parsed.GetRequiredValue(_country);
            var file = files.FirstOrDefault(file =>
                file.Country.Equals(country, StringComparison.OrdinalIgnoreCase) || Path.GetFileNameWithoutExtension(file.Name).Equals(country, StringComparison.OrdinalIgnoreCase))
                ?? throw CliException.Usage($"COUNTRY '{country}' has no rules; use one of {string.Join(", ", files.Select(file => file.Country))}.");
            var show = new RegimeShow(file, day);
            if (IsJson(parsed))
            {
                Shell.Output.WriteLine(show.Json().ToJsonString(JsonText.Options));
            }
            else
            {
                show.Write(Shell.Console);
            }

            return Task.FromResult(ExitCodes.Ok);
        }
    }

    private sealed class Check : CliCommand
    {
        private readonly Argument<string?> _folder = Folder();

        public Check(Shell shell)
            : base(
                shell,
                "check",
                "Validates regime files: errors, sources not checked for a year, gaps between rows, unused entries, calendars that end.",
                "lookup regimes check",
                "lookup regimes check next --json")
        {
            ExitCodeHelp = "0 no faults (there may be warnings), 1 faults, 2 usage.";
            Arguments.Add(_folder);
        }

        protected override Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
        {
            var findings = Examine(parsed.GetValue(_folder));
            var faults = findings.Count(finding => finding.IsFault);
            if (IsJson(parsed))
            {
                Shell.Output.WriteLine(new JsonObject
                {
                    ["faults"] = faults,
                    ["warnings"] = findings.Count - faults,
                    ["findings"] = new JsonArray([.. findings.Select(finding => new JsonObject
                    {
                        ["level"] = finding.IsFault ? "fault" : "warning",
                        ["place"] = finding.Place,
                        ["what"] = finding.What,
                    })]),
                }.ToJsonString(JsonText.Options));
            }
            else
            {
                foreach (var finding in findings)
                {
                    Shell.Console.MarkupLine($"{(finding.IsFault ? "[red]fault[/]  " : "[yellow]warning[/]")}  {SafeText.Escape(finding.Place.Length > 0 ? $"{finding.Place}: {finding.What}" : finding.What)}");
                }

                Shell.Console.MarkupLine($"{faults} faults, {findings.Count - faults} warnings.");
            }

            return Task.FromResult(faults > 0 ? ExitCodes.Error : ExitCodes.Ok);
        }

        private List<RegimeFinding> Examine(string? folder)
        {
            var files = RegimeFolder.Files(folder).ToList();
            try
            {
                RegimeFolder.Compile(files);
            }
            catch (RegimeException exception)
            {
                // Files that do not compile cannot be checked further.
                return [.. exception.Faults.Select(fault => new RegimeFinding(true, "", fault))];
            }

            return RegimeLint.Examine(RegimeDocument.ReadFiles(files), DateOnly.FromDateTime(Shell.Clock.GetUtcNow().UtcDateTime));
        }
    }

    private sealed class Test : CliCommand
    {
        private readonly Argument<string[]> _paths = new("[DIR] CASES")
        {
            Description = "Folder with regime files (default: the built-in rules), then a file with expected answers or a folder of such files (*.json, *.jsonl).",
            Arity = new ArgumentArity(1, 2),
        };

        public Test(Shell shell)
            : base(
                shell,
                "test",
                "Tests the rules against expected answers, without a service or a store, and shows the differences with their reasons.",
                "lookup regimes test cases.jsonl",
                "lookup regimes test next cases/ --json")
        {
            ExitCodeHelp = "0 all answers are as expected, 1 some are not or a case is invalid, 2 usage.";
            Arguments.Add(_paths);
        }

        protected override Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
        {
            var paths = parsed.GetRequiredValue(_paths);
            var cases = ExpectedCase.ReadAll(paths[^1]);
            using var run = new CaseRun(RegimeFolder.Load(paths.Length > 1 ? paths[0] : null));
            var failed = cases.Select(run.Run).Where(result => result.Faults.Count > 0).ToList();
            if (IsJson(parsed))
            {
                Shell.Output.WriteLine(new JsonObject
                {
                    ["cases"] = cases.Count,
                    ["failed"] = new JsonArray([.. failed.Select(Json)]),
                }.ToJsonString(JsonText.Options));
            }
            else
            {
                foreach (var result in failed)
                {
                    Shell.Console.MarkupLine($"[red]{SafeText.Escape(result.Case.Id)}[/]  {SafeText.Escape(result.Case.Place)}");
                    foreach (var fault in result.Faults)
                    {
                        Shell.Console.MarkupLine("    " + SafeText.Escape(fault));
                    }

                    foreach (var line in result.Why.Split('\n', StringSplitOptions.RemoveEmptyEntries))
                    {
                        Shell.Console.MarkupLine($"    [grey]{SafeText.Escape(line)}[/]");
                    }
                }

                Shell.Console.MarkupLine($"{cases.Count} cases, {failed.Count} not as expected.");
            }

            return Task.FromResult(failed.Count > 0 ? ExitCodes.Error : ExitCodes.Ok);
        }

        private static JsonObject Json(CaseResult result) => new()
        {
            ["id"] = result.Case.Id,
            ["place"] = result.Case.Place,
            ["expected"] = new JsonObject
            {
                ["verdict"] = Lookup.Cli.Options.Words.Verdicts.WordFor(result.Case.Verdict),
                ["reason"] = Lookup.Cli.Options.Words.Reasons.WordFor(result.Case.Reason),
                ["regime"] = result.Case.Regime,
            },
            ["actual"] = new JsonObject
            {
                ["verdict"] = Lookup.Cli.Options.Words.Verdicts.WordFor((V1.Verdict)result.Decision.Verdict),
                ["reason"] = Lookup.Cli.Options.Words.Reasons.WordFor((V1.ReasonCode)result.Decision.Primary),
                ["regime"] = result.Decision.Rules?.Id ?? "",
            },
            ["faults"] = new JsonArray([.. result.Faults.Select(fault => JsonValue.Create(fault))]),
            ["why"] = result.Why,
        };
    }

    private sealed class Export : CliCommand
    {
        private readonly Argument<string> _folder = new("DIR") { Description = "New or empty folder." };

        public Export(Shell shell)
            : base(
                shell,
                "export",
                "Writes the built-in regime files into a folder, as the starting point of a new version.",
                "lookup regimes export next",
                "lookup regimes export next && lookup impact leads.csv --regimes next --data ./lookup-data --org acme --purpose commercial") =>
            Arguments.Add(_folder);

        protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
        {
            var folder = parsed.GetRequiredValue(_folder);
            Directory.CreateDirectory(folder);
            if (Directory.EnumerateFileSystemEntries(folder).Any())
            {
                throw new CliException($"Folder '{folder}' is not empty: name a new one.");
            }

            var written = new JsonArray();
            foreach (var (name, content) in RegimeSet.BuiltInFiles())
            {
                await File.WriteAllBytesAsync(Path.Combine(folder, name), content, ct);
                written.Add(name);
            }

            if (IsJson(parsed))
            {
                Shell.Output.WriteLine(new JsonObject { ["files"] = written }.ToJsonString(JsonText.Options));
            }
            else
            {
                Shell.Console.MarkupLine($"{written.Count} files in {SafeText.Escape(folder)}. Edit them and their \"version\", then preview the effect with 'lookup impact'.");
            }

            return ExitCodes.Ok;
        }
    }
}
