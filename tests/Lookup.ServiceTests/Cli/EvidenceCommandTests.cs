using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Google.Protobuf.WellKnownTypes;
using Lookup.V1;

namespace Lookup.ServiceTests.Cli;

/// <summary>lookup evidence verify, lookup preview --missing-evidence, and what doctor says of certificates.</summary>
public sealed class EvidenceCommandTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Verify_FilesOfEveryKind_AreToldApart()
    {
        var data = await _folder.StoreAsync();
        Directory.CreateDirectory(_folder.PathOf("rec/b"));
        _folder.Write("rec/1.wav", "one");
        _folder.Write("rec/2.wav", "two, changed");
        _folder.Write("rec/3.wav", "three");
        _folder.Write("rec/4.wav", "four");
        _folder.Write("rec/b/1.wav", "another one");
        var rows = new[]
        {
            ("rec/1.wav", Hash("one")), ("b\\1.wav", Hash("another one").ToUpperInvariant()), ("https://recordings.example/2", Hash("two")), ("3", ""), ("nowhere.wav", Hash("x")),
        };
        await ImportAsync(data, rows.Select((row, i) => $"+3161234{i + 2000:0000},commercial,2026-01-01T10:00:00Z,{row.Item1},{row.Item2},,"));

        var same = await VerifyAsync(data, _folder.PathOf("rec/1.wav"), _folder.PathOf("rec/b"));
        Assert.Equal((0, ""), (same.ExitCode, same.Error));
        Assert.StartsWith("2 files: 2 as recorded.", same.Output, StringComparison.Ordinal);

        var all = await VerifyAsync(data, _folder.PathOf("rec"), _folder.PathOf("gone.wav"), "--json");
        Assert.Equal((8, ""), (all.ExitCode, all.Error));
        var lines = all.Output.Trim().Split('\n').Select(line => JsonNode.Parse(line)!.AsObject()).ToList();
        Assert.Equal(
            ["1.wav same", "1.wav same", "2.wav different", "3.wav without_hash", "4.wav not_recorded", "gone.wav missing"],
            lines[..^1].Select(line => $"{Path.GetFileName((string)line["file"]!)} {line["result"]}").Order(StringComparer.Ordinal));
        Assert.Equal("""{"same":2,"without_hash":1,"not_recorded":1,"missing":1,"different":1}""", lines[^1]["counts"]!.ToJsonString());
        var other = lines.Single(line => (string?)line["result"] == "different");
        Assert.Equal(("+31612342002", Hash("two"), Hash("two, changed")), ((string)other["number"]!, (string)other["recorded_sha256"]!, (string)other["sha256"]!));

        var told = await VerifyAsync(data, _folder.PathOf("rec/2.wav"));
        Assert.Contains($"its SHA-256 is {Hash("two, changed")}, but the consent of +31612342002 captured 2026-01-01 10:00:00Z has {Hash("two")}.", told.Output, StringComparison.Ordinal);
        foreach (var name in new[] { "rec/3.wav", "rec/4.wav", "gone.wav" })
        {
            Assert.Equal(3, (await VerifyAsync(data, _folder.PathOf(name))).ExitCode);
        }
    }

    [Fact]
    public async Task Doctor_CertificatesToBeClaimed_AreAWarningUntilTheyAreClaimed()
    {
        var data = await _folder.StoreAsync();
        var soon = DateTimeOffset.UtcNow.AddDays(20).ToString("yyyy-MM-dd'T'HH:mm:ss'Z'");
        string[] rows =
        [
            $"+31612343001,commercial|survey,2026-01-01T10:00:00Z,cert-1,,{soon},",
            $"+31612343002,commercial,2026-01-01T10:00:00Z,cert-2,,{DateTimeOffset.UtcNow.AddDays(31):yyyy-MM-dd'T'HH:mm:ss'Z'},",
            "+31612343003,commercial,2026-01-01T10:00:00Z,cert-3,,2026-02-01T10:00:00Z,",
            "+31612343004,commercial,2026-01-01T10:00:00Z,cert-4,,2026-02-01T10:00:00Z,2026-01-05T10:00:00Z",
        ];
        await ImportAsync(data, rows);
        var before = await FindingAsync(data);
        Assert.Equal("warn", (string?)before["level"]);
        Assert.StartsWith($"2 certificates of consents must be claimed within 30 days, the first by {soon[..10]} {soon[11..16]}Z. 1 certificates of consents were not claimed", (string?)before["what"], StringComparison.Ordinal);

        await ImportAsync(data, rows.Take(3).Select(row => row.TrimEnd(',') + ",2026-01-06T10:00:00Z"));
        Assert.Equal("ok", (string?)(await FindingAsync(data))["level"]);
        // The first file again changes nothing.
        await ImportAsync(data, rows);
        Assert.Equal("ok", (string?)(await FindingAsync(data))["level"]);
    }

    [Fact]
    public async Task Preview_MissingEvidence_ListsWhatDependsOnAConsentWithoutIt()
    {
        // The service is on an afternoon of 2024; the tool compares claims with the clock of this machine.
        await using var server = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync());
        var now = ShiftedClock.Afternoon;
        var (soon, past) = (Timestamp.FromDateTimeOffset(DateTimeOffset.UtcNow.AddDays(3)), Timestamp.FromDateTimeOffset(now.AddDays(-3)));
        Fact[] facts =
        [
            Consent("+31612344001", null), Consent("+31612344002", new Evidence { Reference = "=cert,2", ClaimBy = soon }), Consent("+31612344003", new Evidence { Reference = "cert-3", ClaimBy = past }),
            Consent("+31612344004", new Evidence { Reference = "cert-4", ClaimBy = past, Claimed = past }), Consent("+31612344005", new Evidence { Reference = "rec-5" }),
            // An objection forbids the call whatever the consent; a newer consent replaces the one with evidence.
            Consent("+31612344006", null), Samples.Objection("+31612344006"), Consent("+31612344007", null), Consent("+31612344007", new Evidence { Reference = "rec-7" }, days: 20),
        ];
        await server.Facts.RecordFactsAsync(Samples.Record(facts), cancellationToken: TestContext.Current.CancellationToken);
        var list = _folder.Write("list.csv", "phone\n" + string.Concat(Enumerable.Range(1, 8).Select(i => $"+3161234400{i}\n")) + "none\n");

        var run = await CliRun.Async(
            "preview", list, "--missing-evidence", _folder.PathOf("missing.csv"), "--org", "acme", "--purpose", "commercial", "--address", server.Host.GrpcAddress.ToString(), "--json");
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        var lines = await File.ReadAllLinesAsync(_folder.PathOf("missing.csv"), TestContext.Current.CancellationToken);
        var captured = facts[0].Consent.Captured.ToDateTime().ToString("yyyy-MM-dd'T'HH:mm:ss'Z'");
        Assert.Equal(
            [
                "line,number,evidence,reference,captured,claim_by", $"2,+31612344001,none,,{captured},",
                $"3,+31612344002,to_claim,\"'=cert,2\",{captured},{soon.ToDateTime():yyyy-MM-dd'T'HH:mm:ss'Z'}",
                $"4,+31612344003,not_claimed,cert-3,{captured},{past.ToDateTime():yyyy-MM-dd'T'HH:mm:ss'Z'}",
                $"8,+31612344007,none,,{captured},",
            ],
            lines);
        Assert.Equal(("2", "1", "1"), (Count("none"), Count("to_claim"), Count("not_claimed")));

        string Count(string name) => JsonNode.Parse(run.Output)!["missing_evidence"]![name]!.ToJsonString();

        Fact Consent(string number, Evidence? evidence, int days = 10)
        {
            var fact = Samples.Consent(number);
            fact.Consent.Captured = Timestamp.FromDateTimeOffset(now.AddDays(-days));
            (fact.Consent.Expires, fact.Consent.Evidence) = (null, evidence);
            return fact;
        }
    }

    [Fact]
    public async Task Preview_MissingEvidenceOfASample_IsRefused()
    {
        var run = await CliRun.Async(
            "preview", _folder.Write("list.csv", "phone\n"), "--missing-evidence", "x.csv", "--sample", "10", "--org", "acme", "--purpose", "commercial", "--address", "http://127.0.0.1:1");
        Assert.Equal(2, run.ExitCode);
        Assert.StartsWith("lookup: --missing-evidence lists the numbers of the whole list: leave out --sample.", run.Error, StringComparison.Ordinal);
    }

    private async Task ImportAsync(string data, IEnumerable<string> rows)
    {
        var file = _folder.Write("consents.csv", "number,purposes,since,evidence,evidence_sha256,evidence_claim_by,evidence_claimed\n" + string.Join('\n', rows) + "\n");
        var import = await CliRun.Async("import", file, "--set", "kind=consent", "--set", "organisation=acme", "--data", data);
        Assert.True(import.ExitCode == 0, import.Error);
    }

    private static Task<CliRun> VerifyAsync(string data, params string[] arguments) => CliRun.Async(["evidence", "verify", .. arguments, "--data", data]);

    private static async Task<JsonNode> FindingAsync(string data)
    {
        var run = await CliRun.Async("doctor", "--data", data, "--json");
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        return JsonNode.Parse(run.Output)!["findings"]!.AsArray().Single(finding => (string?)finding!["name"] == "evidence")!;
    }

    private static string Hash(string content) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(content)));
}
