using System.CommandLine;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.V1;
using Spectre.Console;

namespace Lookup.Cli.Commands;

/// <summary>lookup register: do-not-call registers and their loaded snapshots.</summary>
internal sealed class RegisterCommand : Command
{
    public RegisterCommand(Shell shell)
        : base("register", "Manages do-not-call registers: the dates as of which each is loaded.")
    {
        Subcommands.Add(new Snapshot(shell));
        Subcommands.Add(new List(shell));
    }

    private static void Write(Shell shell, Register register, int dates)
    {
        shell.Console.MarkupLine($"[bold]{SafeText.Escape(register.Name)}[/]  {SafeText.Escape(register.Title)}");
        if (register.Categories.Count > 0)
        {
            shell.Console.MarkupLine($"  [grey]categories:[/] {SafeText.Escape(string.Join(", ", register.Categories))}");
        }

        var loaded = register.SnapshotDates.Take(dates)
            .Select(date => TimeText.DayOf(date.ToDateTimeOffset(), NumberZone.OfRegister(register.Name))).ToList();
        shell.Console.MarkupLine(
            $"  [grey]loaded as of:[/] {(loaded.Count == 0 ? "never" : SafeText.Escape(string.Join(", ", loaded)))}{(register.SnapshotDates.Count > dates ? $" and {register.SnapshotDates.Count - dates} earlier" : "")}");
    }

    private sealed class Snapshot : CliCommand
    {
        private readonly Argument<string> _register = new("REGISTER") { Description = "Name of the register, see 'lookup register list'." };
        private readonly Option<string?> _date = new("--date")
        {
            Description = "Date of the register's content: midnight in its keeper's time zone.",
            HelpName = "TIME",
            Required = true,
        };

        private readonly Option<string?> _zone = OptionParsing.TimeZone();
        private readonly ConnectionOptions _connection;

        public Snapshot(Shell shell)
            : base(
                shell,
                "snapshot",
                "Marks a register as loaded as of a date. Run it after importing the register's facts.",
                "lookup register snapshot nl-bmnr --date 2015-03-01 --timezone Europe/Amsterdam")
        {
            Arguments.Add(_register);
            Options.Add(_date);
            Options.Add(_zone);
            _connection = new ConnectionOptions(this);
        }

        protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
        {
            var request = new RecordSnapshotRequest
            {
                Register = parsed.GetRequiredValue(_register),
                SnapshotDate = parsed.GetTime(_date, parsed.GetTimeZone(_zone)),
            };
            using var client = _connection.Connect(parsed);
            var response = await client.RecordSnapshotAsync(request, ct);
            if (IsJson(parsed))
            {
                Shell.Output.WriteLine(JsonText.Format(response));
            }
            else
            {
                Write(Shell, response.Register, dates: 3);
            }

            return ExitCodes.Ok;
        }
    }

    private sealed class List : CliCommand
    {
        private readonly ConnectionOptions _connection;

        public List(Shell shell)
            : base(shell, "list", "Lists the registers that the rules use, with their loaded snapshots.", "lookup register list")
        {
            _connection = new ConnectionOptions(this);
        }

        protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
        {
            using var client = _connection.Connect(parsed);
            var response = await client.ListRegistersAsync(new ListRegistersRequest(), ct);
            if (IsJson(parsed))
            {
                Shell.Output.WriteLine(JsonText.Format(response));
                return ExitCodes.Ok;
            }

            foreach (var register in response.Registers)
            {
                Write(Shell, register, dates: 3);
            }

            return ExitCodes.Ok;
        }
    }
}
