using System.Globalization;
using System.Text;
using Lookup.Cli.Files;
using Lookup.Cli.Import;
using Lookup.Cli.Lists;
using Lookup.Cli.Options;
using Lookup.Server.Errors;

namespace Lookup.Cli.Audit;

/// <summary>One line of the call records.</summary>
/// <param name="Line">Line in the file, from 1.</param>
/// <param name="Number">The number as an integer in E.164; 0 if the line is not a call to audit.</param>
/// <param name="At">The start of the call.</param>
/// <param name="Groups">The values of the columns to count by.</param>
/// <param name="Fault">Why the line cannot be audited; empty: it can, or the call was not placed.</param>
internal sealed record CallLine(long Line, ulong Number, DateTimeOffset At, string[] Groups, string Fault)
{
    /// <summary>The organisation that the call was made for; empty: that of the question.</summary>
    public string Organisation { get; init; } = "";

    /// <summary>The later reading of a time that occurs twice, when clocks are set back; null: it occurs once.</summary>
    public DateTimeOffset? OtherAt { get; init; }

    /// <summary>Whether the line is in the period and has the value that the audit is limited to. Other calls count as attempts only.</summary>
    public bool IsSelected { get; init; } = true;
}

/// <summary>The columns of a file of call records, by position.</summary>
/// <param name="Number">Columns that together are the number.</param>
/// <param name="Time">The start of the call.</param>
/// <param name="States">Whether the call was placed; none: every call was.</param>
/// <param name="Groups">The columns to count by.</param>
/// <param name="Organisation">The organisation; null: it is that of the question.</param>
/// <param name="Only">The column that limits the audit; null: none does.</param>
internal sealed record CallColumns(int[] Number, int Time, int[] States, int[] Groups, int? Organisation, int? Only);

/// <summary>Reads call records one by one; memory does not depend on the length of the file.</summary>
internal sealed class CallReader : IDisposable
{
    // Seconds since 1970 between 2001 and 2286.
    private const int EpochDigits = 10;

    private readonly LineSource _source;
    private readonly ImportRecord _record = new();
    private readonly byte _delimiter;
    private readonly CallColumns _columns;
    private readonly CallFormat? _format;
    private readonly string? _region;
    private readonly TimeZoneInfo? _zone;
    private readonly CallSelection _selection;
    private readonly DateTimeOffset _now;
    private readonly int _width;
    private bool _hasRead;

    /// <summary>Opens the records and finds the columns.</summary>
    /// <param name="input">The file.</param>
    /// <param name="choice">The options.</param>
    /// <param name="now">Later times are faults.</param>
    /// <exception cref="CliException">A column is missing, or the file is empty.</exception>
    public CallReader(InputFile input, CallChoice choice, DateTimeOffset now)
    {
        _now = now;
        var layout = LayoutSniffer.Lines(input, ImportFormat.Csv, choice.Delimiter);
        (_delimiter, _format, _region, _zone, _selection) = (layout.Delimiter, choice.Format, choice.Region, choice.Zone, choice.Selection);
        _source = new LineSource(input, layout);
        try
        {
            if (!_source.Read(_record, out var fault) || fault != ListFault.None)
            {
                throw new CliException($"{input.Name} {(fault == ListFault.None ? "is empty" : "does not begin with a line of CSV")}.");
            }

            var first = Values();
            var names = _format is { Columns.Length: > 0 } ? _format.Columns : first;
            _width = first.Length;
            if (ReferenceEquals(names, first) && !choice.NoHeader)
            {
                Describe = $"columns {string.Join(", ", first)}";
            }
            else
            {
                if (_format is { Columns.Length: > 0 } && first.Length != _format.Columns.Length)
                {
                    throw new CliException(
                        $"{input.Name} has {first.Length} columns, and --format {_format.Name} has {_format.Columns.Length}: name the columns with --column, --time and --no-header.");
                }

                names = ReferenceEquals(names, first) ? [.. Enumerable.Range(1, first.Length).Select(i => i.ToString(CultureInfo.InvariantCulture))] : names;
                Describe = _format is null ? "no header" : $"the layout of {_format.Name}";
                _source.Rewind();
            }

            _columns = new CallColumns(
                [.. (choice.Number is { } number ? number.Split('+') : _format?.Number ?? throw Missing("the number that was called", "--column", names)).Select(name => Find(name, "--column"))],
                Find(choice.Time ?? _format?.Time ?? throw Missing("the start of the call", "--time", names), "--time"),
                [.. (_format?.States ?? []).Select(name => Find(name, "--format"))],
                [.. choice.Groups.Select(name => Find(name, "--by"))],
                choice.Organisation is { } organisation ? Find(organisation, "--org-column") : null,
                choice.Selection.Column is { } only ? Find(only, "--only") : null);

            if (_columns.Groups.Distinct().Count() < _columns.Groups.Length)
            {
                throw CliException.Usage("--by names a column twice.");
            }

            int Find(string name, string option)
            {
                var found = Enumerable.Range(0, names.Length).Where(i => names[i].Equals(name, StringComparison.OrdinalIgnoreCase)).ToArray();
                return found.Length switch
                {
                    1 => found[0],
                    0 => throw CliException.Usage($"{option}: {input.Name} has no column '{name}'; its columns are: {string.Join(", ", names)}."),
                    _ => throw CliException.Usage($"{option}: {input.Name} has {found.Length} columns '{name}'; rename one of them."),
                };
            }
        }
        catch
        {
            _source.Dispose();
            throw;
        }
    }

