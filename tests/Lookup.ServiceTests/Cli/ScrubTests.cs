using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Lookup.V1;

namespace Lookup.ServiceTests.Cli;

/// <summary>lookup scrub against a service whose answers are known.</summary>
public sealed class ScrubTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly ListScript _script = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Csv_WithEverythingThatFilesHave_KeepsEveryLineAsItWas()
    {
        // A mark, CRLF, quotes, a line break inside quotes, Latin-1, blank lines, no end of the last line.
        var path = _folder.Write("leads.csv", [
            .. Encoding.UTF8.Preamble,
            .. Encoding.Latin1.GetBytes(
                "id,name,Phone\r\n" +
                "1,\"Jansen, \"\"Piet\"\"\",+31612345670\r\n" +
                "\r\n" +
                "2,\"two\r\nlines\",\"+31 6 1234 5671\"\r\n" +
                "3,Ren\u00e9,+31612345675\r\n" +
                "   \n" +
                "4,,+31612345678\r\n" +
                "5,x,+31612345679\n" +
                "6,x,0612345678\r\n" +
                "7,x\r\n" +
                "8,\"x,+31612345670\r\n" +
                "9,x,call me\r\n" +
                "10,x,+31612345677")]);

        var run = await ScrubAsync(path);

        Assert.Equal((3, ""), (run.ExitCode, run.Error));
        const string Header = "\u00ef\u00bb\u00bfid,name,Phone,verdict,reason,e164\r\n";
        Assert.Equal(
            Header + "1,\"Jansen, \"\"Piet\"\"\",+31612345670,allow,consent,+31612345670\r\n" +
            "2,\"two\r\nlines\",\"+31 6 1234 5671\",allow,consent,+31612345671\r\n",
            Latin1("allowed.csv"));
        Assert.Equal(
            Header + "3,Ren\u00e9,+31612345675,deny,objection,+31612345675\r\n10,x,+31612345677,deny,registered,+31612345677\r\n", Latin1("denied.csv"));
        Assert.Equal(
            Header + "4,,+31612345678,not_covered,no_regime,+31612345678\r\n5,x,+31612345679,unknown,history_cut,+31612345679\n", Latin1("unknown.csv"));
        Assert.Equal(
            """
            line,column,reason,content
            10,Phone,Not an international phone number: add + and the country calling code or state the region,"6,x,0612345678"
            11,,the line does not have 3 columns like the first line,"7,x"
            12,,"a quote is not closed, or text follows a closing quote: double a quote that is part of a value","8,""x,+31612345670"
            13,Phone,"Not a phone number: contains letters; write digits only, without an extension","9,x,call me"

            """,
            Latin1("invalid.csv"));
    }

    [Fact]
    public async Task Manifest_OfFinishedScrub_SaysWhatWasAskedAndWhatCameOfIt()
    {
        var path = Plain("leads.txt", 20_000);

        var run = await ScrubAsync(path, "--json", "--token", "t1");

        var manifest = JsonNode.Parse(await File.ReadAllTextAsync(Out("manifest.json"), TestContext.Current.CancellationToken))!;
        Assert.Equal(Sha256(path), manifest["input"]!["sha256"]!.GetValue<string>());
        Assert.Equal(new FileInfo(path).Length, manifest["input"]!["bytes"]!.GetValue<long>());
        Assert.Equal(20_000, manifest["input"]!["records"]!.GetValue<long>());
        foreach (var output in manifest["outputs"]!.AsObject())
        {
            var file = Out(output.Value!["file"]!.GetValue<string>());
            Assert.Equal(Sha256(file), output.Value["sha256"]!.GetValue<string>());
            Assert.Equal(new FileInfo(file).Length, output.Value["bytes"]!.GetValue<long>());
            Assert.Equal(File.ReadLines(file).Count() - (output.Key == "invalid" ? 1 : 0), output.Value["lines"]!.GetValue<long>());
        }

        Assert.Equal("""{"allow":{"consent":8000},"deny":{"objection":6000,"registered":2000},"not_covered":{"no_regime":2000},"unknown":{"history_cut":2000}}""", manifest["counts"]!.ToJsonString());
        Assert.Equal(ListScript.Rule, Assert.Single(manifest["basis"]!["rules"]!.AsArray())!.GetValue<string>());
        Assert.Equal("token-3", manifest["basis"]!["consistency_token"]!.GetValue<string>());
        Assert.Equal(40, manifest["basis"]!["max_age_ms"]!.GetValue<double>());
        Assert.Equal("acme", manifest["asked"]!["question"]!["question"]!["organisation"]!.GetValue<string>());
        Assert.Equal("t1", Assert.Single(_script.Opened).Consistency.AtLeastAsFresh);
        Assert.StartsWith("lookup ", manifest["tool"]!.GetValue<string>(), StringComparison.Ordinal);
        Assert.True(manifest["ended"]!.GetValue<DateTimeOffset>() >= manifest["began"]!.GetValue<DateTimeOffset>());
        Assert.Equal(manifest["counts"]!.ToJsonString(), JsonNode.Parse(run.Output)!["counts"]!.ToJsonString());
        Assert.Equal(["allowed.txt", "denied.txt", "invalid.csv", "manifest.json", "unknown.txt"], Names());
    }

    [Fact]
    public async Task Allow_WithAFurtherReason_IsAWarningOfTheSummaryAndTheManifest()
    {
        const string Warning = "product_group_not_named: Name the group.";
        var script = new ListScript { Further = [ReasonCode.ProductGroupNotNamed] };

        var run = await ScrubAsync(script, Plain("leads.txt", 20_000));

        Assert.Contains("warning: " + Warning, run.Output, StringComparison.Ordinal);
        var manifest = JsonNode.Parse(await File.ReadAllTextAsync(Out("manifest.json"), TestContext.Current.CancellationToken))!;
        Assert.Equal(Warning, Assert.Single(manifest["basis"]!["warnings"]!.AsArray())!.GetValue<string>());
    }

    [Fact]
    public async Task Ndjson_Lines_GetAMemberAndStayJson()
    {
        var path = _folder.Write("leads.ndjson",
            """
            {"id":1,"contact":{"phone":"+31612345670"}}
            {"id":2,"contact":{"phone":"+31612345674"},"lookup":{"verdict":"unknown"}} 

            {"id":3}
            not json
            """);

        var run = await ScrubAsync(path);

        Assert.Equal((3, ""), (run.ExitCode, run.Error));
        Assert.Equal(
            """{"id":1,"contact":{"phone":"+31612345670"},"lookup":{"verdict":"allow","reason":"consent","e164":"+31612345670"}}""" + "\n", Latin1("allowed.ndjson"));
        Assert.Equal(
            """{"id":2,"contact":{"phone":"+31612345674"},"lookup":{"verdict":"unknown"},"lookup_2":{"verdict":"deny","reason":"objection","e164":"+31612345674"}}""" + "\n",
            Latin1("denied.ndjson"));
        Assert.Equal(
            "line,column,reason,content\n4,contact.phone,the object has no member 'contact.phone',\"{\"\"id\"\":3}\"\n5,,the line is not a JSON object,not json\n",
            Latin1("invalid.csv"));
    }

    [Fact]
    public async Task Outputs_AreAListAgain_WithOtherColumnNames()
    {
        var path = _folder.Write("leads.csv", "phone,id\n+31612345679,1\n");
        await ScrubAsync(path);

        await using var service = await ScriptedService.StartAsync(_script.Script);
        var run = await CliRun.Async(
            "scrub", Out("unknown.csv"), "--out-dir", _folder.PathOf("again"), "--org", "acme", "--purpose", "commercial", "--address", service.Address, "--column", "phone");

        Assert.Equal(3, run.ExitCode);
        Assert.Equal(
            "phone,id,verdict,reason,e164,verdict_2,reason_2,e164_2\n+31612345679,1,unknown,history_cut,+31612345679,unknown,history_cut,+31612345679\n",
            await File.ReadAllTextAsync(_folder.PathOf("again/unknown.csv"), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Verdicts_OfALaterVersion_PermitNothing()
    {
        var script = new ListScript
        {
            Answer = number => (number % 10) switch
            {
                0 => (Verdict.Unspecified, ReasonCode.Consent),
                1 => ((Verdict)9, ReasonCode.Consent),
                2 => (Verdict.Unknown, (ReasonCode)999),
                _ => (Verdict.Allow, (ReasonCode)998),
            },
        };

        var run = await ScrubAsync(script, Plain("leads.txt", 4));

        Assert.Equal(3, run.ExitCode);
        Assert.Equal("+31650000003,allow,998,+31650000003\n", Latin1("allowed.txt"));
        Assert.Equal(
            "+31650000000,unspecified,consent,+31650000000\n+31650000001,9,consent,+31650000001\n+31650000002,unknown,999,+31650000002\n", Latin1("unknown.txt"));
    }

    [Fact]
    public async Task Number_RefusedByTheService_IsInvalid()
    {
        var script = new ListScript { Answer = _ => (Verdict.Unknown, ReasonCode.InvalidNumber) };

        var run = await ScrubAsync(script, Plain("leads.txt", 1));

        Assert.Equal(3, run.ExitCode);
        Assert.Equal("line,column,reason,content\n1,1,the service rejected the number as invalid,+31650000000\n", Latin1("invalid.csv"));
        Assert.Equal("", Latin1("unknown.txt"));
    }

    [Theory]
    [InlineData("--gzip", "true", "leads.csv")]
    [InlineData("--no-columns", null, "leads.csv.gz")]
    public async Task Gzip_InAndOut_HoldsTheSameLines(string option, string? value, string name)
    {
        var plain = _folder.Write("plain.csv", "phone\n" + Numbers(30_000));
        var path = name == "leads.csv" ? _folder.Write(name, await File.ReadAllBytesAsync(plain, TestContext.Current.CancellationToken)) : Gzip(name, "phone\n" + Numbers(30_000));
        await ScrubAsync(plain, option == "--no-columns" ? [option] : []);
        var expected = ReadOutputs(path => path.EndsWith(".csv", StringComparison.Ordinal) ? File.ReadAllText(path) : "");
        Directory.Delete(_folder.PathOf("out"), recursive: true);

        var run = await ScrubAsync(path, value is null ? [option] : [option, value]);

        Assert.Equal((3, ""), (run.ExitCode, run.Error));
        Assert.Equal(["allowed.csv.gz", "denied.csv.gz", "invalid.csv.gz", "manifest.json", "unknown.csv.gz"], Names());
        Assert.Equal(expected.Values, ReadOutputs(Gunzip).Values);
        Assert.Equal(
            Sha256(path), JsonNode.Parse(await File.ReadAllTextAsync(Out("manifest.json"), TestContext.Current.CancellationToken))!["input"]!["sha256"]!.GetValue<string>());
    }

    [Fact]
    public async Task Gzip_CutOff_IsAnErrorAndNoFinishedScrub()
    {
        var path = Gzip("leads.txt.gz", Numbers(200_000));
        var bytes = await File.ReadAllBytesAsync(path, TestContext.Current.CancellationToken);
        await File.WriteAllBytesAsync(path, bytes[..(bytes.Length * 3 / 4)], TestContext.Current.CancellationToken);

        var run = await ScrubAsync(path);

        Assert.Equal(1, run.ExitCode);
        Assert.Matches("^lookup: leads.txt.gz is truncated or damaged after line [0-9]+: get a new copy of the file.\n$", run.Error);
        Assert.False(File.Exists(Out("manifest.json")));
    }

    [Fact]
    public async Task LinesOfAMegabyte_AreTaken_AndLongerOnesAreInvalid()
    {
        var path = _folder.Write("leads.csv", $"phone,note\n+31612345670,{new string('x', 1_000_000)}\n+31612345671,{new string('y', 2_000_000)}\n+31612345672,z\n");

        var run = await ScrubAsync(path);

        Assert.Equal((3, ""), (run.ExitCode, run.Error));
        var allowed = await File.ReadAllLinesAsync(Out("allowed.csv"), TestContext.Current.CancellationToken);
        Assert.Equal([30, 1_000_040, 41], allowed.Select(line => line.Length));
        Assert.StartsWith("line,column,reason,content\n3,,the line is longer than 1048576 bytes; its beginning is shown,\"'+31612345671,yyy", Latin1("invalid.csv"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "")]
    [InlineData("phone\n", "phone,verdict,reason,e164\n")]
    public async Task List_WithoutLines_IsToldByTheExitCode(string content, string expected)
    {
        var run = await ScrubAsync(_folder.Write("leads.csv", content));

        Assert.Equal((3, "lookup: leads.csv has no lines to check."), (run.ExitCode, run.Error.TrimEnd()));
        Assert.Equal(expected, Latin1("allowed.csv"));
    }

    private async Task<CliRun> ScrubAsync(ListScript script, string path, params string[] more)
    {
        await using var service = await ScriptedService.StartAsync(script.Script);
        return await CliRun.Async(
            ["scrub", path, "--out-dir", _folder.PathOf("out"), "--org", "acme", "--purpose", "commercial", "--address", service.Address, .. more]);
    }

    private Task<CliRun> ScrubAsync(string path, params string[] more) => ScrubAsync(_script, path, more);

    private string Out(string name) => _folder.PathOf("out/" + name);

    private string Latin1(string name) => Encoding.Latin1.GetString(File.ReadAllBytes(Out(name)));

    private IEnumerable<string> Names() => Directory.EnumerateFiles(_folder.PathOf("out")).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal);

    [Fact]
    public async Task Ndjson_HalfOfASurrogatePair_CostsItsLine()
    {
        var path = _folder.Write("leads.ndjson", """{"phone":"+31650000001\ud800"}""" + "\n" + """{"phone":"+31650000002"}""" + "\n");

        var run = await ScrubAsync(path);

        Assert.Equal((3, ""), (run.ExitCode, run.Error));
        Assert.Contains("the line is not a JSON object", await File.ReadAllTextAsync(Out("invalid.csv"), TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    private SortedDictionary<string, string> ReadOutputs(Func<string, string> read) =>
        new(Names().Where(name => name != "manifest.json").ToDictionary(name => name, name => read(Out(name))), StringComparer.Ordinal);

    private string Plain(string name, int count) => _folder.Write(name, Numbers(count));

    private static string Numbers(int count) => string.Concat(Enumerable.Range(0, count).Select(i => $"+3165{i:D7}\n"));

    private string Gzip(string name, string content)
    {
        using var bytes = new MemoryStream();
        using (var gzip = new GZipStream(bytes, CompressionLevel.Fastest))
        {
            gzip.Write(Encoding.UTF8.GetBytes(content));
        }

        return _folder.Write(name, bytes.ToArray());
    }

    private static string Gunzip(string path)
    {
        using var reader = new StreamReader(new GZipStream(File.OpenRead(path), CompressionMode.Decompress));
        return reader.ReadToEnd();
    }

    private static string Sha256(string path) => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path)));
}
