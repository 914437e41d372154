using System.CommandLine;
using Lookup.Load.Results;
using Spectre.Console;

namespace Lookup.Load;

/// <summary>A measurement: starts what it needs, measures in rounds, prints a table, and keeps the figures with --publish.</summary>
internal abstract class LoadCommand : Command
{
    private readonly Option<bool> _publish = new("--publish") { Description = "Append the figures to benchmarks/results/COMMAND.jsonl." };

    protected LoadCommand(string name, string description, params string[] programs)
        : base(name, description)
    {
        Options.Add(_publish);
        SetAction(async (parsed, ct) =>
        {
            var report = new Report();
            await MeasureAsync(parsed, report, ct);
            report.Print(AnsiConsole.Create(new AnsiConsoleSettings { Out = new WideOutput(Console.Out) }));
            if (parsed.GetValue(_publish))
            {
                string[] arguments = [name, .. parsed.Tokens.Select(token => token.Value).Where(token => token != name)];
                report.Publish(name, await RunIdentity.FindAsync(arguments, programs, ct));
            }

            return report.IsRight ? 0 : 1;
        });
    }

    protected abstract Task MeasureAsync(ParseResult parsed, Report report, CancellationToken ct);

    /// <summary>An option with a number that must lie in a range, both ends included.</summary>
    protected Option<T> Number<T>(string name, string description, T standard, T min, T max)
        where T : struct, IComparable<T>
    {
        var option = new Option<T>(name)
        {
            Description = $"{description}; {min:N0} to {max:N0}.",
            HelpName = "N",
            DefaultValueFactory = _ => standard,
        };
        option.Validators.Add(result =>
        {
            if (result.Tokens.Count == 1 && result.GetValueOrDefault<T>() is var value && (value.CompareTo(min) < 0 || value.CompareTo(max) > 0))
            {
                result.AddError($"{name} {value} is outside {min} to {max}.");
            }
        });
        Options.Add(option);
        return option;
    }

    // A table is read by people and by scripts; a line broken at 80 columns helps neither.
    private sealed class WideOutput(TextWriter writer) : IAnsiConsoleOutput
    {
        public TextWriter Writer { get; } = writer;

        public bool IsTerminal => false;

        public int Width => 200;

        public int Height => 80;

        public void SetEncoding(System.Text.Encoding encoding)
        {
        }
    }
}
