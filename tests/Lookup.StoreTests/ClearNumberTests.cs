using System.Buffers.Binary;
using System.Text;
using System.Text.Json.Nodes;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Grpc.Net.Client;
using Lookup.V1;

namespace Lookup.StoreTests;

/// <summary>What is kept, and what is told of it, holds no phone number in clear.</summary>
public sealed class ClearNumberTests : IDisposable
{
    private const int Count = 10_000;
    private const ulong First = 31_612_300_000;

    private static readonly ulong[] Numbers = [.. Enumerable.Range(0, Count).Select(i => First + ((ulong)i * 7))];

    private readonly TempFolder _temp = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _temp.Dispose();

    [Fact]
    public async Task Redis_DumpAppendOnlyFileReceiptsAndLogs_HoldNoneOfTenThousandNumbers()
    {
        await using var redis = await RedisServer.StartAsync("--appendonly", "yes", "--rdbcompression", "no", "--maxmemory-policy", "noeviction");
        string[] store = ["--redis", $"127.0.0.1:{redis.Port}", "--key-file", _temp.PathOf("number.key")];
        Assert.Equal(0, (await CliRun.Async(["init", .. store, "--new-key"])).ExitCode);
        var told = await UseAsync(store);
        await using (var admin = await redis.AdminAsync())
        {
            await admin.GetServer($"127.0.0.1:{redis.Port}").ExecuteAsync("SAVE");
        }

        var files = Files(redis.Folder);
        Assert.Contains(files, f => f.Name.EndsWith(".rdb", StringComparison.Ordinal) && f.Bytes.Length > 500_000);
        Assert.Contains(files, f => f.Name.Contains(".aof", StringComparison.Ordinal) && f.Bytes.Length > 500_000);
        AssertClear([.. files, .. Files(_temp.PathOf("receipts")), .. told]);
    }

    [Fact]
    public async Task Folder_OfTheEmbeddedStoreReceiptsAndLogs_HoldNoneOfTenThousandNumbers()
    {
        var told = await UseAsync(["--data", await _temp.StoreAsync()]);
        var files = Files(_temp.PathOf("data"));
        Assert.True(files.Sum(f => f.Bytes.Length) > 500_000);
        AssertClear([.. files, .. Files(_temp.PathOf("receipts")), .. told]);
    }

