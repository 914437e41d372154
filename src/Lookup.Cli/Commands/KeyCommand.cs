using System.CommandLine;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.V1;

namespace Lookup.Cli.Commands;

/// <summary>lookup key: credentials and their roles.</summary>
internal sealed class KeyCommand : Command
{
    public KeyCommand(Shell shell)
        : base("key", "Manages API keys, token subjects and client certificates, with their roles.")
    {
        Subcommands.Add(new Create(shell));
        Subcommands.Add(new List(shell));
        Subcommands.Add(new Rotate(shell));
        Subcommands.Add(new Revoke(shell));
    }

    private sealed class Create : AccessCommand
    {
        private readonly Argument<string> _id = Id();
        private readonly Option<string[]> _roles = new("--role")
        {
            Description = $"Role: {Words.Roles.List}. Repeatable; no role includes another.",
            HelpName = "ROLE",
            Required = true,
        };

        private readonly Option<string?> _token = new("--token-subject") { Description = "Create a credential for tokens (JWT) with this subject instead of an API key.", HelpName = "TEXT" };
        private readonly Option<string?> _certificate = new("--certificate-name")
        {
            Description = "Create a credential for client certificates with this name (DNS name, URI or common name) instead of an API key.",
            HelpName = "TEXT",
        };

        private readonly Option<string?> _expires = new("--expires") { Description = "Expiry time; default: never.", HelpName = "TIME" };
        private readonly Option<string?> _zone = OptionParsing.TimeZone();
        private readonly Option<int> _rate = new("--max-rate") { Description = "Maximum requests per second, 1 to 1000000; default: no limit.", HelpName = "N" };
        private readonly Option<int> _streams = new("--max-streams") { Description = "Maximum concurrent streams, 1 to 1024; default: the service's limit.", HelpName = "N" };
        private readonly Option<int> _chunk = new("--max-chunk") { Description = "Maximum numbers per chunk of a list, 1 to 8192; default: the service's limit.", HelpName = "N" };
        private readonly Option<string?> _note = new("--note") { Description = "Purpose of the credential, up to 256 characters.", HelpName = "TEXT" };

        public Create(Shell shell)
            : base(
                shell,
                "create",
                "Creates a credential. Create the first one directly in the store, with --data or --redis.",
                "lookup key create admin --role admin --data ./lookup-data",
                "lookup key create dialer-7 --role check --max-rate 2000",
                "lookup key create crm --role write --token-subject service-account-crm --expires 2027-01-01T00:00:00Z")
        {
            Arguments.Add(_id);
            foreach (var option in (Option[])[_roles, _token, _certificate, _expires, _zone, _rate, _streams, _chunk, _note])
            {
                Options.Add(option);
            }
        }

        protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
        {
            var (token, certificate) = (parsed.GetValue(_token), parsed.GetValue(_certificate));
            if (token is not null && certificate is not null)
            {
                throw CliException.Usage("--token-subject and --certificate-name exclude each other: drop one.");
            }

            var credential = new Credential
            {
                CredentialId = parsed.GetRequiredValue(_id),
                Kind = token is not null ? CredentialKind.Token : certificate is not null ? CredentialKind.Certificate : CredentialKind.ApiKey,
                Subject = token ?? certificate ?? "",
                ExpireTime = parsed.GetTime(_expires, parsed.GetTimeZone(_zone)),
                RequestsPerSecond = parsed.GetValue(_rate),
                MaxStreams = parsed.GetValue(_streams),
                MaxChunk = parsed.GetValue(_chunk),
                Note = parsed.GetValue(_note) ?? "",
            };
            credential.Roles.AddRange(parsed.GetRequiredValue(_roles).Select(text => Words.Roles.Parse("--role", text)));
            var request = new CreateCredentialRequest { Credential = credential };
            var response = await AskAsync(parsed, request, client => client.CreateCredentialAsync(request, ct), keeper => keeper.CreateAsync(request, ct), ct);
            if (WroteJson(parsed, response))
            {
                return ExitCodes.Ok;
            }

            if (response.ApiKey.Length > 0)
            {
                WriteKey(response.ApiKey);
            }
            else
            {
                Write(response.Credential);
            }

            return ExitCodes.Ok;
        }
    }

    private sealed class List(Shell shell) : AccessCommand(shell, "list", "Lists the credentials. Secrets are not stored and cannot be shown.", "lookup key list")
    {
        protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
        {
            var response = await AskAsync(
                parsed, new ListCredentialsRequest(), client => client.ListCredentialsAsync(new ListCredentialsRequest(), ct), keeper => keeper.ListAsync(ct), ct);
            if (WroteJson(parsed, response))
            {
                return ExitCodes.Ok;
            }

            if (response.Credentials.Count == 0)
            {
                Shell.Output.WriteLine("No credentials: create one with 'lookup key create ID --role ROLE'.");
            }

            foreach (var credential in response.Credentials)
            {
                Write(credential);
            }

            return ExitCodes.Ok;
        }
    }

    private sealed class Rotate : AccessCommand
    {
        private readonly Argument<string> _id = Id();
        private readonly Option<int> _overlap = new("--overlap") { Description = "Seconds for which the previous secret stays valid, 0 to 2592000; default: 0.", HelpName = "SECONDS" };

        public Rotate(Shell shell)
            : base(shell, "rotate", "Replaces the secret of an API key.", "lookup key rotate dialer-7 --overlap 3600")
        {
            Arguments.Add(_id);
            Options.Add(_overlap);
        }

        protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
        {
            var request = new RotateCredentialRequest { CredentialId = parsed.GetRequiredValue(_id), OverlapSeconds = parsed.GetValue(_overlap) };
            var response = await AskAsync(parsed, request, client => client.RotateCredentialAsync(request, ct), keeper => keeper.RotateAsync(request, ct), ct);
            if (!WroteJson(parsed, response))
            {
                WriteKey(response.ApiKey);
            }

            return ExitCodes.Ok;
        }
    }

    private sealed class Revoke : AccessCommand
    {
        private readonly Argument<string> _id = Id();

        public Revoke(Shell shell)
            : base(shell, "revoke", "Revokes a credential permanently and ends its open streams.", "lookup key revoke dialer-7")
        {
            Arguments.Add(_id);
        }

        protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
        {
            var request = new RevokeCredentialRequest { CredentialId = parsed.GetRequiredValue(_id) };
            var response = await AskAsync(parsed, request, client => client.RevokeCredentialAsync(request, ct), keeper => keeper.RevokeAsync(request, ct), ct);
            if (!WroteJson(parsed, response))
            {
                Write(response.Credential);
            }

            return ExitCodes.Ok;
        }
    }
}
