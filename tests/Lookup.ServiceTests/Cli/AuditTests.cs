using System.Text.Json.Nodes;
using Google.Protobuf.WellKnownTypes;
using Lookup.V1;

namespace Lookup.ServiceTests.Cli;

/// <summary>lookup audit: each call is decided at its own time, on what was on record then and on what is on record now.</summary>
public sealed class AuditTests : IDisposable
{
    private const string Consented = "+31612340001";
    private const string Unknown = "+31612340002";
    private const string ConsentedLate = "+31612340003";
    private const string ObjectedLate = "+31612340004";
    private const string Objected = "+31612340005";
    private const string WithdrawnAfter = "+31612340006";

    // A Tuesday, 15:00 in Amsterdam.
    private static readonly DateTimeOffset Called = new(2024, 3, 12, 14, 0, 0, TimeSpan.Zero);

    private readonly TempFolder _folder = new();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Calls_WithFactsRecordedBeforeAndAfter_AreSortedByWhatWasKnown()
    {
        await using var server = await RecordAsync();
        var path = _folder.Write(
            "calls.csv",
            "campaign,dst,started\n" +
            $"spring,{Consented},2024-03-12 15:00:00\n" +
            $"spring,{Unknown},2024-03-12 15:00:00\n" +
            $"spring,{ConsentedLate},2024-03-12 15:00:00\n" +
            $"winter,{ObjectedLate},2024-03-12 15:00:00\n" +
            $"winter,{Objected},2024-03-12 15:00:00\n" +
            $"winter,{WithdrawnAfter},2024-03-12 15:00:00\n" +
            $"spring,{Consented},2024-03-12 03:00:00\n" +
            $"spring,{Consented},1710252000\n" +
            $"spring,call me,2024-03-12 15:00:00\n" +
            $"spring,{Consented},2024-03-12\n" +
            $"spring,{Consented},2099-03-12 15:00:00\n" +
            $"spring,{Consented}\n");

        var run = await AuditAsync(server, path, "--column", "dst", "--time", "started", "--by", "campaign", "--json");

        Assert.Equal((6, ""), (run.ExitCode, run.Error));
        var json = JsonNode.Parse(run.Output)!;
        Assert.Equal((8, 0, 4), (json["calls"]!.GetValue<int>(), json["not_placed"]!.GetValue<int>(), json["not_audited"]!.GetValue<int>()));
        Assert.Equal(
            """{"permitted":3,"not_permitted":3,"permitted_by_later_record":1,"forbidden_by_later_record":1,"undecided":0}""",
            json["findings"]!.ToJsonString());
        // The late objection takes effect before the call and was recorded after it.
        var late = json["by"]!["campaign"]!["winter"]!["late_records"]!;
        Assert.Equal((1, late.ToJsonString()), (late["calls"]!.GetValue<int>(), json["late_records"]!.ToJsonString()));
        json["by"]!["campaign"]!["winter"]!.AsObject().Remove("late_records");
        Assert.Equal(
            """{"campaign":{"spring":{"calls":5,"to_answer_for":3},"winter":{"calls":3,"to_answer_for":2}}}""", json["by"]!.ToJsonString());
        var findings = await File.ReadAllLinesAsync(path + ".findings.csv", Ct);
        Assert.Equal("line,number,called,finding,reason,layer,article,text,then,now,effective,recorded,delay_hours,campaign", findings[0]);
        Assert.Collection(
            findings[1..],
            line => AssertFinding(line, $"3,{Unknown},2024-03-12T14:00:00Z,not permitted,no_consent,law,Tw 11.7(2),", ",deny,deny,,,,spring"),
            line => AssertFinding(line, $"4,{ConsentedLate},2024-03-12T14:00:00Z,permitted only by what was recorded after the call,no_consent,", ",deny,allow,,,,spring"),
            line => AssertFinding(line, $"5,{ObjectedLate},2024-03-12T14:00:00Z,forbidden by what was recorded after the call,objection,", ",winter"),
            line => AssertFinding(line, $"6,{Objected},2024-03-12T14:00:00Z,not permitted,objection,", ",deny,deny,,,,winter"),
            line => AssertFinding(line, $"8,{Consented},2024-03-12T02:00:00Z,not permitted,outside_hours,", ",deny,deny,,,,spring"));
    }

