using Lookup.Cli.Files;
using Lookup.Cli.Output;

namespace Lookup.Cli.Import;

/// <summary>Shows the progress of an import on a terminal.</summary>
internal static class ImportProgress
{
    /// <summary>Shows the progress until the import has ended.</summary>
    public static Task ShowAsync(Shell shell, InputFile input, Importer importer, Task running)
    {
        var started = shell.Clock.GetTimestamp();
        return FileBar.Fits(shell, input) ? FileBar.ShowAsync(shell, input, Describe, () => importer.Totals.Lines > 0, running) : Task.CompletedTask;

        string Describe()
        {
            var totals = importer.Totals;
            var rate = totals.Lines / shell.Clock.GetElapsedTime(started).TotalSeconds;
            return $"{SafeText.Escape(input.Name)} {totals.Lines:N0} lines, {rate:N0}/s{(totals.Rejected > 0 ? $", [yellow]{totals.Rejected:N0} rejected[/]" : "")}";
        }
    }
}
