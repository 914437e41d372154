namespace Lookup.Cli.Import;

/// <summary>An error on a line: the column (empty for the line as a whole) and the reason.</summary>
internal readonly record struct LineFault(string Column, string Reason);

/// <summary>One line of an import file, as texts by field. Reused for every line.</summary>
internal sealed class ImportRecord
{
    /// <summary>Maximum bytes of a line.</summary>
    public const int MaxLine = 64 * 1024;

    private readonly string?[] _values = new string?[Fields.Count];

    /// <summary>Line in the file, from 1.</summary>
    public long Line { get; private set; }

    /// <summary>The UTF-8 bytes of the line without its end; valid until the next line is read.</summary>
    public ReadOnlyMemory<byte> Raw { get; private set; }

    /// <summary>Errors found so far.</summary>
    public List<LineFault> Faults { get; } = [];

    /// <summary>The text of a field; null if it is absent or empty.</summary>
    public string? this[Field field]
    {
        get => _values[(int)field];
        set => _values[(int)field] = string.IsNullOrWhiteSpace(value) ? null : value;
    }

    public void Reset(long line, ReadOnlyMemory<byte> raw)
    {
        Array.Clear(_values);
        Faults.Clear();
        Line = line;
        Raw = raw;
    }
}

/// <summary>Reads the lines of an import file.</summary>
internal interface IRecordReader : IDisposable
{
    /// <summary>
    /// Reads the next line that is not blank. Syntax errors of the line are added to the record's faults; an error that makes
    /// the rest of the file unreadable throws a <see cref="CliException"/>.
    /// </summary>
    public bool Read(ImportRecord record);

    /// <summary>Lines that are valid and have no fact, such as numbers that a keeper does not list.</summary>
    public long Skipped => 0;

    /// <summary>What was skipped, one sentence each.</summary>
    public IEnumerable<string> Notes => [];
}
