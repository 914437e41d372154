using System.CommandLine;
using Lookup.Cli.Files;
using Lookup.Cli.Lists;
using Lookup.Cli.Options;

namespace Lookup.Cli.Import;

/// <summary>Options for reading a file of facts: format, columns and rejected lines.</summary>
internal sealed class ImportFileOptions
{
    private readonly Option<string?> _format = new("--format")
    {
        Description = $"csv, ndjson, or the layout of an official list: {ListPreset.Names}; default: detected from the register and the file.",
        HelpName = "FORMAT",
    };

    private readonly Option<string?> _sheet = FormatOptions.Sheet();
    private readonly Option<string?> _encoding = new("--encoding")
    {
        Description = "Encoding of a text without a byte order mark: utf-8 or windows-1252; default: utf-8. UTF-16 is detected.",
        HelpName = "NAME",
    };

    private readonly Option<string?> _dateFormat = new("--date-format")
    {
        Description = "How the file writes dates besides ISO 8601: day dd or d, month MM or M, year yyyy, for example dd/MM/yyyy; default: detected if every date of a column has one reading.",
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
    private readonly Option<string?> _only = new("--only")
    {
        Description = "Import only lines with yes in this column of a CSV file, in a language of the supported countries; lines with no are skipped.",
        HelpName = "COLUMN",
    };

    private readonly Option<string?> _cleaned = new("--cleaned")
    {
        Description = "The file that a register's keeper returned without the listed numbers: import only the numbers of FILE that it does not have.",
        HelpName = "FILE",
    };

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
        foreach (var option in (Option[])[_format, _sheet, _encoding, _delimiter, _noHeader, _map, _set, _ignore, _only, _cleaned, _dateFormat, _zone, _rejects, _maxRejects, _restart])
        {
            command.Options.Add(option);
        }
    }

    public Argument<string> Path { get; } = new("FILE") { Description = "CSV, NDJSON or Excel file (.xlsx), also as gzip or in a zip archive; '-' for standard input." };

    /// <summary>The register that the command line or the format names; null if neither does.</summary>
    public string? Register(ParseResult parsed, string? named) => named ?? ListPreset.Find(parsed.GetValue(_format))?.Register;

    /// <summary>The value of --max-rejects; null if it is not set.</summary>
    public long? MaxRejects(ParseResult parsed) =>
        parsed.GetResult(_maxRejects) is { Implicit: false } ? Settings(parsed).MaxRejects : null;

    /// <summary>The time zone: --timezone, else that of the list's keeper.</summary>
    public TimeZoneInfo? Zone(ParseResult parsed, string? register) => parsed.GetTimeZone(_zone)
        ?? ((ListPreset.Find(parsed.GetValue(_format)) ?? ListPreset.OfRegister(register))?.Zone is { } id ? TimeZoneInfo.FindSystemTimeZoneById(id) : null);

    /// <summary>Opens the file.</summary>
    public InputFile Open(ParseResult parsed, Stream standardInput, string? register = null) =>
        InputFile.Open(parsed.GetRequiredValue(Path), standardInput, Options(parsed, Named(parsed) ?? ListPreset.OfRegister(register ?? RegisterOf(parsed.GetRequiredValue(_set)))));

    private InputOptions Options(ParseResult parsed, ListPreset? preset)
    {
        var isWindows1252 = parsed.GetValue(_encoding)?.ToLowerInvariant() switch
        {
            null or "utf-8" => false,
            "windows-1252" => true,
            var other => throw CliException.Usage($"--encoding '{other}' is not valid; use utf-8 or windows-1252."),
        };
        return new InputOptions(parsed.GetValue(_sheet), isWindows1252, preset?.JoinsMembers ?? false);
    }

