using System.Text.Json.Nodes;
using Lookup.Client;
using Lookup.Core.Access;
using Lookup.V1;

namespace Lookup.ServiceTests.Access;

/// <summary>lookup key and lookup grant, and how client commands and the client library show a credential.</summary>
public sealed class KeyCommandTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task FirstKey_MadeInTheStore_MakesTheOthersThroughTheService()
    {
        using var temp = new TempFolder();
        var data = await temp.StoreAsync();
        var admin = await KeyAsync("key", "create", "admin", "--role", "admin", "--data", data);
        await using var service = await Lookup.Cli.Hosting.LocalService.StartAsync(
            new Lookup.Server.LookupServerOptions { GrpcPort = 0, JsonPort = 0, Credentials = true, StoreReadLimitMs = 10_000 },
            new Lookup.Cli.Options.StoreSettings(data, null, null),
            new Lookup.Cli.Output.Shell(TextWriter.Null, TextWriter.Null, Stream.Null, TimeProvider.System),
            Lookup.Cli.Hosting.LogFormat.None,
            Token);
        string[] asAdmin = ["--address", service.GrpcAddress.ToString(), "--api-key", admin];
        var dialer = await KeyAsync(["key", "create", "dialer", "--role", "check", "--max-rate", "1000", "--note", "floor 2", .. asAdmin]);
        await DoneAsync(["grant", "add", "dialer", "acme", "--until", "2099-01-01", "--timezone", "UTC", .. asAdmin]);
        await DoneAsync(["org", "put", "acme", "--sector", "press_publisher", "--without", "code", .. asAdmin]);

        string[] check = ["check", "+31612345678", "--org", "acme", "--purpose", "commercial", "--address", service.GrpcAddress.ToString()];
        var denied = await CliRun.Async([.. check, "--api-key", dialer]);
        Assert.Equal(Lookup.Cli.ExitCodes.Deny, denied.ExitCode);
        var without = await CliRun.Async(check);
        Assert.Equal(Lookup.Cli.ExitCodes.Error, without.ExitCode);
        Assert.Contains("The request has no credential", without.Error, StringComparison.Ordinal);
        var foreign = await CliRun.Async(["check", "+31612345678", "--org", "rival", "--purpose", "commercial", "--address", service.GrpcAddress.ToString(), "--api-key", dialer]);
        Assert.Contains("no grant for the organisation rival", foreign.Error, StringComparison.Ordinal);

        var rotated = await KeyAsync(["key", "rotate", "dialer", .. asAdmin]);
        Assert.NotEqual(dialer, rotated);
        var listed = await DoneAsync(["key", "list", .. asAdmin]);
        Assert.Contains("dialer  check  requests/s 1,000  floor 2", listed, StringComparison.Ordinal);
        Assert.DoesNotContain(rotated[^64..], listed, StringComparison.Ordinal);
        Assert.Contains("dialer  acme  until ", await DoneAsync(["grant", "list", .. asAdmin]), StringComparison.Ordinal);
        await DoneAsync(["grant", "remove", "dialer", "acme", .. asAdmin]);
        Assert.Contains("revoked", await DoneAsync(["key", "revoke", "dialer", .. asAdmin]), StringComparison.Ordinal);
        var revoked = await CliRun.Async([.. check, "--api-key", rotated]);
        Assert.Contains("The credential was revoked or its secret rotated", revoked.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Key_InTheWrongPlace_IsNotEchoed()
    {
        var key = ApiKey.Create("dialer", out _, out _);
        foreach (var arguments in (string[][])[["check", key, key], ["key", "list", "--api-keyy", key], ["check", "1", "--org", "a", "--address", "x://" + key]])
        {
            var run = await CliRun.Async(arguments);
            Assert.NotEqual(0, run.ExitCode);
            Assert.DoesNotContain(key[^64..], run.Error + run.Output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Create_AsJson_TellsTheKeyOnce()
    {
        using var temp = new TempFolder();
        var made = JsonNode.Parse(await DoneAsync(["key", "create", "a", "--role", "check", "--data", await temp.StoreAsync(), "--json"]))!;
        Assert.StartsWith("lk_a_", (string)made["apiKey"]!, StringComparison.Ordinal);
        var again = await CliRun.Async("key", "create", "a", "--role", "check", "--data", temp.PathOf("data"));
        Assert.Equal(1, again.ExitCode);
        Assert.Contains("A credential with this id exists", again.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Client_WithKeyOrToken_IsAnsweredAndWithoutRefused()
    {
        await using var guarded = await GuardedServer.StartAsync();
        var key = await guarded.KeyAsync("dialer", Roles.Check, GuardedServer.Own);
        var asked = 0;
        foreach (var options in (LookupClientOptions[])
            [
                new() { ApiKey = key },
                new()
                {
                    Token = _ =>
                    {
                        asked++;
                        return ValueTask.FromResult(key);
                    },
                },
                new(),
            ])
        {
            using var client = new LookupClient(options with { Address = guarded.Server.Host.GrpcAddress });
            var result = await client.CheckAsync(Samples.NewNumber(), Samples.Question(), cancellationToken: Token);
            Assert.Equal(options.ApiKey is null && options.Token is null ? CheckState.Refused : CheckState.Answered, result.State);
        }

        Assert.Equal(1, asked);
    }

    [Theory]
    [InlineData("http://lookup.example:7500", "lk_a_b", "https://")]
    [InlineData("http://127.0.0.1:7500", "lk a", "characters")]
    public void ClientOptions_CredentialCannotBeSent_IsAFaultThatDoesNotTellIt(string address, string key, string expected)
    {
        var fault = Assert.Single(new LookupClientOptions { Address = new Uri(address), ApiKey = key }.Faults());
        Assert.Contains(expected, fault, StringComparison.Ordinal);
        Assert.DoesNotContain(key, fault, StringComparison.Ordinal);
    }

    private static async Task<string> KeyAsync(params string[] arguments)
    {
        var key = (await DoneAsync(arguments)).Trim();
        Assert.True(ApiKey.TrySplit(key, out _, out _));
        return key;
    }

    private static async Task<string> DoneAsync(params string[] arguments)
    {
        var run = await CliRun.Async(arguments);
        Assert.True(run.ExitCode == 0, run.Error);
        return run.Output;
    }
}
