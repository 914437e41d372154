using System.Text;
using System.Text.Json.Nodes;
using Lookup.Cli.Hosting;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.Server;

namespace Lookup.EndToEndTests.Receipts;

/// <summary>lookup receipt, as compliance people use it.</summary>
public sealed class ReceiptCommandTests : IAsyncLifetime
{
    private const string Number = "+31612345678";

    private readonly TempFolder _temp = new();
    private LocalService? _service;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private string PublicKey => _temp.PathOf("receipt.key.pub");

    public async ValueTask InitializeAsync()
    {
        Assert.Equal(0, (await CliRun.Async("receipt", "key", _temp.PathOf("receipt.key"))).ExitCode);
        await StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _temp.Dispose();
    }

    [Fact]
    public async Task Receipt_FromAnswerToVerification_IsProvenByThePublicKey()
    {
        var proof = await ProofAsync();
        var verified = await CliRun.Async("receipt", "verify", proof, "--public-key", PublicKey);
        Assert.Equal((0, ""), (verified.ExitCode, verified.Error));
        Assert.StartsWith("PROVEN", verified.Output, StringComparison.Ordinal);
        Assert.Contains("no_consent", verified.Output, StringComparison.Ordinal);
        var json = JsonNode.Parse((await CliRun.Async("receipt", "verify", proof, "--public-key", PublicKey, "--json")).Output)!;
        Assert.Equal(("DENY", "acme"), ((string)json["verdict"]!, (string)json["organisation"]!));

        var text = await File.ReadAllTextAsync(proof, Token);
        var forged = text.Replace(Convert.ToHexStringLower(Encoding.ASCII.GetBytes("acme")), Convert.ToHexStringLower(Encoding.ASCII.GetBytes("evil")), StringComparison.Ordinal);
        Assert.NotEqual(text, forged);
        var refused = await CliRun.WithInputAsync(forged, "receipt", "verify", "-", "--public-key", PublicKey);
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("is not number", refused.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Verify_WithANumber_TellsWhetherItIsThisOne()
    {
        var proof = await ProofAsync();
        var key = Directory.GetFiles(_temp.PathOf("data"), "*.key").Single();
        Assert.Equal(0, (await CliRun.Async("receipt", "verify", proof, "--public-key", PublicKey, "--number", Number, "--key-file", key)).ExitCode);
        var other = await CliRun.Async("receipt", "verify", proof, "--public-key", PublicKey, "--number", "+31612345679", "--key-file", key);
        Assert.Equal(1, other.ExitCode);
        Assert.Contains("the receipt is about another number", other.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Docs_ScriptOfOpensslAndPython_VerifiesAndRefusesAForgedOne()
    {
        Programs.Require("sh", "python3", "openssl");
        var docs = await File.ReadAllTextAsync(Path.Combine(Programs.Root(), "docs/guide/receipts.md"), Token);
        var begin = docs.IndexOf("```sh\n", StringComparison.Ordinal) + 6;
        var script = _temp.Write("verify.sh", docs[begin..docs.IndexOf("\n```\n", begin, StringComparison.Ordinal)]);
        // Several sizes of the log: the way through the tree has cases.
        for (var round = 0; round < 3; round++)
        {
            var proof = await ProofAsync(checks: 1 + (4 * round));
            var (exitCode, output) = await VerifyAsync(script, proof);
            Assert.True(exitCode == 0 && output.Contains("Verified OK", StringComparison.Ordinal), output);
        }

        var text = await File.ReadAllTextAsync(_temp.PathOf("call.proof"), Token);
        var at = text.IndexOf("receipt 4c5243", StringComparison.Ordinal) + 60;
        var forged = _temp.Write("forged.proof", text[..at] + (text[at] == '0' ? '1' : '0') + text[(at + 1)..]);
        Assert.NotEqual(0, (await VerifyAsync(script, forged)).ExitCode);
        var signature = text.IndexOf("signature ", StringComparison.Ordinal) + 20;
        forged = _temp.Write("forged.proof", text[..signature] + (text[signature] == '0' ? '1' : '0') + text[(signature + 1)..]);
        Assert.NotEqual(0, (await VerifyAsync(script, forged)).ExitCode);
    }

    [Fact]
    public async Task Audit_OfALogAndAHeadKeptElsewhere_IsWholeUntilAByteIsChanged()
    {
        await ProofAsync(checks: 20);
        var head = _temp.PathOf("kept.head");
        Assert.Equal(0, (await CliRun.Async("receipt", "head", "--out", head, "--address", Address)).ExitCode);
        string[] audit = ["receipt", "audit", _temp.PathOf("receipts"), "--public-key", PublicKey];
        var whole = await CliRun.Async([.. audit, "--head", head, "--json"]);
        Assert.Equal((0, ""), (whole.ExitCode, whole.Error));
        // One more: the start, which is in the trail.
        Assert.Equal(21, (int)JsonNode.Parse(whole.Output)!["receipts"]!);
        Assert.StartsWith("INTACT", (await CliRun.Async(audit)).Output, StringComparison.Ordinal);

        await StopAsync();
        var file = Directory.GetFiles(_temp.PathOf("receipts"), "*.receipts").Single();
        var bytes = await File.ReadAllBytesAsync(file, Token);
        bytes[500] ^= 1;
        await File.WriteAllBytesAsync(file, bytes, Token);
        var changed = await CliRun.Async(audit);
        Assert.Equal(1, changed.ExitCode);
        Assert.Contains(file, changed.Error, StringComparison.Ordinal);
        await Assert.ThrowsAsync<Lookup.Core.Receipts.ReceiptException>(StartAsync);
    }

    [Fact]
    public async Task Serve_KilledWithNinesWhileItAnswers_HasAReceiptOfEachAnswer()
    {
        await StopAsync();
        var ids = new List<string>();
        for (var round = 0; round < 3; round++)
        {
            using var tool = ToolProcess.Start([
                "serve", "--data", _temp.PathOf("killed"), "--listen", "127.0.0.1:0", "--json-port", "0", "--json",
                "--receipts", _temp.PathOf("killed-receipts"), "--receipt-key", _temp.PathOf("receipt.key")]);
            await tool.UntilAsync(() => tool.Output.Contains('\n', StringComparison.Ordinal));
            var address = (string)JsonNode.Parse(tool.Output)!["grpc"]!;
            using var channel = Grpc.Net.Client.GrpcChannel.ForAddress(address);
            var lookup = new V1.LookupService.LookupServiceClient(channel);
            for (var i = 0; i < 200; i++)
            {
                ids.Add((await lookup.CheckAsync(Samples.Check(Number))).Receipt.Id);
            }

            await tool.KillAsync();
        }

        using var key = Lookup.Server.Receipts.ReceiptKeyFile.LoadPrivate(_temp.PathOf("receipt.key"));
        using (var log = Lookup.Server.Receipts.ReceiptLog.Open(_temp.PathOf("killed-receipts"), key, TimeProvider.System))
        {
            Assert.Equal((603UL, 603UL), (log.Count, log.Head!.TreeSize));
        }

        // Each start has a receipt too, which is the first of its round.
        Assert.Equal(Enumerable.Range(0, 603).Where(i => i % 201 != 0).Select(i => $"{i}"), ids.Select(id => id.Split('-')[1]));
        var audit = await CliRun.Async("receipt", "audit", _temp.PathOf("killed-receipts"), "--public-key", PublicKey, "--json");
        Assert.Equal(603, (int)JsonNode.Parse(audit.Output)!["receipts"]!);
    }

    [Theory]
    [InlineData("serve --receipts r", "--receipt-key")]
    [InlineData("serve --receipt-key k", "--receipts")]
    [InlineData("serve --receipts-for asked", "--receipts")]
    [InlineData("serve --data d --create --receipts r --receipt-key missing.key", "missing.key")]
    [InlineData("receipt verify missing.proof --public-key PUB", "missing.proof")]
    [InlineData("receipt verify PUB --public-key PUB", "lookup receipt proof 1")]
    [InlineData("receipt verify PUB --public-key PRIVATE", "must be a public key")]
    [InlineData("receipt verify PUB", "--public-key")]
    [InlineData("receipt audit nowhere --public-key PUB", "nowhere")]
    [InlineData("receipt key PRIVATE", "never replaced")]
    [InlineData("receipt get nonsense --address ADDRESS", "no receipt with this id")]
    public async Task Command_Mistake_IsTold(string line, string expected)
    {
        var arguments = line.Split(' ').Select(a => a switch
        {
            "PUB" => PublicKey,
            "PRIVATE" => _temp.PathOf("receipt.key"),
            "ADDRESS" => Address,
            "r" or "d" => _temp.PathOf(a),
            _ => a,
        });
        var run = await CliRun.Async([.. arguments]);
        Assert.NotEqual(0, run.ExitCode);
        Assert.Contains(expected, run.Error, StringComparison.Ordinal);
    }

    private string Address => _service!.GrpcAddress.ToString();

    /// <summary>Asks, and gets the proof of the last answer once it is signed.</summary>
    private async Task<string> ProofAsync(int checks = 1)
    {
        var id = "";
        for (var i = 0; i < checks; i++)
        {
            var check = await CliRun.Async("check", Number, "--org", "acme", "--purpose", "commercial", "--address", Address, "--json");
            id = (string)JsonNode.Parse(check.Output)!["receipt"]!["id"]!;
        }

        var file = _temp.PathOf("call.proof");
        while (true)
        {
            var got = await CliRun.Async("receipt", "get", id, "--out", file, "--address", Address);
            if (got.ExitCode == 0)
            {
                return file;
            }

            Assert.Contains("not signed yet", got.Error, StringComparison.Ordinal);
            await Task.Delay(50, Token);
        }
    }

    private async Task StartAsync() => _service = await LocalService.StartAsync(
        new LookupServerOptions { GrpcPort = 0, JsonPort = 0, StoreReadLimitMs = 10_000 },
        new StoreSettings(_temp.PathOf("data"), null, null) { Create = true },
        new Shell(TextWriter.Null, TextWriter.Null, Stream.Null, TimeProvider.System),
        LogFormat.None,
        Token,
        new ReceiptSettings(_temp.PathOf("receipts"), _temp.PathOf("receipt.key")));

    private async Task StopAsync()
    {
        if (_service is not null)
        {
            await _service.EndAsync();
            _service = null;
        }
    }

    // The script leaves files where it runs.
    private async Task<(int ExitCode, string Output)> VerifyAsync(string script, string proof)
    {
        var run = await Programs.RunAsync("sh", "-c", "cd \"$1\" && sh -e \"$2\" \"$3\" \"$4\"", "sh", _temp.Path, script, proof, PublicKey);
        return (run.Code, run.Output + run.Error);
    }
}
