using System.Text.Json;
using Lookup.Core.Numbers;

namespace Lookup.Cli.Lists;

/// <summary>Why a line of a list is invalid. Values below 32 are those of <see cref="NumberFault"/>.</summary>
internal enum ListFault : byte
{
    None = 0,

    /// <summary>The line is longer than <see cref="ListReader.MaxLine"/>.</summary>
    LineTooLong = 32,

    /// <summary>A quote that is not closed, or text after a closing quote.</summary>
    Quote,

    /// <summary>The line has more or fewer columns than the first line.</summary>
    Columns,

    /// <summary>The bytes of the number are not UTF-8.</summary>
    NotUtf8,

    /// <summary>NDJSON: the line is not one JSON object.</summary>
    NotJson,

    /// <summary>NDJSON: the object has no such member.</summary>
    NoMember,

    /// <summary>NDJSON: the object has the member twice, and parsers differ in which one they use.</summary>
    Twice,

    /// <summary>NDJSON: the member is neither a string nor a number.</summary>
    NotText,

    /// <summary>The service rejected the number as invalid.</summary>
    RefusedByService,
}

internal static class ListFaults
{
    private static readonly string[] Words = MakeWords();

    public static ListFault From(NumberFault fault) => (ListFault)fault;

    /// <summary>Whether the fault concerns the number rather than the whole line.</summary>
    public static bool IsOfColumn(this ListFault fault) => (byte)fault < 32 || fault is ListFault.NotUtf8 or ListFault.NoMember or ListFault.Twice or ListFault.NotText or ListFault.RefusedByService;

    /// <summary>The name in counts, for example "too_short".</summary>
    public static string Word(this ListFault fault) => Words[(int)fault];

    /// <summary>Describes the fault without the line's content.</summary>
    public static string Describe(this ListFault fault, ListLayout layout) => fault switch
    {
        ListFault.LineTooLong => $"the line is longer than {ListReader.MaxLine} bytes; its beginning is shown",
        ListFault.Quote => "a quote is not closed, or text follows a closing quote: double a quote that is part of a value",
        ListFault.Columns => $"the line does not have {layout.Columns} columns like the first line",
        ListFault.NotUtf8 => "the number is not UTF-8 text",
        ListFault.NotJson => "the line is not a JSON object",
        ListFault.NoMember => $"the object has no member '{layout.ColumnName}'",
        ListFault.Twice => $"duplicate member '{layout.ColumnName}'",
        ListFault.NotText => "the member must be a string or a number",
        ListFault.RefusedByService => "the service rejected the number as invalid",
        _ => ((NumberFault)fault).Describe().TrimEnd('.'),
    };

    private static string[] MakeWords()
    {
        var words = new string[256];
        foreach (var fault in Enum.GetValues<NumberFault>())
        {
            words[(int)fault] = JsonNamingPolicy.SnakeCaseLower.ConvertName(fault.ToString());
        }

        foreach (var fault in Enum.GetValues<ListFault>().Where(fault => fault != ListFault.None))
        {
            words[(int)fault] = JsonNamingPolicy.SnakeCaseLower.ConvertName(fault.ToString());
        }

        return words;
    }
}
