using System.CommandLine;

namespace Lookup.Cli.Files;

/// <summary>Options of the commands that read a file.</summary>
internal static class FormatOptions
{
    /// <summary>Creates --sheet.</summary>
    public static Option<string?> Sheet() => new("--sheet") { Description = "Sheet of an Excel workbook; default: the first visible sheet with data.", HelpName = "NAME" };

    /// <summary>Parses the name of a format; null if it is not one.</summary>
    public static ImportFormat? Format(string? text) => text?.ToLowerInvariant() switch
    {
        "csv" => ImportFormat.Csv,
        "ndjson" => ImportFormat.Ndjson,
        _ => null,
    };

    /// <summary>Parses --delimiter; null if it is not set.</summary>
    public static char? Delimiter(string? text) => text switch
    {
        null => null,
        "tab" or "\\t" or "\t" => '\t',
        { Length: 1 } when text[0] is > ' ' and < (char)127 and not '"' && !char.IsAsciiLetterOrDigit(text[0]) => text[0],
        _ => throw CliException.Usage($"--delimiter '{text}' is not valid; use one character such as ',' or ';', or 'tab'."),
    };
}
