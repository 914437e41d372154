using Spectre.Console;

namespace Lookup.Cli.Output;

/// <summary>A progress bar with the remaining time, on the error output of a terminal.</summary>
internal static class WorkBar
{
    /// <summary>Creates the bar.</summary>
    public static Progress On(Shell shell) => shell.ErrorConsole.Progress()
        .AutoClear(true)
        .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn());

    /// <summary>Runs the work and shows its progress on a terminal.</summary>
    /// <param name="shell">Shows the bar.</param>
    /// <param name="what">The bar's label, in markup.</param>
    /// <param name="work">The work; it reports its progress, 0 to 1.</param>
    public static Task<T> RunAsync<T>(Shell shell, string what, Func<Action<double>, Task<T>> work)
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
