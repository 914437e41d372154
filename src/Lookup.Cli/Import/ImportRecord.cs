namespace Lookup.Cli.Import;

/// <summary>What is wrong with a line: the column, or empty where it is the line as a whole, and why.</summary>
internal readonly record struct LineFault(string Column, string Reason);

/// <summary>One line of an import file, as texts by field. Reused from line to line.</summary>
internal sealed class ImportRecord
{
    /// <summary>Bytes that a line may have.</summary>
    public const int MaxLine = 64 * 1024;

    private readonly string?[] _values = new string?[Fields.Count];

    /// <summary>Line in the file, from 1.</summary>
    public long Line { get; private set; }

    /// <summary>The bytes of the line, UTF-8, without its end; valid until the next line is read.</summary>
    public ReadOnlyMemory<byte> Raw { get; private set; }

    /// <summary>What is wrong with the line already.</summary>
    public List<LineFault> Faults { get; } = [];

    /// <summary>The text of a field; null where there is none or it is empty.</summary>
    public string? this[Field field]
    {
        get => _values[(int)field];
        set => _values[(int)field] = string.IsNullOrWhiteSpace(value) ? null : value;
    }

    public void Begin(long line, ReadOnlyMemory<byte> raw)
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
    /// Reads the next line that is not blank. Faults of the line's form are in the record; what makes the rest of the
    /// file unreadable is thrown as a <see cref="CliException"/>.
    /// </summary>
    public bool Read(ImportRecord record);
}
