using Lookup.Cli.Import;
using Lookup.Cli.Output;

namespace Lookup.Cli.Scrub;

/// <summary>How far a list is, with rate and remaining time: a bar on a terminal, a line now and then in a log.</summary>
internal static class ScrubProgress
{
    private static readonly TimeSpan LogInterval = TimeSpan.FromSeconds(10);

    /// <summary>Shows it until the list is done, well or not.</summary>
    /// <param name="shell">Where it is shown: its error output.</param>
    /// <param name="input">The list.</param>
    /// <param name="records">Lines that are done.</param>
    /// <param name="isWaiting">Whether items are being asked again.</param>
    /// <param name="json">Machines read the error output: no lines for people.</param>
    /// <param name="running">The work.</param>
    public static Task ShowAsync(Shell shell, InputFile input, Func<long> records, Func<bool> isWaiting, bool json, Task running)
    {
        var began = shell.Clock.GetTimestamp();
        var before = records();
        return FileBar.Fits(shell, input) ? FileBar.ShowAsync(shell, input, () => SafeText.Escape(Text()), running)
            : json ? Task.CompletedTask
            : LogAsync();

        string Text()
        {
            var done = records();
            var rate = (done - before) / Math.Max(shell.Clock.GetElapsedTime(began).TotalSeconds, 0.001);
            return $"{input.Name}: {done:N0} lines, {rate:N0}/s{(isWaiting() ? ", waiting for the store" : "")}";
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
