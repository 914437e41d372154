using Lookup.Cli.Output;
using Spectre.Console;

namespace Lookup.Cli.Import;

/// <summary>A progress bar with rate and remaining time while an import runs, on a terminal.</summary>
internal static class ImportProgress
{
    private static readonly TimeSpan Refresh = TimeSpan.FromMilliseconds(200);

    /// <summary>Shows it until the import has ended, well or not.</summary>
    public static async Task ShowAsync(Shell shell, InputFile input, Importer importer, Task running)
    {
        if (!shell.ErrorConsole.Profile.Capabilities.Interactive || input.Length == 0)
        {
            return;
        }

        var started = shell.Clock.GetTimestamp();
        await shell.ErrorConsole.Progress()
            .AutoClear(true)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
            .StartAsync(async context =>
            {
                var task = context.AddTask(Markup.Escape(input.Name), maxValue: input.Length);
                while (!running.IsCompleted)
                {
                    await Task.WhenAny(running, Task.Delay(Refresh));
                    if (!running.IsCompleted)
                    {
                        task.Value = input.Position;
                        var totals = importer.Totals;
                        var rate = totals.Lines / shell.Clock.GetElapsedTime(started).TotalSeconds;
                        task.Description = $"{Markup.Escape(input.Name)} {totals.Lines:N0} lines, {rate:N0}/s{(totals.Rejected > 0 ? $", [yellow]{totals.Rejected:N0} refused[/]" : "")}";
                    }
                }
            });
    }
}