    [Fact]
    public async Task Time_ThatOccursTwice_IsDecidedForBothReadings_AndTheStricterCounts()
    {
        // Clocks were set back at 03:00 +02:00. The objection takes effect between the two readings of 02:30.
        var between = new DateTimeOffset(2023, 10, 29, 1, 0, 0, TimeSpan.Zero);
        var store = await LookupServer.EmbeddedAsync();
        await using (var before = await LookupServer.StartAsync(store, clock: new ShiftedClock(between.AddDays(-9)), ownsStore: false))
        {
            await RecordAsync(before, [.. new[] { Consented, ObjectedLate }.Select(number =>
            {
                var fact = Consent(number);
                fact.Consent.Captured = Timestamp.FromDateTimeOffset(between.AddDays(-20));
                return fact;
            })]);
        }

        await using var server = await LookupServer.StartAsync(store, clock: new ShiftedClock(between.AddDays(4)));
        await RecordAsync(server, Objection(ObjectedLate, between));
        var path = _folder.Write(
            "calls.csv",
            "dst,start\n" +
            $"{Consented},2023-10-29 02:30:00\n" +
            $"{ObjectedLate},2023-10-29 02:30:00\n" +
            $"{ObjectedLate},2023-10-29T02:30:00+02:00\n" +
            $"{ObjectedLate},1698539400\n" +
            $"{ObjectedLate},2023-10-29 01:59:00\n" +
            $"{ObjectedLate},2023-10-29 03:00:00\n");

        var run = await AuditAsync(server, path, "--column", "dst", "--time", "start", "--without", "code", "--without", "policy");

        Assert.Equal((6, ""), (run.ExitCode, run.Error));
        var findings = await File.ReadAllLinesAsync(path + ".findings.csv", Ct);
        Assert.Collection(
            findings[1..],
            line => AssertFinding(line, $"3,{ObjectedLate},2023-10-29T01:30:00Z,forbidden by what was recorded after the call,objection,", ""),
            line => AssertFinding(line, $"7,{ObjectedLate},2023-10-29T02:00:00Z,forbidden by what was recorded after the call,objection,", ""));
        Assert.Contains("2 calls are at a local time that occurred twice, because clocks were set back. Both readings were decided, and the stricter one counts.", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Formats_OfDialers_AreReadAndCallsThatWereNotPlacedLeftOut()
    {
        await using var server = await RecordAsync();
        var asterisk = _folder.Write(
            "Master.csv",
            "\"\",\"200\",\"0612340001\",\"out\",\"\"\"A\"\" <200>\",\"SIP/200-1\",\"SIP/trunk-2\",\"Dial\",\"SIP/trunk/0612340001\",\"2024-03-12 15:00:00\",,\"2024-03-12 15:00:09\",9,0,\"NO ANSWER\",\"DOCUMENTATION\",\"1710252000.1\",\"\"\n" +
            "\"\",\"200\",\"0612340002\",\"out\",\"\"\"A\"\" <200>\",\"SIP/200-3\",\"\",\"Hangup\",\"21\",\"2024-03-12 15:00:00\",,\"2024-03-12 15:00:00\",0,0,\"FAILED\",\"DOCUMENTATION\",\"1710252000.2\",\"\"\n");
        var vicidial = _folder.Write(
            "vicidial_log.csv",
            "uniqueid,campaign_id,call_date,status,phone_code,phone_number,user\n" +
            "1,A,2024-03-12 15:00:00,SALE,31,612340001,6666\n" +
            "2,A,2024-03-12 15:00:00,DNCL,31,612340002,VDAD\n" +
            "3,A,2024-03-12 15:00:00,DNC,31,612340005,6666\n");

        var run = await AuditAsync(server, asterisk, "--format", "asterisk", "--region", "NL");
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Contains("Master.csv: 1 calls; 1 lines of calls that were not placed; 0 lines that could not be read.", run.Output, StringComparison.Ordinal);
        Assert.Contains("Every call was permitted.", run.Output, StringComparison.Ordinal);

        run = await AuditAsync(server, vicidial, "--format", "vicidial", "--by", "user", "--findings", _folder.PathOf("out.csv"));
        Assert.Equal((6, ""), (run.ExitCode, run.Error));
        Assert.Contains("vicidial_log.csv: 2 calls; 1 lines of calls that were not placed", run.Output, StringComparison.Ordinal);
        Assert.Equal(2, (await File.ReadAllLinesAsync(_folder.PathOf("out.csv"), Ct)).Length);
    }

    [Fact]
    public async Task Lines_WithoutAWholeNumberOrARealTime_AreCounted_AndNoCallIsSaidToBePermitted()
    {
        await using var server = await RecordAsync();
        var calls = _folder.Write(
            "vicidial_log.csv",
            "call_date,status,phone_code,phone_number\n1900-01-01 00:00:00,SALE,31,612340001\n0001-01-01 00:00:00,SALE,31,612340001\n2024-03-12 15:00:00,SALE,,612340001\n");

        var run = await AuditAsync(server, calls, "--format", "vicidial");

        Assert.Equal((3, ""), (run.ExitCode, run.Error));
        Assert.Contains("0 calls; 0 lines of calls that were not placed; 3 lines that could not be read", run.Output, StringComparison.Ordinal);
        Assert.Contains("is before 1970", run.Output, StringComparison.Ordinal);
        Assert.Contains("a part of it is missing", run.Output, StringComparison.Ordinal);
        Assert.Contains("No call was audited.", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Findings_OverTheCalls_AreRefused()
    {
        await using var server = await RecordAsync();
        var calls = _folder.Write("calls.csv", "dst,start\n+31612340001,2024-03-12 15:00:00\n");
        File.CreateSymbolicLink(_folder.PathOf("link.csv"), calls);
        foreach (var option in (string[])["--findings", "--out"])
        {
            foreach (var path in (string[])[calls, _folder.PathOf("./x/../calls.csv"), _folder.PathOf("link.csv"), Path.GetDirectoryName(calls)!])
            {
                var run = await AuditAsync(server, calls, "--column", "dst", "--time", "start", option, path);
                Assert.Equal(2, run.ExitCode);
                Assert.StartsWith($"lookup: {option} {path} is ", run.Error, StringComparison.Ordinal);
            }
        }

        Assert.StartsWith("dst,start", await File.ReadAllTextAsync(calls, Ct), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("dst,start\n1,2\n", new[] { "--column", "called", "--time", "start" }, 2, "--column: calls.csv has no column 'called'; its columns are: dst, start.")]
    [InlineData("dst,start\n1,2\n", new[] { "--column", "dst" }, 2, "Name the column of the start of the call with --time")]
    [InlineData("dst,start\n1,2\n", new[] { "--format", "cisco" }, 2, "--format 'cisco' is not valid; use asterisk, freeswitch, vicidial")]
    [InlineData("dst,start\n1,2\n", new[] { "--format", "asterisk" }, 1, "calls.csv has 2 columns, and --format asterisk has 18")]
    [InlineData("", new[] { "--column", "dst", "--time", "start" }, 1, "calls.csv is empty.")]
    [InlineData("dst,start,dst\n1,2,3\n", new[] { "--column", "dst", "--time", "start" }, 2, "--column: calls.csv has 2 columns 'dst'; rename one of them.")]
    [InlineData("dst,start,a\n1,2,3\n", new[] { "--column", "dst", "--time", "start", "--by", "a", "--by", "A" }, 2, "--by names a column twice.")]
    public async Task Mistake_OfAnyKind_IsOneSentence(string content, string[] options, int exitCode, string expected)
    {
        var path = _folder.Write("calls.csv", content);
        var run = await CliRun.Async(["audit", path, "--org", "acme", "--purpose", "commercial", "--timezone", "Europe/Amsterdam", .. options]);
        Assert.Equal(exitCode, run.ExitCode);
        Assert.Contains(expected, run.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(path + ".findings.csv"));
    }

    [Fact]
    public async Task Service_ThatDoesNotAnswer_LeavesNoFindingsThatLookComplete()
    {
        var path = _folder.Write("calls.csv", $"dst,start\n{Consented},2024-03-12T15:00:00+01:00\n");
        var run = await CliRun.Async(
            "audit", path, "--column", "dst", "--time", "start", "--org", "acme", "--purpose", "commercial", "--address", "http://127.0.0.1:1", "--wait", "0");
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("127.0.0.1:1", run.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(path + ".findings.csv"));
    }

    [Fact]
    public async Task Explain_AsKnownAtTheCall_SaysWhichFactsCameLater()
    {
        await using var server = await RecordAsync();
        var explain = (string[])["explain", ObjectedLate, "--org", "acme", "--purpose", "commercial", "--address", server.Host.GrpcAddress.ToString(), "--at", "2024-03-12T15:00:00+01:00"];

        var now = await CliRun.Async(explain);
        Assert.Contains("DENY", now.Output, StringComparison.Ordinal);

        var then = await CliRun.Async([.. explain, "--known-at", "2024-03-12T15:00:00+01:00"]);
        Assert.Contains("ALLOW", then.Output, StringComparison.Ordinal);
        Assert.Matches(@"objection to acme .*\(recorded later: not counted, recorded Thu 2024-03-14", then.Output);
        Assert.Matches(@"consent to acme .*\(in effect, recorded Sat 2024-03-02", then.Output);
    }

    private static void AssertFinding(string line, string beginning, string end)
    {
        Assert.StartsWith(beginning, line, StringComparison.Ordinal);
        Assert.EndsWith(end, line, StringComparison.Ordinal);
    }

    private static Task<CliRun> AuditAsync(LookupServer server, string path, params string[] options) => CliRun.Async(
        [options.Contains("--out") ? "report" : "audit", path, "--org", "acme", "--purpose", "commercial", "--timezone", "Europe/Amsterdam", "--address", server.Host.GrpcAddress.ToString(), .. options]);

    // Ten days before the calls, and two days after them.
    private static async Task<LookupServer> RecordAsync()
    {
        var store = await LookupServer.EmbeddedAsync();
        await using (var before = await LookupServer.StartAsync(store, clock: new ShiftedClock(Called.AddDays(-10)), ownsStore: false))
        {
            await RecordAsync(before, Consent(Consented), Consent(ObjectedLate), Consent(Objected), Consent(WithdrawnAfter), Objection(Objected, Called.AddDays(-10)));
        }

        var server = await LookupServer.StartAsync(store, clock: new ShiftedClock(Called.AddDays(2)));
        await RecordAsync(server, Consent(ConsentedLate), Objection(ObjectedLate, Called.AddDays(-1)), Objection(WithdrawnAfter, Called.AddDays(1)));
        return server;
    }

    private static async Task RecordAsync(LookupServer server, params Fact[] facts)
    {
        var recorded = await server.Facts.RecordFactsAsync(Samples.Record(facts), cancellationToken: Ct);
        Assert.All(recorded.Results, result => Assert.True(result.Outcome == FactResult.Types.Outcome.Recorded, result.ToString()));
    }

    private static Fact Consent(string number)
    {
        var fact = Samples.Consent(number);
        fact.Consent.Captured = Timestamp.FromDateTimeOffset(Called.AddDays(-20));
        return fact;
    }

    private static Fact Objection(string number, DateTimeOffset at)
    {
        var fact = Samples.Objection(number);
        fact.Effective = Timestamp.FromDateTimeOffset(at);
        return fact;
    }
}
