using System.CommandLine;
using Google.Protobuf;
using Grpc.Core;
using Lookup.Cli.Hosting;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.Client;
using Lookup.Server.Access;
using Lookup.Server.Trail;
using Lookup.V1;
using Spectre.Console;

namespace Lookup.Cli.Commands;

/// <summary>A command that manages credentials or grants, through a service or directly in a store that has no key yet.</summary>
internal abstract class AccessCommand : CliCommand
{
    private readonly ConnectionOptions _connection;
    private readonly StoreChoice _store;

    protected AccessCommand(Shell shell, string name, string description, params string[] examples)
        : base(shell, name, description, examples)
    {
        _connection = new ConnectionOptions(this);
        _store = new StoreChoice(this);
    }

    protected static Argument<string> Id() => new("ID") { Description = "Id of the credential: 1 to 64 characters of a-z 0-9 . _ -" };

    /// <summary>Calls the service, or changes the store that the command line names and writes that to its trail.</summary>
    protected async Task<T> AskAsync<T>(
        ParseResult parsed, IMessage request, Func<LookupClient, Task<T>> ask, Func<CredentialKeeper, Task<T>> direct, CancellationToken ct)
    {
        if (_store.IsEmpty(parsed))
        {
            using var client = _connection.Connect(parsed);
            return await ask(client);
        }

        if (_connection.IsNamed(parsed))
        {
            throw CliException.Usage("--address names a service, --data and --redis name a store: use only one.");
        }

        await using var store = await OpenStore.OpenAsync(_store.Get(parsed, defaultFolder: null), Shell.Clock, ct);
        try
        {
            return await store.RunAsync(
                TrailActs.Describe(request, store.Cipher), () => direct(new CredentialKeeper(store.Store.Registry, store.Store.Access, Shell.Clock)), Shell.Clock, ct);
        }
        catch (RpcException exception)
        {
            throw LookupException.From(exception, new Uri(ConnectionOptions.DefaultAddress));
        }
    }

    /// <summary>Writes the response as JSON if --json is set; returns whether it did.</summary>
    protected bool WroteJson(ParseResult parsed, IMessage response)
    {
        if (IsJson(parsed))
        {
            Shell.Output.WriteLine(JsonText.Format(response));
        }

        return IsJson(parsed);
    }

    /// <summary>Writes a new key alone on standard output, so that it can be redirected to a file.</summary>
    protected void WriteKey(string key)
    {
        Shell.Error.WriteLine("The key, shown only once:");
        Shell.Output.WriteLine(key);
    }

    protected void Write(Credential credential)
    {
        var kind = credential.Kind == CredentialKind.ApiKey
            ? "" : $"  [grey]{Words.CredentialKinds.WordFor(credential.Kind)}[/] {SafeText.Escape(credential.Subject)}";
        var limits = string.Concat(
            Limit("requests/s", credential.RequestsPerSecond), Limit("streams", credential.MaxStreams), Limit("numbers/chunk", credential.MaxChunk));
        var end = credential.RevokeTime is { } revoked ? $"  [red]revoked[/] {DecisionPrinter.Time(revoked)}"
            : credential.ExpireTime is { } expires ? $"  [grey]expires[/] {DecisionPrinter.Time(expires)}"
            : "";
        var note = credential.Note.Length > 0 ? $"  {SafeText.Escape(credential.Note)}" : "";
        Shell.Console.MarkupLine(
            $"{SafeText.Escape(credential.CredentialId)}  {string.Join(", ", credential.Roles.Select(Words.Roles.WordFor))}{kind}{limits}{end}{note}");

        static string Limit(string name, int value) => value == 0 ? "" : $"  [grey]{name}[/] {value:N0}";
    }

    protected void Write(Grant grant)
    {
        var from = grant.FromTime is { } begin ? $"  [grey]from[/] {DecisionPrinter.Time(begin)}" : "";
        var until = grant.UntilTime is { } end ? $"  [grey]until[/] {DecisionPrinter.Time(end)}" : "";
        Shell.Console.MarkupLine($"{SafeText.Escape(grant.CredentialId)}  {SafeText.Escape(grant.Organisation)}{from}{until}");
    }
}
