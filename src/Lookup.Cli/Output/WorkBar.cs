using Spectre.Console;

namespace Lookup.Cli.Output;

/// <summary>A progress bar with the remaining time while work runs, on a terminal's error output.</summary>
internal static class WorkBar
{
    /// <summary>The bar, empty.</summary>
    public static Progress On(Shell shell) => shell.ErrorConsole.Progress()
        .AutoClear(true)
        .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn());

    /// <summary>Does the work, and shows how far it is where there is a terminal.</summary>
    /// <param name="shell">Where it is shown.</param>
    /// <param name="what">What is done, in markup.</param>
    /// <param name="work">The work; it tells the share done, 0 to 1.</param>
    public static Task<T> ShownAsync<T>(Shell shell, string what, Func<Action<double>, Task<T>> work)
    {
        if (!shell.ErrorConsole.Profile.Capabilities.Interactive)
        {
            return work(_ => { });
        }

        return On(shell).StartAsync(context =>
        {
            var task = context.AddTask(what, maxValue: 1);
            return work(share => task.Value = share);
        });
    }
}
