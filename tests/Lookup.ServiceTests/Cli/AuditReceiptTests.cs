using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Google.Protobuf.WellKnownTypes;
using Lookup.Cli.Audit;
using Lookup.Core.Numbers;
using Lookup.Core.Receipts;
using Lookup.Server.Receipts;
using Lookup.V1;
using Receipt = Lookup.Core.Receipts.Receipt;
using Verdict = Lookup.Core.Verdict;

namespace Lookup.ServiceTests.Cli;

/// <summary>lookup audit --receipts: whether each call was checked, and dialled in accordance with the answer.</summary>
public sealed class AuditReceiptTests : IDisposable
{
    // A Tuesday, 15:00 in Amsterdam.
    private static readonly DateTimeOffset Called = new(2024, 3, 12, 14, 0, 0, TimeSpan.Zero);

    private readonly TempFolder _folder = new();
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly NumberCipher _cipher;

    public AuditReceiptTests() => _cipher = new NumberCipher(EncryptionKeyFile.Create(KeyFile));

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private string KeyFile => _folder.PathOf("number.key");

    public void Dispose()
    {
        _folder.Dispose();
        _key.Dispose();
        _cipher.Dispose();
    }

    [Fact]
    public async Task Calls_WithReceiptsOfEveryKind_AreComparedWithTheLastAnswerBefore()
    {
        var cases = new (string Expected, Receipt[] Receipts)[]
        {
            ("checked", [Answer(-0.2)]),
            ("checked", [Answer(-0.3), Answer(-90, Verdict.Deny)]),
            // The record names the second of the call only.
            ("checked", [Answer(0.4)]),
            ("checked", [Answer(0.4), Answer(0.9, Verdict.Deny)]),
            ("never checked", []),
            ("never checked", [Answer(30)]),
            ("never checked", [Answer(-3_700)]),
            ("never checked", [Answer(-0.2) with { Organisation = "other" }]),
            ("never checked", [Answer(-0.2) with { Purpose = Core.Purpose.Charity }]),
            ("never checked", [Answer(-0.2) with { CallKind = Core.CallKind.Service }]),
            ("never checked", [Answer(-0.2) with { Hypothetical = true }]),
            ("never checked", [Answer(-0.2) with { Kind = ReceiptKind.List }]),
            ("dialled against the answer", [Answer(-0.2, Verdict.Deny)]),
            ("dialled against the answer", [Answer(-0.2, Verdict.Unknown)]),
            ("dialled against the answer", [Answer(-5), Answer(-3, Verdict.NotCovered)]),
            ("dialled after the answer had expired", [Answer(-30)]),
            ("dialled after the answer had expired", [Answer(-1.3) with { AgeMs = 400 }]),
            ("checked", [Answer(-1.3) with { AgeMs = 100 }]),
            ("receipts erased with the number", [Answer(90) with { Kind = ReceiptKind.Erasure, Digest = ErasedReceipt.Digest([]), Count = 0 }]),
        };
        string[] numbers = [.. cases.Select((_, i) => $"+316123500{i:00}")];
        await using var server = await StartAsync(numbers);
        var ids = WriteReceipts("receipts", cases.SelectMany((one, i) => one.Receipts.Select(receipt => Of(numbers[i], receipt))).OrderBy(r => r.Time).Prepend(Of("+31612359999", Answer(-7_200))));
        var path = _folder.Write("calls.csv", "dst,start\n" + string.Concat(numbers.Select(number => $"{number},2024-03-12T15:00:00+01:00\n"))
            + $"{numbers[0]},2024-03-12T12:00:00+01:00\n");
        await File.WriteAllTextAsync(_folder.PathOf("receipt.pub"), _key.ExportSubjectPublicKeyInfoPem(), Ct);

        var run = await AuditAsync(server, path, "--receipts", _folder.PathOf("receipts"), "--key-file", KeyFile, "--public-key", _folder.PathOf("receipt.pub"), "--json");

        Assert.Equal((6, ""), (run.ExitCode, run.Error));
        var lines = (await File.ReadAllLinesAsync(path + ".findings.csv", Ct))[1..].Select(line => line.Split(',')).ToDictionary(cells => cells[1]);
        Assert.Equal(cases.Select(one => one.Expected is "checked" or "receipts erased with the number" ? "" : one.Expected), numbers.Select(number => lines.GetValueOrDefault(number)?[^4] ?? ""));
        Assert.Equal("permitted", lines[numbers[4]][3]);
        Assert.Equal(["deny", "2024-03-12T13:59:59.800Z", ids[Of(numbers[12], Answer(-0.2, Verdict.Deny))]], lines[numbers[12]][^3..]);
        var json = JsonNode.Parse(run.Output)!;
        Assert.Equal(
            """{"checked":5,"never_checked":8,"against_answer":3,"answer_expired":2,"before_receipts":1,"erased":1}""", json["checks"]!.ToJsonString());
        Assert.DoesNotContain("not verified", json["notes"]!.ToJsonString(), StringComparison.Ordinal);
        Assert.Equal((20, 13, 1), (json["calls"]!.GetValue<int>(), json["to_answer_for"]!.GetValue<int>(), json["receipts_of_lists"]!.GetValue<int>()));
    }

