using System.Text.Json.Nodes;
using Lookup.Cli.Files;
using Lookup.Cli.Output;

namespace Lookup.Cli.Lists;

/// <summary>Shows the progress of a list: a bar on a terminal, otherwise a line every few seconds.</summary>
internal static class ScrubProgress
{
    private static readonly TimeSpan LogInterval = TimeSpan.FromSeconds(10);

    // A longer silence would look like a hang.
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(2);

    /// <summary>Shows the progress on the error output until the work has ended.</summary>
    /// <param name="shell">Shows the progress.</param>
    /// <param name="input">The list.</param>
    /// <param name="records">Returns the processed lines.</param>
    /// <param name="isWaiting">Returns whether numbers are being retried.</param>
    /// <param name="json">Whether --json is set: no lines for people.</param>
    /// <param name="running">The work.</param>
    /// <param name="silence">Note to write when no line was processed for two seconds; null: none.</param>
    public static Task ShowAsync(
        Shell shell, InputFile input, Func<long> records, Func<bool> isWaiting, bool json, Task running, string? silence = null)
    {
        var began = shell.Clock.GetTimestamp();
        var before = records();
        var (newest, heard) = (before, began);
        var isBar = FileBar.Fits(shell, input);
        return isBar ? FileBar.ShowAsync(shell, input, () => SafeText.Escape(Text()), () => records() > before, running)
            : json ? NoteAsync()
            : Task.WhenAll(NoteAsync(), LogAsync());

        string Text()
        {
            var done = records();
            var rate = (done - before) / Math.Max(shell.Clock.GetElapsedTime(began).TotalSeconds, 0.001);
            var waiting = isWaiting() ? ", waiting for the store" : isBar && silence is not null && IsSilent() ? ", " + silence : "";
            return $"{input.Name}: {done:N0} lines, {rate:N0}/s{waiting}";
        }

        bool IsSilent()
        {
            if (records() is var done && done > newest)
            {
                (newest, heard) = (done, shell.Clock.GetTimestamp());
            }

            return shell.Clock.GetElapsedTime(heard) >= Silence;
        }

        async Task NoteAsync()
        {
            var isTold = silence is null;
            while (await Task.WhenAny(running, Task.Delay(Silence / 4)) != running)
            {
                if (IsSilent() && !isWaiting() && !isTold)
                {
                    shell.Error.WriteLine(json ? new JsonObject { ["note"] = silence }.ToJsonString(JsonText.Options) : "lookup: " + SafeText.Printable(silence!) + ".");
                }

                isTold = silence is null || IsSilent();
            }
        }

        async Task LogAsync()
        {
            while (await Task.WhenAny(running, Task.Delay(LogInterval)) != running)
            {
                var done = input.Length > 0 ? (double)input.Position / input.Length : 0;
                var left = done > 0 ? shell.Clock.GetElapsedTime(began) * ((1 - done) / done) : (TimeSpan?)null;
                shell.Error.WriteLine(Text() + (left is { } time ? $", {done:P0}, {time:hh\\:mm\\:ss} left" : ""));
            }
        }
    }
}