    [Theory]
    [InlineData("digits")]
    [InlineData("national")]
    [InlineData("little")]
    [InlineData("big")]
    public void Find_PlantedNumber_IsFound(string form)
    {
        var bytes = new byte[100];
        switch (form)
        {
            case "digits":
                Encoding.ASCII.GetBytes($"a+{Numbers[77]}1").CopyTo(bytes, 11);
                break;
            case "national":
                Encoding.ASCII.GetBytes($"0{Numbers[77] - 31_000_000_000}").CopyTo(bytes, 11);
                break;
            case "little":
                BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(11), Numbers[77]);
                break;
            default:
                BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(11), Numbers[77]);
                break;
        }

        Assert.Contains("planted, byte 1", new ClearNumbers(Numbers).Find("planted", bytes), StringComparison.Ordinal);
        Assert.Null(new ClearNumbers([Numbers[77] + 1]).Find("another", bytes));
    }

    private static void AssertClear(IEnumerable<(string Name, byte[] Bytes)> all)
    {
        var finder = new ClearNumbers(Numbers);
        Assert.DoesNotContain(all.Select(f => finder.Find(f.Name, f.Bytes)), found => found is not null);
    }

    private static List<(string Name, byte[] Bytes)> Files(string folder) =>
    [
        .. new DirectoryInfo(folder).EnumerateFiles("*", SearchOption.AllDirectories)
            // A socket has no length.
            .Where(f => f.Length > 0)
            .Select(f => (f.FullName, Read(f.FullName))),
    ];

    private static byte[] Read(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var bytes = new byte[file.Length];
        file.ReadExactly(bytes);
        return bytes;
    }

    /// <summary>Everything that a service does with numbers; what it told meanwhile.</summary>
    private async Task<List<(string Name, byte[] Bytes)>> UseAsync(string[] store)
    {
        Assert.Equal(0, (await CliRun.Async("receipt", "key", _temp.PathOf("receipt.key"))).ExitCode);
        using var tool = ToolProcess.Start([
            "serve", .. store, "--listen", "127.0.0.1:0", "--json-port", "0", "--json", "--log", "text",
            "--receipts", _temp.PathOf("receipts"), "--receipt-key", _temp.PathOf("receipt.key"),
            "--shadow-regimes", new RegimeVariant().Without("nl.json").WriteTo(_temp.PathOf("next")), "--set", "ShadowListEvery=16"]);
        await tool.UntilAsync(() => tool.Output.Contains('\n', StringComparison.Ordinal));
        var address = JsonNode.Parse(tool.Output)!;
        using var channel = GrpcChannel.ForAddress((string)address["grpc"]!);
        var (lookup, facts) = (new LookupService.LookupServiceClient(channel), new FactService.FactServiceClient(channel));
        foreach (var batch in Numbers.Chunk(1_000))
        {
            var results = await facts.RecordFactsAsync(Samples.Record(batch.Select(FactOf)), cancellationToken: Token);
            Assert.All(results.Results, r => Assert.Equal(FactResult.Types.Outcome.Recorded, r.Outcome));
        }

        using (var stream = lookup.CheckStream(cancellationToken: Token))
        {
            await stream.RequestStream.WriteAsync(new CheckStreamRequest { Open = new CheckStreamOpen { Question = Samples.Question(), DefaultRegion = "NL", Receipt = true } }, Token);
            await stream.RequestStream.WriteAsync(new CheckStreamRequest { Chunk = new CheckStreamChunk { Sequence = 1, Texts = { Numbers.Take(8_000).Select(n => $"+{n}") } } }, Token);
            await stream.RequestStream.CompleteAsync();
            Assert.True(await stream.ResponseStream.MoveNext(Token));
        }

        foreach (var number in Numbers.Take(300))
        {
            await lookup.CheckAsync(new CheckRequest { Number = $"+{number}", Question = Samples.Question(), Consistency = new Consistency { Exact = true } }, cancellationToken: Token);
        }

        foreach (var number in Numbers.Take(20))
        {
            await facts.EraseNumberAsync(new EraseNumberRequest { Number = $"+{number}", Source = "letter", Actor = "anna", Reason = "asked" }, cancellationToken: Token);
            await Assert.ThrowsAsync<RpcException>(async () => await lookup.CheckAsync(new CheckRequest { Number = $"+{number}99999", Question = Samples.Question(), DefaultRegion = "XX" }));
        }

        var grpc = (string)address["grpc"]!;
        var list = _temp.Write("list.csv", "number\n" + string.Concat(Numbers.Skip(5_000).Take(1_000).Select(n => $"+{n}\n")));
        var import = await CliRun.Async("import", list, "--set", "kind=objection", "--set", "organisation=other", "--address", grpc);
        Assert.True(import.ExitCode == 0, import.Error);
        var register = await CliRun.Async("import", list, "--register", "nl-bmnr", "--snapshot", "2026-11-20", "--accept-change", "--timezone", "Europe/Amsterdam", "--address", grpc);
        Assert.True(register.ExitCode == 0, register.Error);
        File.Delete(list);
        using var http = new HttpClient { BaseAddress = new Uri((string)address["json"]!) };
        var metrics = await http.GetByteArrayAsync("metrics", Token);
        tool.Interrupt();
        var end = await tool.EndAsync();
        Assert.Contains("SERVING", end.Error, StringComparison.Ordinal);
        Assert.Contains("SHADOW", end.Error, StringComparison.Ordinal);
        return [("log", Encoding.UTF8.GetBytes(end.Error)), ("metrics", metrics)];
    }

    private static Fact FactOf(ulong number)
    {
        var text = $"+{number}";
        var since = Timestamp.FromDateTimeOffset(DateTimeOffset.UtcNow.AddDays(-10));
        return (number % 7) switch
        {
            0 => Samples.Consent(text),
            1 => Samples.Objection(text),
            2 => new Fact { Number = text, Source = "x", Relation = new Relation { Organisation = "acme", Relation_ = RelationKind.Customer, Since = since } },
            3 => new Fact { Number = text, Source = "x", Effective = since, Subscriber = new Subscriber { Type = SubscriberType.SoleTrader } },
            4 => new Fact { Number = text, Source = "x", Effective = since, PublishedForOffers = new PublishedForOffers { ProductGroup = "energy" } },
            5 => new Fact { Number = text, Source = "x", Attempt = new Attempt { Organisation = "acme" } },
            _ => new Fact { Number = text, Source = "x", Refusal = new Refusal { Organisation = "acme" } },
        };
    }
}