    [Fact]
    public async Task Receipts_OfSeveralInstances_AreOneHistory()
    {
        const string Number = "+31612360001";
        await using var server = await StartAsync(Number);
        WriteReceipts("a", [Of(Number, Answer(-5))]);
        var ids = WriteReceipts("b", [Of(Number, Answer(-3, Verdict.Deny))]);
        var path = _folder.Write("calls.csv", $"dst,start\n{Number},2024-03-12T15:00:00+01:00\n");

        var run = await AuditAsync(server, path, "--receipts", _folder.PathOf("a"), "--receipts", _folder.PathOf("b"), "--key-file", KeyFile);

        Assert.Equal((6, ""), (run.ExitCode, run.Error));
        Assert.Contains("dialled against the answer", run.Output, StringComparison.Ordinal);
        Assert.Contains("The receipts were not verified, because no public key was named (--public-key).", run.Output, StringComparison.Ordinal);
        Assert.EndsWith(ids.Values.Single(), (await File.ReadAllLinesAsync(path + ".findings.csv", Ct))[1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Receipts_ThatWereChanged_StopTheAudit()
    {
        const string Number = "+31612360002";
        await using var server = await StartAsync(Number);
        WriteReceipts("receipts", [Of(Number, Answer(-5, Verdict.Deny)), Of(Number, Answer(-0.1))]);
        var hashes = Path.Combine(_folder.PathOf("receipts"), "hashes");
        var bytes = await File.ReadAllBytesAsync(hashes, Ct);
        bytes[0] ^= 1;
        await File.WriteAllBytesAsync(hashes, bytes, Ct);
        await File.WriteAllTextAsync(_folder.PathOf("receipt.pub"), _key.ExportSubjectPublicKeyInfoPem(), Ct);
        var path = _folder.Write("calls.csv", $"dst,start\n{Number},2024-03-12T15:00:00+01:00\n");

        var run = await AuditAsync(server, path, "--receipts", _folder.PathOf("receipts"), "--key-file", KeyFile, "--public-key", _folder.PathOf("receipt.pub"));

        Assert.Equal(1, run.ExitCode);
        Assert.Contains("does not match the hash", run.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(path + ".findings.csv"));
        var missing = await AuditAsync(server, path, "--receipts", _folder.PathOf("nowhere"), "--key-file", KeyFile);
        Assert.Contains("nowhere' does not exist.", missing.Error, StringComparison.Ordinal);
        var empty = await AuditAsync(server, path, "--receipts", Directory.CreateDirectory(_folder.PathOf("empty")).FullName, "--key-file", KeyFile);
        Assert.Equal(1, empty.ExitCode);
        Assert.Contains("There are no receipts in ", empty.Error, StringComparison.Ordinal);
    }

    // Whoever can write to the folder can write a receipt, but not sign it.
    [Fact]
    public async Task Receipts_ThatNoHeadProves_AreNoCheck()
    {
        const string Number = "+31612360003";
        await using var server = await StartAsync(Number);
        WriteReceipts("receipts", [Of("+31612360004", Answer(-50))]);
        var heads = Path.Combine(_folder.PathOf("receipts"), "heads");
        var before = await File.ReadAllBytesAsync(heads, Ct);
        WriteReceipts("receipts", [Of(Number, Answer(-0.1))]);
        await File.WriteAllTextAsync(_folder.PathOf("receipt.pub"), _key.ExportSubjectPublicKeyInfoPem(), Ct);
        var path = _folder.Write("calls.csv", $"dst,start\n{Number},2024-03-12T15:00:00+01:00\n");
        string[] options = ["--receipts", _folder.PathOf("receipts"), "--key-file", KeyFile, "--public-key", _folder.PathOf("receipt.pub")];
        Assert.Equal((0, ""), (await AuditAsync(server, path, options)) is var signed ? (signed.ExitCode, signed.Error) : default);

        await File.WriteAllBytesAsync(heads, before, Ct);
        var run = await AuditAsync(server, path, options);
        Assert.Equal((6, ""), (run.ExitCode, run.Error));
        Assert.Contains("1 receipts are not signed and were left out", run.Output, StringComparison.Ordinal);
        Assert.Contains("No receipt is about a number of these calls", run.Output, StringComparison.Ordinal);

        File.Delete(heads);
        // One that was just written may still get its first head, as this one does.
        var waiting = AuditAsync(server, path, options);
        await File.WriteAllBytesAsync(heads + ".new", before, Ct);
        File.Move(heads + ".new", heads);
        Assert.Equal((6, ""), await waiting is var waited ? (waited.ExitCode, waited.Error) : default);
        File.Delete(heads);
        Array.ForEach(Directory.GetFiles(_folder.PathOf("receipts"), "*.receipts"), file => File.SetLastWriteTimeUtc(file, DateTime.UtcNow.AddHours(-1)));
        var none = await AuditAsync(server, path, options);
        Assert.Equal(1, none.ExitCode);
        Assert.Contains("there is no signed head, so nothing proves the 2 receipts", none.Error, StringComparison.Ordinal);
    }

    // A service signs the receipt of its start first. Answers behind it may not be signed yet.
    [Fact]
    public async Task Receipts_OnlyThatOfTheStartProven_AreKeptSinceThenAndTheCallIsNeverChecked()
    {
        const string Number = "+31612360005";
        await using var server = await StartAsync(Number);
        WriteReceipts("receipts", [new Receipt { Kind = ReceiptKind.Trail, Time = Of(Number, Answer(-50)).Time, Digest = new byte[32], Count = 1 }]);
        var heads = Path.Combine(_folder.PathOf("receipts"), "heads");
        var before = await File.ReadAllBytesAsync(heads, Ct);
        WriteReceipts("receipts", [Of(Number, Answer(-0.1))]);
        await File.WriteAllBytesAsync(heads, before, Ct);
        await File.WriteAllTextAsync(_folder.PathOf("receipt.pub"), _key.ExportSubjectPublicKeyInfoPem(), Ct);
        var path = _folder.Write("calls.csv", $"dst,start\n{Number},2024-03-12T15:00:00+01:00\n");

        var run = await AuditAsync(server, path, "--receipts", _folder.PathOf("receipts"), "--key-file", KeyFile, "--public-key", _folder.PathOf("receipt.pub"));

        Assert.Equal((6, ""), (run.ExitCode, run.Error));
        Assert.Contains("1 receipts are not signed and were left out", run.Output, StringComparison.Ordinal);
        Assert.Contains(",never checked,", (await File.ReadAllLinesAsync(path + ".findings.csv", Ct))[1], StringComparison.Ordinal);
    }

    [Fact]
    public void Index_OfRandomReceipts_FindsWhatASearchThroughAllFinds()
    {
        var seed = Environment.TickCount;
        var random = new Random(seed);
        Receipt[] receipts = [.. Enumerable.Range(0, 3_000).Select(_ => Of(
            $"+3161234{random.Next(40):0000}", Answer(random.Next(-40_000, 0) / 10.0, (Verdict)random.Next(1, 5)) with { AgeMs = (uint)random.Next(500) })).OrderBy(r => r.Time)];
        WriteReceipts("receipts", receipts);
        var matching = new ReceiptMatching(60_000, 1_000, 500);
        var index = new ReceiptIndex(Samples.Question(), _cipher, matching);
        index.Add(new ReceiptFolder(_folder.PathOf("receipts")), ulong.MaxValue, _ => { }, Ct);
        index.Complete();
        Assert.Equal(receipts.Length, index.Answers);

        for (var i = 0; i < 2_000; i++)
        {
            var number = $"+3161234{random.Next(45):0000}";
            var at = receipts[0].Time + random.Next(0, 4_100_000);
            Assert.True(Expected(number, at) == index.Find("acme", ulong.Parse(number[1..], System.Globalization.CultureInfo.InvariantCulture), at).State, $"seed {seed}, {number} at {at}");
        }

        CheckState Expected(string number, long at)
        {
            var of = receipts.Where(r => r.Number == Pseudonym(number) && r.Time <= at + 1_000 && r.Time >= at - 60_000).ToList();
            var last = of.LastOrDefault(r => r.Verdict == Verdict.Allow && r.Time >= at - 1_000) ?? of.LastOrDefault();
            return last is null ? CheckState.NeverChecked
                : last.Verdict != Verdict.Allow ? CheckState.AgainstAnswer
                : at - 1_000 > last.Time - last.AgeMs + 500 ? CheckState.AnswerExpired
                : CheckState.Checked;
        }
    }

    private static Receipt Answer(double seconds, Verdict verdict = Verdict.Allow) => new()
    {
        Time = Called.AddSeconds(seconds).ToUnixTimeMilliseconds(),
        CallTime = Called.AddSeconds(seconds).ToUnixTimeMilliseconds(),
        Verdict = verdict,
        Organisation = "acme",
        Purpose = Core.Purpose.Commercial,
        CallKind = Core.CallKind.Marketing,
    };

    private NumberPseudonym Pseudonym(string number)
    {
        Assert.True(PhoneNumber.TryParse(number, out var parsed, out _));
        return _cipher.Encrypt(parsed);
    }

    private Receipt Of(string number, Receipt receipt) => receipt with { Number = receipt.Kind == ReceiptKind.List ? default : Pseudonym(number) };

    private Dictionary<Receipt, string> WriteReceipts(string folder, IEnumerable<Receipt> receipts)
    {
        using var log = ReceiptLog.Open(_folder.PathOf(folder), _key, TimeProvider.System, 8_192);
        var ids = new Dictionary<Receipt, string>();
        foreach (var receipt in receipts)
        {
            ids[receipt] = $"{Convert.ToHexStringLower(log.LogId)}-{log.Append(ReceiptFormat.Write(receipt))}";
        }

        return ids;
    }

    private static Task<CliRun> AuditAsync(LookupServer server, string path, params string[] options) => CliRun.Async(
        ["audit", path, "--column", "dst", "--time", "start", "--org", "acme", "--purpose", "commercial", "--address", server.Host.GrpcAddress.ToString(), .. options]);

    // Every number has consented, so only the receipts are to answer for.
    private static async Task<LookupServer> StartAsync(params string[] numbers)
    {
        var store = await LookupServer.EmbeddedAsync();
        await using (var before = await LookupServer.StartAsync(store, clock: new ShiftedClock(Called.AddDays(-10)), ownsStore: false))
        {
            await before.Facts.RecordFactsAsync(Samples.Record(numbers.Select(number =>
            {
                var fact = Samples.Consent(number);
                fact.Consent.Captured = Timestamp.FromDateTimeOffset(Called.AddDays(-20));
                return fact;
            })), cancellationToken: Ct);
        }

        return await LookupServer.StartAsync(store, clock: new ShiftedClock(Called.AddDays(2)));
    }
}
