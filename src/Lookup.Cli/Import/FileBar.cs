using Lookup.Cli.Output;

namespace Lookup.Cli.Import;

/// <summary>A progress bar over a file that is being read, with the remaining time; for a terminal.</summary>
internal static class FileBar
{
    private static readonly TimeSpan Refresh = TimeSpan.FromMilliseconds(200);

    /// <summary>Whether there is a terminal, and a length to measure by.</summary>
    public static bool Fits(Shell shell, InputFile input) =>
        shell.ErrorConsole.Profile.Capabilities.Interactive && input.Length > 0;

    /// <summary>Shows it until the work has ended, well or not.</summary>
    /// <param name="shell">Where it is shown: its error output.</param>
    /// <param name="input">The file.</param>
    /// <param name="describe">What stands before the bar, in markup; asked while the work runs.</param>
    /// <param name="hasBegun">Whether anything of what was read is done.</param>
    /// <param name="running">The work.</param>
    public static Task ShowAsync(Shell shell, InputFile input, Func<string> describe, Func<bool> hasBegun, Task running) => WorkBar.On(shell)
        .StartAsync(async context =>
        {
            var task = context.AddTask(SafeText.Escape(input.Name), maxValue: input.Length);
            while (!running.IsCompleted)
            {
                await Task.WhenAny(running, Task.Delay(Refresh));
                if (!running.IsCompleted)
                {
                    task.Value = hasBegun() ? input.Position : 0;
                    task.Description = describe();
                }
            }
        });
}
