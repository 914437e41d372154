using Lookup.Cli.Output;

namespace Lookup.Cli.Files;

/// <summary>A progress bar over a file that is being read, with the remaining time.</summary>
internal static class FileBar
{
    private static readonly TimeSpan Refresh = TimeSpan.FromMilliseconds(200);

    /// <summary>Whether the error output is a terminal and the file's length is known.</summary>
    public static bool Fits(Shell shell, InputFile input) =>
        shell.ErrorConsole.Profile.Capabilities.Interactive && input.Length > 0;

    /// <summary>Shows the bar on the error output until the work has ended.</summary>
    /// <param name="shell">Shows the bar.</param>
    /// <param name="input">The file.</param>
    /// <param name="describe">Returns the bar's label, in markup.</param>
    /// <param name="hasBegun">Returns whether any line is processed.</param>
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