    /// <summary>Decides how to read the file. A register's file may be a column of numbers without a header.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="input">The file.</param>
    /// <param name="register">The register whose complete content the file holds; null: the file has facts.</param>
    /// <exception cref="CliException">The file does not fit the options.</exception>
    public ImportPlan Plan(ParseResult parsed, InputFile input, string? register)
    {
        var (maps, sets, ignores) = (parsed.GetRequiredValue(_map), parsed.GetRequiredValue(_set), parsed.GetRequiredValue(_ignore));
        var isCleaned = parsed.GetValue(_cleaned) is not null;
        if (isCleaned && input.Path is not null && OutputPath.IsSame(input.Path, parsed.GetValue(_cleaned)!))
        {
            throw CliException.Usage($"--cleaned {parsed.GetValue(_cleaned)} is the file that was sent: name the file that came back.");
        }

        var (preset, columns) = Preset(parsed, input, register ?? RegisterOf(sets), maps, isCleaned || parsed.GetValue(_only) is not null);
        var hasHeader = !parsed.GetValue(_noHeader);
        var inferred = columns is null or { IsNamed: true } ? null : columns.Description;
        if (register is not null)
        {
            sets = [.. sets, "kind=registration", $"register={register}"];
        }

        if (preset is not null && columns is not null)
        {
            (maps, sets, ignores) = preset.Complete(columns, maps, sets, ignores);
            hasHeader = columns == PresetColumns.Stated ? hasHeader : columns.HasHeader;
            if (preset.Region is null && !sets.Concat(maps).Any(text => text.StartsWith("region=", StringComparison.OrdinalIgnoreCase)))
            {
                throw CliException.Usage($"--format {preset.Name}: the numbers have no country code: set their region, for example --set region=US.");
            }

            if (register is not null)
            {
                // A snapshot has numbers and categories alone.
                ignores = [.. ignores, .. maps.Where(text => text.StartsWith("since=", StringComparison.Ordinal)).Select(text => text["since=".Length..])];
                maps = [.. maps.Where(text => !text.StartsWith("since=", StringComparison.Ordinal))];
            }
        }
        else if (register is not null && hasHeader && Format(parsed, input) == ImportFormat.Csv && input.BeginsWithNumber(out var isAlone))
        {
            hasHeader = false;
            // That a list of numbers alone has no header is no guess.
            inferred = isAlone ? null : maps.Length == 0 ? "no header, number in column 1" : "no header";
            maps = maps.Length == 0 ? ["number=1"] : maps;
        }

        var answer = parsed.GetValue(_only) ?? columns?.Answer;
        if (answer is not null)
        {
            ignores = ignores.Contains(answer, StringComparer.OrdinalIgnoreCase) ? ignores : [.. ignores, answer];
        }

        if (register is not null && (answer is not null || isCleaned))
        {
            throw CliException.Usage($"{input.Name} is an answer about the numbers that were sent, not the register's complete content: import it without --snapshot.");
        }

        var map = new ColumnMap(maps, sets, ignores) { PartLengths = columns?.PartLengths ?? [], ReasonPrefix = columns?.ReasonPrefix ?? "" };
        var filter = answer is null && !isCleaned ? null : new LineFilter
        {
            Column = answer,
            Words = parsed.GetValue(_only) is null ? preset?.Answers ?? YesNo.Any : YesNo.Any,
            Cleaned = isCleaned ? Cleaned(parsed, new ColumnMap(maps, sets, ignores), hasHeader) : null,
        };
        var reader = Reader(parsed, input, map, hasHeader, filter);
        try
        {
            var layout = Layout(parsed, input);
            CheckNumbers(input, layout, map, hasHeader);
            // A snapshot has no dates.
            var dates = register is null ? Dates(parsed, input, new ColumnMap(maps, sets, ignores), hasHeader) : null;
            var isList = columns?.List is { } list && map.Where(Field.Organisation).Equals(list, StringComparison.OrdinalIgnoreCase);
            var rules = new ReadingRules(dates, columns is { IsChangeList: true } ? preset!.Withdrawals : null)
            {
                HasCampaigns = isList,
                SharesLists = preset is { HasLists: true } && !isList,
            };
            return new ImportPlan(
                reader, map, Zone(parsed, register), rules, columns is { IsChangeList: true },
                ImportPlan.Describe(input, layout, hasHeader, columns is null ? null : $"{preset!.Name} ({preset.Title}), {columns.Description}"))
            {
                Inferred = inferred,
            };
        }
        catch
        {
            reader.Dispose();
            throw;
        }
    }

    private AnswerNumbers Cleaned(ParseResult parsed, ColumnMap map, bool hasHeader)
    {
        using var input = InputFile.Open(parsed.GetRequiredValue(_cleaned)!, Stream.Null, Options(parsed, null));
        using var reader = Reader(parsed, input, map, hasHeader);
        return AnswerNumbers.Read(input.Name, reader, map.Fixed.GetValueOrDefault(Field.Region));
    }

    private static string? RegisterOf(IEnumerable<string> sets) =>
        sets.FirstOrDefault(text => text.StartsWith("register=", StringComparison.OrdinalIgnoreCase))?["register=".Length..];

    private ListPreset? Named(ParseResult parsed)
    {
        _ = ParseFormat(parsed.GetValue(_format));
        return ListPreset.Find(parsed.GetValue(_format));
    }

    /// <summary>Returns the preset of --format, or that of the register if the file has its layout.</summary>
    private (ListPreset? Preset, PresetColumns? Columns) Preset(ParseResult parsed, InputFile input, string? register, string[] maps, bool isFiltered)
    {
        var named = Named(parsed);
        var preset = named ?? ListPreset.OfRegister(register);
        if (Format(parsed, input) == ImportFormat.Ndjson)
        {
            return named is null ? (null, null) : throw CliException.Usage($"--format {named.Name}: {input.Name} is NDJSON, whose fields have names. Drop --format.");
        }

        var isMapped = maps.Any(text => text.StartsWith("number=", StringComparison.OrdinalIgnoreCase));
        var lines = LayoutSniffer.FirstLines(input, Layout(parsed, input));
        if (preset is null)
        {
            return isMapped || lines.Count == 0 || !ListPreset.HasAreaAndNumber(lines) ? (null, null) : throw CliException.Usage(
                $"{input.Name} has an area code and a number on each line: add --format ftc-dnc (United States) or --format lnnte (Canada).");
        }

        var columns = isFiltered && preset.Answers is not null ? isMapped ? PresetColumns.Stated : preset.MatchNumbers(lines)
            : named is null && isMapped ? null
            : preset.Match(lines);
        if (named is null && columns?.Answer is not null)
        {
            // Only --format says that yes means listed.
            columns = null;
        }

        return columns is null && named is not null
            ? throw CliException.Usage($"{input.Name} does not have the layout of --format {named.Name}: {named.Layout}.")
            : (columns is null ? null : preset, columns);
    }

