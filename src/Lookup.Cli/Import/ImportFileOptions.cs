using System.CommandLine;
using Lookup.Cli.Options;

namespace Lookup.Cli.Import;

/// <summary>Options for reading a file of facts: format, columns and rejected lines.</summary>
internal sealed class ImportFileOptions
{
    private readonly Option<string?> _format = new("--format")
    {
        Description = "csv or ndjson; default: detected from the extension, else from the first character.",
        HelpName = "FORMAT",
    };

    private readonly Option<string?> _delimiter = new("--delimiter")
    {
        Description = "Column delimiter of a CSV file: one character or 'tab'; default: detected from the first line.",
        HelpName = "CHAR",
    };

    private readonly Option<bool> _noHeader = new("--no-header") { Description = "The file has no header; its columns are named 1, 2, 3, ..." };

    private readonly Option<string[]> _map = List("--map", "Read a field from a column with another name. Repeatable.", "FIELD=COLUMN");
    private readonly Option<string[]> _set = List("--set", "Set a field to the same value on every line. Repeatable.", "FIELD=VALUE");
    private readonly Option<string[]> _ignore = List("--ignore", "Ignore a column; '*' ignores every column that is not a field. Repeatable.", "COLUMN");
    private readonly Option<string?> _zone = OptionParsing.TimeZone();
    private readonly Option<string?> _rejects = new("--rejects")
    {
        Description = "File that lists rejected lines; default: FILE.rejects.csv.",
        HelpName = "PATH",
    };

    private readonly Option<long> _maxRejects = new("--max-rejects")
    {
        Description = "Stop after more than this many rejected lines, 0 to 1000000000.",
        HelpName = "N",
        DefaultValueFactory = _ => 10_000,
    };

    private readonly Option<bool> _restart = new("--restart") { Description = "Start over instead of resuming a stopped import." };

    public ImportFileOptions(Command command)
    {
        command.Arguments.Add(Path);
        foreach (var option in (Option[])[_format, _delimiter, _noHeader, _map, _set, _ignore, _zone, _rejects, _maxRejects, _restart])
        {
            command.Options.Add(option);
        }
    }

    public Argument<string> Path { get; } = new("FILE") { Description = "CSV or NDJSON file, compressed if it ends in '.gz'; '-' for standard input." };

    public ColumnMap Map(ParseResult parsed) =>
        new(parsed.GetRequiredValue(_map), parsed.GetRequiredValue(_set), parsed.GetRequiredValue(_ignore));

    /// <summary>Creates the reader of a register's file: a column of numbers, or one number per line.</summary>
    public IRecordReader RegisterReader(ParseResult parsed, InputFile input, string register, out ColumnMap map)
    {
        var maps = parsed.GetRequiredValue(_map);
        var bare = input.DetectFormat() == ImportFormat.Csv && input.BeginsWithNumber();
        map = new ColumnMap(
            bare && maps.Length == 0 ? ["number=1"] : maps,
            [.. parsed.GetRequiredValue(_set), "kind=registration", $"register={register}"],
            parsed.GetRequiredValue(_ignore));
        return Reader(parsed, input, map, bare || parsed.GetValue(_noHeader));
    }

    /// <summary>The value of --max-rejects; null if it is not set.</summary>
    public long? MaxRejects(ParseResult parsed) =>
        parsed.GetResult(_maxRejects) is { Implicit: false } ? Settings(parsed).MaxRejects : null;

    public TimeZoneInfo? Zone(ParseResult parsed) => parsed.GetTimeZone(_zone);

    public IRecordReader Reader(ParseResult parsed, InputFile input, ColumnMap map) =>
        Reader(parsed, input, map, parsed.GetValue(_noHeader));

    private IRecordReader Reader(ParseResult parsed, InputFile input, ColumnMap map, bool noHeader)
    {
        var format = ParseFormat(parsed.GetValue(_format)) ?? input.DetectFormat();
        var delimiter = Delimiter(parsed);
        if (format == ImportFormat.Csv)
        {
            return new CsvRecordReader(input, map, delimiter, noHeader);
        }

        return noHeader || delimiter is not null
            ? throw CliException.Usage($"{(noHeader ? "--no-header" : "--delimiter")} applies only to CSV, but {input.Name} is read as NDJSON: drop it, or add --format csv.")
            : new NdjsonRecordReader(input, map);
    }

    public string RejectPath(ParseResult parsed, InputFile input) =>
        System.IO.Path.GetFullPath(parsed.GetValue(_rejects) ?? (input.Path ?? "stdin") + ".rejects.csv");

    public bool Restart(ParseResult parsed) => parsed.GetValue(_restart);

    public ImportSettings Settings(ParseResult parsed, InputFile? input = null)
    {
        var maxRejects = parsed.GetValue(_maxRejects);
        return new ImportSettings
        {
            MaxRejects = maxRejects is >= 0 and <= 1_000_000_000
                ? maxRejects
                : throw CliException.Usage($"--max-rejects {maxRejects} is out of range: 0 to 1000000000."),
            Restart = Restart(parsed),
            CheckpointPath = input?.Path is { } path ? path + ".checkpoint" : null,
        };
    }

    /// <summary>Identifies how the file is read, for the checkpoint.</summary>
    public string Fingerprint(ParseResult parsed, ColumnMap map) =>
        $"{map.Fingerprint()}\n{parsed.GetValue(_format)}\n{parsed.GetValue(_delimiter)}\n{parsed.GetValue(_noHeader)}\n{parsed.GetValue(_zone)}";

    /// <summary>Parses --format; null if it is not set.</summary>
    internal static ImportFormat? ParseFormat(string? text) => text?.ToLowerInvariant() switch
    {
        null => null,
        "csv" => ImportFormat.Csv,
        "ndjson" => ImportFormat.Ndjson,
        var other => throw CliException.Usage($"--format '{other}' is not valid; use csv or ndjson."),
    };

    private char? Delimiter(ParseResult parsed) => ParseDelimiter(parsed.GetValue(_delimiter));

    /// <summary>Parses --delimiter; null if it is not set.</summary>
    internal static char? ParseDelimiter(string? text) => text switch
    {
        null => null,
        "tab" or "\\t" or "\t" => '\t',
        { Length: 1 } when text[0] is > ' ' and < (char)127 and not '"' && !char.IsAsciiLetterOrDigit(text[0]) => text[0],
        _ => throw CliException.Usage($"--delimiter '{text}' is not valid; use one character such as ',' or ';', or 'tab'."),
    };

    private static Option<string[]> List(string name, string description, string helpName) => new(name)
    {
        Description = description,
        HelpName = helpName,
        DefaultValueFactory = _ => [],
    };
}