    /// <summary>What the file was taken for.</summary>
    public string Describe { get; }

    /// <summary>Reads the next line; null at the end. A call that was not placed has neither a number nor a fault.</summary>
    public CallLine? Read()
    {
        if (!_source.Read(_record, out var fault))
        {
            return null;
        }

        if (fault != ListFault.None)
        {
            return Faulty(_record.Faults.Count > 0 ? _record.Faults[0].Reason : "a quote is not closed on its line");
        }

        var values = Values();
        return values.Length != _width ? Faulty($"{values.Length} columns instead of {_width}")
            : _columns.Only is { } only && values[only].Trim() != _selection.Value ? Read(values) with { IsSelected = false }
            : Read(values);
    }

    private CallLine Read(string[] values)
    {
        string[] groups = [.. _columns.Groups.Select(column => values[column])];
        if (_format?.IsPlaced([.. _columns.States.Select(column => values[column].Trim())]) == false)
        {
            return new CallLine(_record.Line, 0, default, groups, "");
        }

        string[] parts = [.. _columns.Number.Select(column => values[column].Trim())];
        var text = string.Concat(parts);
        if (parts.Length > 1 && !text.StartsWith('+'))
        {
            // Without its code, a national number would be that of another country.
            if (parts.Any(part => part.Length == 0))
            {
                return Faulty($"'{text}' is not a phone number: a part of it is missing", groups);
            }

            text = "+" + text;
        }

        var organisation = _columns.Organisation is { } column ? values[column].Trim() : "";
        if (_columns.Organisation is not null && !FieldFaults.IsName(organisation))
        {
            return Faulty(organisation.Length == 0 ? "the organisation is missing" : $"'{organisation}' is not an organisation: must be 1 to 64 characters of [a-z0-9._-]", groups);
        }

        var number = NumberReader.Read(Encoding.UTF8.GetBytes(text), _region, out var notNumber);
        return notNumber != ListFault.None ? Faulty($"'{text}' is not a phone number", groups)
            : !TryTime(values[_columns.Time].Trim(), out var at, out var why) ? Faulty($"the time '{values[_columns.Time]}' {why}", groups)
            : at.ToUnixTimeMilliseconds() < 0 ? Faulty($"the time '{values[_columns.Time]}' is before 1970", groups)
            : at > _now ? Faulty($"the time '{values[_columns.Time]}' is later than now", groups)
            : new CallLine(_record.Line, number, at, groups, "")
            {
                Organisation = organisation,
                OtherAt = TimeText.LaterReading(values[_columns.Time].Trim(), at, _zone) is { } later && later <= _now ? later : null,
                IsSelected = _selection.Contains(at),
            };
    }