    private static void CheckNumbers(InputFile input, ListLayout layout, ColumnMap map, bool hasHeader)
    {
        if (layout.Format != ImportFormat.Csv || map.NumberParts.Count > 0)
        {
            return;
        }

        var lines = LayoutSniffer.FirstLines(input, layout);
        var name = map.Where(Field.Number);
        var column = lines.Count == 0 ? -1 : hasHeader
            ? Array.FindIndex(lines[0], cell => cell.Equals(name, StringComparison.OrdinalIgnoreCase))
            : int.TryParse(name, out var position) ? position - 1 : -1;
        var values = lines.Skip(hasHeader ? 1 : 0).Where(line => column >= 0 && column < line.Length && line[column].Length > 0).Select(line => line[column]).ToList();
        if (values.Count > 1 && values.All(DateText.IsBare))
        {
            throw CliException.Usage($"{input.Name}: the column '{name}' holds dates such as {values[0]}, not numbers: map another with --map number=COLUMN.");
        }
    }

    private IReadOnlyDictionary<Field, DateText>? Dates(ParseResult parsed, InputFile input, ColumnMap map, bool hasHeader)
    {
        if (parsed.GetValue(_dateFormat) is { } format)
        {
            var dates = DateText.Parse(format);
            return Enum.GetValues<Field>().ToDictionary(field => field, _ => dates);
        }

        if (input.Path is null || !DateDetection.IsNeeded(input))
        {
            return null;
        }

        using var again = Open(parsed, Stream.Null);
        using var reader = Reader(parsed, again, map, hasHeader);
        return DateDetection.Run(again, reader, map);
    }

    private ImportFormat Format(ParseResult parsed, InputFile input) => ParseFormat(parsed.GetValue(_format)) ?? input.DetectFormat();

    private ListLayout Layout(ParseResult parsed, InputFile input) =>
        LayoutSniffer.Lines(input, Format(parsed, input), FormatOptions.Delimiter(parsed.GetValue(_delimiter)));

    private IRecordReader Reader(ParseResult parsed, InputFile input, ColumnMap map, bool hasHeader, LineFilter? filter = null)
    {
        var delimiter = FormatOptions.Delimiter(parsed.GetValue(_delimiter));
        if (Format(parsed, input) == ImportFormat.Csv)
        {
            return delimiter is not null && input.IsTable
                ? throw CliException.Usage($"--delimiter applies only to CSV, but {input.Name} is not a text: drop it.")
                : new CsvRecordReader(input, map, delimiter, !hasHeader, filter);
        }

        if (filter is not null)
        {
            throw CliException.Usage($"--only and --cleaned apply only to CSV and tables, but {input.Name} is read as NDJSON: select its lines before the import.");
        }

        return !hasHeader || delimiter is not null
            ? throw CliException.Usage($"{(hasHeader ? "--delimiter" : "--no-header")} applies only to CSV, but {input.Name} is read as NDJSON: drop it, or add --format csv.")
            : new NdjsonRecordReader(input, map);
    }

    public string RejectPath(ParseResult parsed, InputFile input) =>
        OutputPath.Of(parsed.GetValue(_rejects) ?? (input.Path ?? "stdin") + ".rejects.csv", "--rejects", input.Path, RejectFile.Header);

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
        $"{map.Fingerprint()}\n{parsed.GetValue(_format)}\n{parsed.GetValue(_delimiter)}\n{parsed.GetValue(_noHeader)}\n{parsed.GetValue(_zone)}\n{parsed.GetValue(_encoding)}\n{parsed.GetValue(_dateFormat)}\n{parsed.GetValue(_only)}\n{parsed.GetValue(_cleaned)}";

    /// <summary>Parses --format; null if it is not set, or is that of an official list.</summary>
    private static ImportFormat? ParseFormat(string? text) => text is null || ListPreset.Find(text) is not null ? null : FormatOptions.Format(text)
        ?? throw CliException.Usage($"--format '{text}' is not valid; use one of csv, ndjson, {ListPreset.Names}.");

    private static Option<string[]> List(string name, string description, string helpName) => new(name)
    {
        Description = description,
        HelpName = helpName,
        DefaultValueFactory = _ => [],
    };
}
