using System.CommandLine;
using System.Text.Json.Nodes;
using Lookup.Cli.Output;
using Lookup.Core.Regimes;
using Spectre.Console;

namespace Lookup.Cli.Commands;

/// <summary>lookup regimes: the files with the rules.</summary>
internal sealed class RegimesCommand : Command
{
    public RegimesCommand(Shell shell)
        : base("regimes", "The files with the rules of each country.") => Subcommands.Add(new Export(shell));

    private sealed class Export : CliCommand
    {
        private readonly Argument<string> _folder = new("DIR") { Description = "A folder that is not there yet, or is empty." };

        public Export(Shell shell)
            : base(
                shell,
                "export",
                "Writes the regime files that come with the program into a folder, as the beginning of a new version of them.",
                "lookup regimes export next",
                "lookup regimes export next && lookup impact leads.csv --regimes next --data ./lookup-data --org acme --purpose commercial") =>
            Arguments.Add(_folder);

        protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
        {
            var folder = parsed.GetRequiredValue(_folder);
            Directory.CreateDirectory(folder);
            if (Directory.EnumerateFileSystemEntries(folder).Any())
            {
                throw new CliException($"'{folder}' is not empty: name a new folder.");
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
                Shell.Console.MarkupLine($"{written.Count} files in {SafeText.Escape(folder)}. Change them, and with them their \"version\"; then see what it comes to with 'lookup impact'.");
            }

            return ExitCodes.Ok;
        }
    }
}
