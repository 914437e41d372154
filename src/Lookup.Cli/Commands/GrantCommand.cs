using System.CommandLine;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.V1;

namespace Lookup.Cli.Commands;

/// <summary>lookup grant: the organisations that a credential may query and record for.</summary>
internal sealed class GrantCommand : Command
{
    public GrantCommand(Shell shell)
        : base("grant", "Manages grants: the organisations that a credential may query and record for, and when.")
    {
        Subcommands.Add(new AddOne(shell));
        Subcommands.Add(new List(shell));
        Subcommands.Add(new Remove(shell));
    }

    private static Argument<string> Organisation() => new("ORG") { Description = "The organisation; '*' for all organisations, and for facts that apply to all." };

    private sealed class AddOne : AccessCommand
    {
        private readonly Argument<string> _id = Id();
        private readonly Argument<string> _organisation = Organisation();
        private readonly Option<string?> _from = new("--from") { Description = "Start of the grant; default: now.", HelpName = "TIME" };
        private readonly Option<string?> _until = new("--until") { Description = "End of the grant, exclusive; default: no end.", HelpName = "TIME" };
        private readonly Option<string?> _zone = OptionParsing.TimeZone();

        public AddOne(Shell shell)
            : base(
                shell,
                "add",
                "Grants an organisation to a credential, or changes the period of the grant.",
                "lookup grant add dialer-7 acme",
                "lookup grant add call-centre red-cross --from 2026-12-01 --until 2027-02-01 --timezone Europe/Amsterdam",
                "lookup grant add crm '*' --data ./lookup-data")
        {
            Arguments.Add(_id);
            Arguments.Add(_organisation);
            foreach (var option in (Option[])[_from, _until, _zone])
            {
                Options.Add(option);
            }
        }

        protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
        {
            var zone = parsed.GetTimeZone(_zone);
            var request = new AddGrantRequest
            {
                Grant = new Grant
                {
                    CredentialId = parsed.GetRequiredValue(_id),
                    Organisation = parsed.GetRequiredValue(_organisation),
                    FromTime = parsed.GetTime(_from, zone),
                    UntilTime = parsed.GetTime(_until, zone),
                },
            };
            var response = await AskAsync(parsed, request, client => client.AddGrantAsync(request, ct), keeper => keeper.AddGrantAsync(request, ct), ct);
            if (!WroteJson(parsed, response))
            {
                Write(response.Grant);
            }

            return ExitCodes.Ok;
        }
    }

    private sealed class List(Shell shell) : AccessCommand(shell, "list", "Lists the grants, including expired ones.", "lookup grant list")
    {
        protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
        {
            var response = await AskAsync(parsed, new ListGrantsRequest(), client => client.ListGrantsAsync(new ListGrantsRequest(), ct), keeper => keeper.ListGrantsAsync(ct), ct);
            if (WroteJson(parsed, response))
            {
                return ExitCodes.Ok;
            }

            foreach (var grant in response.Grants)
            {
                Write(grant);
            }

            return ExitCodes.Ok;
        }
    }

    private sealed class Remove : AccessCommand
    {
        private readonly Argument<string> _id = Id();
        private readonly Argument<string> _organisation = Organisation();

        public Remove(Shell shell)
            : base(shell, "remove", "Removes a grant.", "lookup grant remove dialer-7 acme")
        {
            Arguments.Add(_id);
            Arguments.Add(_organisation);
        }

        protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
        {
            var request = new RemoveGrantRequest { CredentialId = parsed.GetRequiredValue(_id), Organisation = parsed.GetRequiredValue(_organisation) };
            var response = await AskAsync(parsed, request, client => client.RemoveGrantAsync(request, ct), keeper => keeper.RemoveGrantAsync(request, ct), ct);
            if (!WroteJson(parsed, response))
            {
                Shell.Output.WriteLine($"Removed the grant of {request.Organisation} to {request.CredentialId}.");
            }

            return ExitCodes.Ok;
        }
    }
}
