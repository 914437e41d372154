using System.CommandLine;
using System.Globalization;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.V1;
using Spectre.Console;

namespace Lookup.Cli.Commands;

/// <summary>lookup org: records of organisations.</summary>
internal sealed class OrgCommand : Command
{
    public OrgCommand(Shell shell)
        : base("org", "Manages organisations: sector, attempt limits, and the layers of rules that apply to them.")
    {
        Subcommands.Add(new Put(shell));
        Subcommands.Add(new List(shell));
    }

    private static void Write(Shell shell, Organisation organisation) => shell.Console.MarkupLine(
        string.Join("  ", [SafeText.Escape(organisation.Name), .. Describe(organisation).Select(one => $"[grey]{one.Name}[/] {one.Value}".TrimEnd())]));

    /// <summary>Returns what a record states, in words; a name may have no value.</summary>
    internal static IEnumerable<(string Name, string Value)> Describe(Organisation organisation)
    {
        yield return ("sector", Words.Sectors.WordFor(organisation.Sector));
        if (organisation.SwitchedOffLayers.Count > 0)
        {
            yield return ("without", string.Join(", ", organisation.SwitchedOffLayers.Select(Words.Layers.WordFor)));
        }

        if (organisation.Strict)
        {
            yield return ("strict", "");
        }

        if (organisation.AttemptCaps.Count > 0)
        {
            yield return ("at most", string.Join(", ", organisation.AttemptCaps.Select(Text)));
        }

        if (organisation.PauseAfterRefusalDays > 0)
        {
            yield return ("days after a refusal", organisation.PauseAfterRefusalDays.ToString(CultureInfo.InvariantCulture));
        }
    }

    private sealed class Put : CliCommand
    {
        private readonly Argument<string> _name = new("NAME") { Description = "Name of the organisation: 1 to 64 characters of a-z 0-9 . _ -" };
        private readonly Option<string?> _sector = OptionParsing.Word("--sector", "Sector", Words.Sectors, "SECTOR", "other");
        private readonly Option<string[]> _without = new("--without")
        {
            Description = "Layer of rules that does not apply to it: code, policy. Repeatable.",
            HelpName = "LAYER",
            DefaultValueFactory = _ => [],
        };

        private readonly Option<string[]> _cap = new("--cap")
        {
            Description = "Attempt limit: MAX/HOURSh, or MAX/DAYSd for the day of the call and DAYS days before it; append '/group' to count per product group. Repeatable, up to 4.",
            HelpName = "CAP",
            DefaultValueFactory = _ => [],
        };

        private readonly Option<int> _pause = new("--pause-after-refusal") { Description = "Full days without calls after a refusal, 0 to 366; 0: as the rules say.", HelpName = "DAYS" };
        private readonly Option<bool> _strict = new("--strict") { Description = "Also apply the stricter policies." };
        private readonly ConnectionOptions _connection;

        public Put(Shell shell)
            : base(
                shell,
                "put",
                "Creates or replaces an organisation's record.",
                "lookup org put acme --sector other",
                "lookup org put acme --cap 3/24h --cap 4/29d --cap 1/6d/group --pause-after-refusal 60",
                "lookup org put red-cross --sector ideal_or_charity --without code")
        {
            Arguments.Add(_name);
            Options.Add(_sector);
            Options.Add(_without);
            Options.Add(_cap);
            Options.Add(_pause);
            Options.Add(_strict);
            _connection = new ConnectionOptions(this);
        }

        protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
        {
            var organisation = new Organisation
            {
                Name = parsed.GetRequiredValue(_name),
                Sector = parsed.GetValue(_sector) is null ? Sector.Other : parsed.GetWord(_sector, Words.Sectors),
                Strict = parsed.GetValue(_strict),
                PauseAfterRefusalDays = (uint)parsed.GetWithin(_pause, 0, 366, "days"),
            };
            organisation.AttemptCaps.AddRange(parsed.GetRequiredValue(_cap).Select(ReadCap));
            organisation.SwitchedOffLayers.AddRange(parsed.GetRequiredValue(_without).Select(text => Words.Layers.Parse("--without", text)));
            using var client = _connection.Connect(parsed);
            var response = await client.PutOrganisationAsync(new PutOrganisationRequest { Organisation = organisation }, ct);
            if (IsJson(parsed))
            {
                Shell.Output.WriteLine(JsonText.Format(response));
            }
            else
            {
                Write(Shell, response.Organisation);
            }

            return ExitCodes.Ok;
        }
    }

    private static AttemptCap ReadCap(string text)
    {
        var parts = text.Split('/');
        var length = 0u;
        if (parts.Length is < 2 or > 3 || (parts.Length == 3 && parts[2] != "group")
            || !uint.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var max)
            || parts[1].Length == 0 || parts[1][^1] is not ('h' or 'd')
            || !uint.TryParse(parts[1].AsSpan(0, parts[1].Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out length))
        {
            throw CliException.Usage($"--cap '{text}' is not an attempt limit; write it like 3/24h, 4/29d or 1/6d/group.");
        }

        var cap = new AttemptCap { Max = max, PerProductGroup = parts.Length == 3 };
        if (parts[1][^1] == 'h')
        {
            cap.WithinHours = length;
        }
        else
        {
            cap.DaysBack = length;
        }

        return cap;
    }

    private static string Text(AttemptCap cap) =>
        $"{cap.Max}/{(cap.HasWithinHours ? $"{cap.WithinHours}h" : $"{cap.DaysBack}d")}{(cap.PerProductGroup ? "/group" : "")}";

    private sealed class List : CliCommand
    {
        private readonly ConnectionOptions _connection;

        public List(Shell shell)
            : base(shell, "list", "Lists the organisations.", "lookup org list")
        {
            _connection = new ConnectionOptions(this);
        }

        protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
        {
            using var client = _connection.Connect(parsed);
            var response = await client.ListOrganisationsAsync(new ListOrganisationsRequest(), ct);
            if (IsJson(parsed))
            {
                Shell.Output.WriteLine(JsonText.Format(response));
                return ExitCodes.Ok;
            }

            if (response.Organisations.Count == 0)
            {
                Shell.Console.MarkupLine("No organisations: add one with 'lookup org put NAME'.");
            }

            foreach (var organisation in response.Organisations)
            {
                Write(Shell, organisation);
            }

            return ExitCodes.Ok;
        }
    }
}
