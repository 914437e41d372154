using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Lookup.Core.Receipts;
using Lookup.Server.Receipts;
using Lookup.V1;
using Receipt = Lookup.Core.Receipts.Receipt;

namespace Lookup.ServiceTests.Cli;

/// <summary>lookup usage: what receipts say that each credential asked.</summary>
public sealed class UsageTests : IDisposable
{
    // 23:30 in Amsterdam.
    private static readonly DateTimeOffset Evening = new(2024, 3, 12, 22, 30, 0, TimeSpan.Zero);

    private readonly TempFolder _folder = new();
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    private static CancellationToken Test => TestContext.Current.CancellationToken;

    private string KeyFile => _folder.PathOf("receipt.pub");

    public void Dispose()
    {
        _folder.Dispose();
        _key.Dispose();
    }

    [Fact]
    public async Task Usage_SeveralInstances_IsCountedByDayCredentialAndOrganisation()
    {
        Write("a",
            Check("dialer", 0), Check("dialer", 1), Check("dialer", 40),
            // Two lists at the same time, one past midnight.
            List("batch", 2, 0, 8_192), List("batch", 2, 0, 8_192), List("batch", 3, 8_192, 10_000), List("batch", 50, 10_000, 10_007),
            List("batch", 51, 0, 5) with { Hypothetical = true },
            Check("dialer", 52) with { Kind = ReceiptKind.Erasure, Digest = ErasedReceipt.Digest([]), Count = 0 });
        Write("b", Check("dialer", 2), Check("dialer", 3) with { Organisation = "bolt" }, Check("", 45));

        var json = await JsonAsync("a", "b", "--timezone", "Europe/Amsterdam", "--public-key", KeyFile);
        Assert.Equal(
            [
                """{"day":"2024-03-12","credential":"batch","organisation":"acme","checks":0,"list_numbers":18192,"what_if":0}""",
                """{"day":"2024-03-12","credential":"dialer","organisation":"acme","checks":3,"list_numbers":0,"what_if":0}""",
                """{"day":"2024-03-12","credential":"dialer","organisation":"bolt","checks":1,"list_numbers":0,"what_if":0}""",
                """{"day":"2024-03-13","credential":"","organisation":"acme","checks":1,"list_numbers":0,"what_if":0}""",
                """{"day":"2024-03-13","credential":"batch","organisation":"acme","checks":0,"list_numbers":7,"what_if":5}""",
                """{"day":"2024-03-13","credential":"dialer","organisation":"acme","checks":1,"list_numbers":0,"what_if":0}""",
            ],
            json["days"]!.AsArray().Select(day => day!.ToJsonString()));
        json.Remove("days");
        Assert.Equal(
            """{"checks":6,"list_numbers":18199,"what_if":5,"erased":0,"receipts":12,"timezone":"Europe/Amsterdam","verified":true}""", json.ToJsonString());

        Assert.Single((await JsonAsync("a", "b", "--since", "2024-03-12", "--until", "2024-03-12"))["days"]!.AsArray(), day => (string)day!["organisation"]! == "bolt");
        Assert.Empty((await JsonAsync("a", "b", "--since", "2024-03-13"))["days"]!.AsArray());
        var text = await CliRun.Async("usage", _folder.PathOf("a"), "--timezone", "Europe/Amsterdam");
        Assert.Equal((0, ""), (text.ExitCode, text.Error));
        Assert.Matches("2024-03-12 +│? *batch +│? *acme +│? *0 +│? *18,192", text.Output);
        Assert.Contains("9 receipts; days in Europe/Amsterdam.", text.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Usage_AnswersOfAService_AreThoseThatWereGiven()
    {
        using (var log = ReceiptLog.Open(_folder.PathOf("a"), _key, TimeProvider.System, 8_192))
        {
            await using var server = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync(), receipts: log);
            var erased = Samples.NewNumber();
            foreach (var number in (string[])[erased, erased, Samples.NewNumber(), Samples.NewNumber(), Samples.NewNumber()])
            {
                await server.Lookup.CheckAsync(Samples.Check(number), cancellationToken: Test);
            }

            await using (var one = await StreamCall.OpenAsync(server, new CheckStreamOpen { Question = Samples.Question("bolt"), DefaultRegion = "NL" }))
            {
                await using var other = await StreamCall.OpenAsync(server, new CheckStreamOpen { Question = Samples.Question("bolt"), DefaultRegion = "NL" });
                for (var chunk = 1UL; chunk <= 3; chunk++)
                {
                    await one.AskAsync(chunk, [31_612_000_001, 31_612_000_002]);
                    await other.AskAsync(chunk, [31_612_000_001, 31_612_000_002, 31_612_000_003]);
                }
            }

            await server.Facts.EraseNumberAsync(new EraseNumberRequest { Number = erased, Source = "letter" }, cancellationToken: Test);
        }

        var json = await JsonAsync("a");
        Assert.Equal((3, 15, 2), ((int)json["checks"]!, (int)json["list_numbers"]!, (int)json["erased"]!));
        Assert.Equal(["acme 3 0", "bolt 0 15"], json["days"]!.AsArray().Select(day => $"{day!["organisation"]} {day["checks"]} {day["list_numbers"]}"));
    }

    [Theory]
    [InlineData("", "FOLDER is missing")]
    [InlineData("nowhere", "nowhere' does not exist.")]
    [InlineData("empty", "There are no receipts in")]
    [InlineData("a a", "has the same receipts as")]
    [InlineData("a --since 12-03-2024", "--since '12-03-2024' is not a day; write it like 2026-11-01.")]
    [InlineData("a --since 2024-03-13 --until 2024-03-12", "--since 2024-03-13 is later than --until 2024-03-12.")]
    [InlineData("changed --public-key receipt.pub", "does not match the hash")]
    public async Task Usage_Mistake_IsReported(string line, string error)
    {
        Directory.CreateDirectory(_folder.PathOf("empty"));
        Write("a", Check("dialer", 0));
        Write("changed", Check("dialer", 0));
        var hashes = Path.Combine(_folder.PathOf("changed"), "hashes");
        var bytes = await File.ReadAllBytesAsync(hashes, Test);
        bytes[0] ^= 1;
        await File.WriteAllBytesAsync(hashes, bytes, Test);

        string[] files = ["a", "changed", "empty", "nowhere", "receipt.pub"];
        var run = await CliRun.Async(["usage", .. line.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(word => files.Contains(word) ? _folder.PathOf(word) : word)]);
        Assert.NotEqual(0, run.ExitCode);
        Assert.Contains(error, run.Error, StringComparison.Ordinal);
        Assert.Empty(run.Output);
    }

    private async Task<JsonObject> JsonAsync(params string[] words)
    {
        var run = await CliRun.Async(["usage", .. words.Select(word => word is "a" or "b" ? _folder.PathOf(word) : word), "--json"]);
        Assert.True(run.ExitCode == 0, run.Error);
        return JsonNode.Parse(run.Output)!.AsObject();
    }

    private static Receipt Check(string credential, int minutes) =>
        new() { AskedBy = credential, Organisation = "acme", Time = Evening.AddMinutes(minutes).ToUnixTimeMilliseconds() };

    private static Receipt List(string credential, int minutes, ulong before, ulong count) =>
        Check(credential, minutes) with { Kind = ReceiptKind.List, Version = before, Count = count };

    private void Write(string folder, params Receipt[] receipts)
    {
        using var log = ReceiptLog.Open(_folder.PathOf(folder), _key, TimeProvider.System, 8_192);
        foreach (var receipt in receipts)
        {
            log.Append(ReceiptFormat.Write(receipt));
        }

        log.Seal();
        File.WriteAllText(KeyFile, _key.ExportSubjectPublicKeyInfoPem());
    }
}
