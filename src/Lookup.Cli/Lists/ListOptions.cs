using System.CommandLine;
using Lookup.Cli.Files;
using Lookup.Cli.Options;
using Lookup.Client;
using Lookup.Core.Numbers;

namespace Lookup.Cli.Lists;

/// <summary>Options for a list of numbers, its format and retries, shared by scrub, preview and impact.</summary>
internal sealed class ListOptions
{
    private const int MaxRetries = 20;
    private const int MaxWait = 86_400;

    private readonly Argument<string> _path = new("LIST")
    {
        Description = "CSV, NDJSON, Excel (.xlsx) or one number per line, also as gzip or in a zip archive; '-' for standard input.",
    };

    private readonly Option<string?> _column = new("--column")
    {
        Description = "Column of the number: its name or position from 1; in NDJSON a member such as contact.phone; default: the only column that holds numbers.",
        HelpName = "COLUMN",
    };

    private readonly Option<string?> _format = new("--format")
    {
        Description = "csv or ndjson; default: detected from the file.",
        HelpName = "FORMAT",
    };

    private readonly Option<string?> _delimiter = new("--delimiter")
    {
        Description = "Column delimiter of a CSV file: one character or 'tab'; default: detected from its lines.",
        HelpName = "CHAR",
    };

    private readonly Option<string?> _sheet = FormatOptions.Sheet();
    private readonly Option<bool> _header = new("--header") { Description = "The first line is a header; default: detected." };
    private readonly Option<bool> _noHeader = new("--no-header") { Description = "The first line is not a header." };
    private readonly Option<int> _retry = new("--retry")
    {
        Description = $"Retries for numbers that the store could not answer, after 1, 2, 4, ... s; 0 to {MaxRetries}.",
        HelpName = "TIMES",
        DefaultValueFactory = _ => 3,
    };

    private readonly Option<double> _wait = new("--wait")
    {
        Description = $"Seconds to wait for an unreachable service, 0 to {MaxWait}.",
        HelpName = "SECONDS",
        DefaultValueFactory = _ => 60,
    };

    /// <summary>Adds the options to a command.</summary>
    /// <param name="command">The command.</param>
    /// <param name="asksService">False for commands without a service, which need no --retry and --wait.</param>
    public ListOptions(Command command, bool asksService = true)
    {
        command.Arguments.Add(_path);
        Option[] patience = asksService ? [_retry, _wait] : [];
        foreach (var option in (Option[])[_column, _format, _sheet, _delimiter, _header, _noHeader, .. patience])
        {
            command.Options.Add(option);
        }
    }

    /// <summary>Opens the list.</summary>
    public InputFile Open(ParseResult parsed, Stream standardInput) =>
        InputFile.Open(parsed.GetRequiredValue(_path), standardInput, new InputOptions(parsed.GetValue(_sheet)));

    public LayoutChoice Choice(ParseResult parsed, string region)
    {
        var (header, noHeader) = (parsed.GetValue(_header), parsed.GetValue(_noHeader));
        if (header && noHeader)
        {
            throw CliException.Usage("--header and --no-header exclude each other: drop one.");
        }

        if (region.Length > 0 && !NumberParser.Instance.IsRegion(region))
        {
            throw CliException.Usage($"--region '{region}' is not a two-letter ISO 3166 code; write it like NL.");
        }

        return new LayoutChoice(
            parsed.GetValue(_format) is not { } format ? null : FormatOptions.Format(format)
                ?? throw CliException.Usage($"--format '{format}' is not valid; use csv or ndjson."),
            FormatOptions.Delimiter(parsed.GetValue(_delimiter)),
            header ? true : noHeader ? false : null,
            parsed.GetValue(_column),
            region.Length == 0 ? null : region);
    }

    public PipelineSettings Settings(ParseResult parsed) => new()
    {
        Retries = parsed.GetWithin(_retry, 0, MaxRetries),
        Wait = Wait(parsed),
    };

    /// <summary>Applies --wait to the client's options.</summary>
    public Func<LookupClientOptions, LookupClientOptions> Patience(ParseResult parsed)
    {
        var wait = Wait(parsed);
        return options => options with { StreamRetryLimit = wait };
    }

    private TimeSpan Wait(ParseResult parsed) => TimeSpan.FromSeconds(parsed.GetWithin(_wait, 0, MaxWait, "seconds"));
}
