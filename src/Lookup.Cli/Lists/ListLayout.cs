using Lookup.Cli.Files;

namespace Lookup.Cli.Lists;

/// <summary>The format of a list and the position of the number on a line.</summary>
internal sealed record ListLayout
{
    public required ImportFormat Format { get; init; }

    /// <summary>CSV: the column delimiter.</summary>
    public byte Delimiter { get; init; } = (byte)',';

    /// <summary>CSV: columns of every line; 0: any.</summary>
    public int Columns { get; init; } = 1;

    /// <summary>CSV: whether a value must not continue on the next line.</summary>
    public bool IsSingleLine { get; init; }

    /// <summary>CSV: column of the number, from 0.</summary>
    public int Column { get; init; }

    /// <summary>NDJSON: path of member names to the number, UTF-8.</summary>
    public byte[][] Path { get; init; } = [];

    /// <summary>The column for messages: its name, or its position from 1.</summary>
    public string ColumnName { get; init; } = "";

    public bool HasHeader { get; init; }

    /// <summary>ISO 3166 code for numbers in national form; may be null.</summary>
    public string? Region { get; init; }

    /// <summary>Byte order mark of the file; usually empty.</summary>
    public byte[] Mark { get; init; } = [];

    /// <summary>The header line without its end; empty if there is none.</summary>
    public byte[] Header { get; init; } = [];

    /// <summary>Bytes before the first record.</summary>
    public int Skip { get; init; }

    /// <summary>Lines before the first record.</summary>
    public int SkipLines { get; init; }

    /// <summary>The file's line end, for a last line without one.</summary>
    public byte[] NewLine { get; init; } = [(byte)'\n'];

    /// <summary>Names of the added columns, none of which the list already has.</summary>
    public string[] Added { get; init; } = ["verdict", "reason", "e164"];

    public bool IsPlain => Format == ImportFormat.Csv && Columns == 1;

    /// <summary>Describes the detected layout.</summary>
    public string Describe()
    {
        var region = Region is null ? "" : $", national numbers of {Region}";
        if (Format == ImportFormat.Ndjson)
        {
            return $"NDJSON, the number is in '{ColumnName}'{region}";
        }

        var header = HasHeader ? "with a header" : "without a header";
        var delimiter = Delimiter == '\t' ? "tabs" : $"'{(char)Delimiter}'";
        return IsPlain
            ? $"one number per line, {header}{region}"
            : $"CSV with {delimiter}, {header}, the number is in column {Column + 1}{(HasHeader ? $" '{ColumnName}'" : "")}{region}";
    }
}
