using Lookup.Cli.Files;
using Lookup.Cli.Lists;
using Lookup.Cli.Output;

namespace Lookup.Cli.Import;

/// <summary>How a file is read: its records, the mapping of its columns, and how it writes dates and withdrawals.</summary>
/// <param name="Reader">The records.</param>
/// <param name="Map">The mapping.</param>
/// <param name="Zone">Time zone of times without an offset; may be null.</param>
/// <param name="Rules">How the file writes dates and withdrawals.</param>
/// <param name="IsChangeList">Whether the file has additions and removals of a register.</param>
/// <param name="ReadAs">What the file was taken for, in one line.</param>
internal sealed record ImportPlan(IRecordReader Reader, ColumnMap Map, TimeZoneInfo? Zone, ReadingRules Rules, bool IsChangeList, string ReadAs) : IDisposable
{
    /// <summary>The columns that no name and no option states, as their content suggests; null: there are none.</summary>
    public string? Inferred { get; init; }

    public void Dispose() => Reader.Dispose();

    /// <summary>Says in one line what is only inferred, before anything is recorded.</summary>
    public void SayInferred(Shell shell, InputFile input)
    {
        if (Inferred is not null)
        {
            shell.Error.WriteLine($"Inferred from the content of {input.Name}: {Inferred}. If that is wrong, stop and state the columns with --map.");
        }
    }

    /// <summary>Describes the format, and what was undone to read the file.</summary>
    public static string Describe(InputFile input, ListLayout layout, bool hasHeader, string? preset)
    {
        return input.ReadAs(preset ?? (layout.Format == ImportFormat.Ndjson ? "NDJSON"
            : $"CSV with {(layout.Delimiter == '\t' ? "tabs" : $"'{(char)layout.Delimiter}'")}, {(hasHeader ? "with" : "without")} a header"));
    }
}