    /// <summary>Skips the lines up to one that an earlier run read.</summary>
    /// <returns>False if the file has fewer lines.</returns>
    public bool TrySkip(long line)
    {
        while (_record.Line < line || !_hasRead)
        {
            if (!_source.Read(_record, out _))
            {
                return false;
            }

            _hasRead = true;
        }

        return true;
    }

    public void Dispose() => _source.Dispose();

    private static CliException Missing(string what, string option, string[] names) =>
        CliException.Usage($"Name the column of {what} with {option}, or the dialer with --format ({CallFormat.Names}); the columns are: {string.Join(", ", names)}.");

    private CallLine Faulty(string reason, string[]? groups = null) => new(_record.Line, 0, default, groups ?? [.. _columns.Groups.Select(_ => "")], reason);

    private string[] Values() =>
        [.. CsvScanner.Values(_record.Raw.Span, _delimiter).Select(value => Encoding.UTF8.GetString(value).Replace("\"\"", "\"", StringComparison.Ordinal))];

    private bool TryTime(string text, out DateTimeOffset at, out string fault)
    {
        fault = "";
        if (text.Length == EpochDigits && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds))
        {
            at = DateTimeOffset.FromUnixTimeSeconds(seconds);
            return true;
        }

        if (!TimeText.TryParse(text, _zone, out at, out fault))
        {
            return false;
        }

        // A call has a time of day; the midnight of a date would be judged by the wrong hours.
        fault = "has no time of day";
        return !TimeText.IsDay(text);
    }
}

/// <summary>How to read call records, from the command line.</summary>
/// <param name="Format">The dialer that wrote them; null: CSV whose columns are named.</param>
/// <param name="Number">The column of the number, or several joined by '+'; null: that of the format.</param>
/// <param name="Time">The column of the start of the call; null: that of the format.</param>
/// <param name="Organisation">The column of the organisation; null: all calls are of one.</param>
/// <param name="Groups">The columns to count by.</param>
/// <param name="NoHeader">Whether the first line is a call.</param>
/// <param name="Delimiter">The delimiter; null: detected.</param>
/// <param name="Region">ISO 3166 code for numbers in national form; null: none.</param>
/// <param name="Zone">The zone of times without an offset; null: such times are faults.</param>
/// <param name="Selection">The calls to audit.</param>
internal sealed record CallChoice(
    CallFormat? Format, string? Number, string? Time, string? Organisation, string[] Groups, bool NoHeader, char? Delimiter, string? Region, TimeZoneInfo? Zone, CallSelection Selection)
{
    /// <summary>Returns a text that differs if lines are read differently.</summary>
    public string Describe() => $"{Format?.Name}|{Number}|{Time}|{Organisation}|{string.Join('|', Groups)}|{NoHeader}|{Delimiter}|{Region}|{Zone?.Id}|{Selection}";
}

/// <summary>The calls of a file to audit.</summary>
/// <param name="From">The first day; null: that of the first call.</param>
/// <param name="To">The last day; null: that of the last call.</param>
/// <param name="Column">The column that limits the calls; null: none.</param>
/// <param name="Value">The value of the column.</param>
/// <param name="Zone">The zone of the days.</param>
internal sealed record CallSelection(DateOnly? From, DateOnly? To, string? Column, string Value, TimeZoneInfo Zone)
{
    /// <summary>Returns the first moment of a day.</summary>
    public DateTimeOffset Start(DateOnly day)
    {
        var midnight = day.ToDateTime(TimeOnly.MinValue);
        while (Zone.IsInvalidTime(midnight))
        {
            midnight = midnight.AddMinutes(30);
        }

        return new DateTimeOffset(midnight, Zone.IsAmbiguousTime(midnight) ? Zone.GetAmbiguousTimeOffsets(midnight).Max() : Zone.GetUtcOffset(midnight));
    }

    /// <summary>Returns whether a time is in the period.</summary>
    public bool Contains(DateTimeOffset at)
    {
        if (From is null && To is null)
        {
            return true;
        }

        var day = DateOnly.FromDateTime(TimeZoneInfo.ConvertTime(at, Zone).DateTime);
        return !(day < From) && !(day > To);
    }
}
