using System.Collections.Concurrent;
using System.Diagnostics;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Grpc.Core;
using Lookup.V1;

namespace Lookup.EndToEndTests.Cli;

/// <summary>What lookup scrub refuses, and what it does when the service or the disk is in trouble.</summary>
public sealed class ScrubFaultTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("a.csv", "id,phone,mobile\n1,+31612345670,+31612345671\n", "a.csv: the columns 2 'phone' and 3 'mobile' hold numbers: select one with --column.")]
    [InlineData("a.csv", "x,y\n+31612345670,+31612345671\n+31612345670,+31612345671\n", "a.csv: the columns 1 'x' and 2 'y' hold numbers: select one with --column.")]
    [InlineData("a.csv", "name;city\nJan;Delft\n", "a.csv: no column clearly holds the number: select it with --column; the columns are 1 'name', 2 'city'.")]
    [InlineData("a.csv", "name,phone\nJan,0612345678\nPiet,0612345679\n", "a.csv: no column holds numbers in international form; for national numbers set --region, and select the column with --column; the columns are 1 'name', 2 'phone'.")]
    [InlineData("a.txt", "0612345678\n0612345679\n", "a.txt: no column holds numbers in international form; for national numbers set --region,")]
    [InlineData("a.ndjson", "{\"a\":\"+31612345670\",\"b\":\"+31612345671\"}", "a.ndjson: the columns 1 'a' and 2 'b' hold numbers: select one with --column.")]
    public async Task List_WithoutOneClearColumn_IsAskedBack(string name, string content, string expected)
    {
        var run = await CliRun.Async(Command(_folder.Write(name, content), "http://127.0.0.1:1"));

        Assert.Equal(2, run.ExitCode);
        Assert.StartsWith("lookup: " + expected, run.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_folder.PathOf("out")));
    }

    [Theory]
    [InlineData("id,phone\n1,+31612345670\n", "--column nr", "has no column 'nr'; the columns are 1 'id', 2 'phone'")]
    [InlineData("id,phone\n1,+31612345670\n", "--column 3", "has no column '3'")]
    [InlineData("phone,Phone\n1,+31612345670\n", "--column phone", "the columns 1 and 2 are both named 'phone'")]
    [InlineData("+31612345670\n", "--region XX", "--region 'XX' is not a two-letter ISO 3166 code; write it like NL.")]
    [InlineData("+31612345670\n", "--retry 21", "--retry 21 is out of range: 0 to 20.")]
    [InlineData("+31612345670\n", "--wait -1", "--wait -1 is out of range: 0 to 86400 seconds.")]
    [InlineData("+31612345670\n", "--header --no-header", "--header and --no-header exclude each other: drop one.")]
    [InlineData("{\"phone\":\"+31612345670\"}\n", "--header", "--header and --no-header apply only to CSV, but a.csv is read as NDJSON")]
    [InlineData("{\"phone\":\"+31612345670\"}\n", "--column a..b", "--column 'a..b' is not a member path; write it like 'phone' or 'contact.phone'.")]
    public async Task Option_ThatDoesNotFit_IsRefused(string content, string options, string expected)
    {
        var run = await CliRun.Async([.. Command(_folder.Write("a.csv", content), "http://127.0.0.1:1"), .. options.Split(' ')]);

        Assert.Equal(2, run.ExitCode);
        Assert.Contains(expected, run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("phone,id\n+31612345670,+31612345671\n", "--column 2", "allowed.csv", "+31612345671\n")]
    [InlineData("id\tphone\n12345\t+31612345670\n", "", "allowed.csv", "\tallow\tconsent\t+31612345670\n")]
    [InlineData("+31612345670;a,b;x\n+31612345671;c,d;x\n", "", "allowed.csv", "+31612345670;a,b;x;allow;consent;+31612345670\n+31612345671;c,d;x;allow;consent;+31612345671\n")]
    [InlineData("6,0612345670\n7,0612345671\n", "--region nl", "allowed.csv", "6,0612345670,allow,consent,+31612345670\n7,0612345671,allow,consent,+31612345671\n")]
    [InlineData("phone\n+31612345670\n", "--no-columns", "allowed.csv", "phone\n+31612345670\n")]
    [InlineData("phone\n+31612345670\n", "--no-header", "invalid.csv", "1,1,\"Not a phone number: contains letters; write digits only, without an extension\",phone\n")]
    [InlineData("phone\n+31612345670\n", "--at 2024-03-12T14:00:00+01:00", "allowed.what-if.csv", "+31612345670,allow,consent,+31612345670\n")]
    public async Task List_Read_AsOptionsOrContentSay(string content, string options, string output, string expected)
    {
        await using var service = await ScriptedService.StartAsync(new ListScript().Script);

        var run = await CliRun.Async([.. Command(_folder.Write("a.csv", content), service.Address), .. options.Split(' ', StringSplitOptions.RemoveEmptyEntries)]);

        Assert.Equal("", run.Error);
        Assert.EndsWith(expected, await File.ReadAllTextAsync(_folder.PathOf("out/" + output), TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Folder_WithAFinishedScrub_IsNotWrittenOver()
    {
        var path = _folder.Write("a.csv", "phone\n+31612345670\n");
        await using var service = await ScriptedService.StartAsync(new ListScript().Script);
        await CliRun.Async(Command(path, service.Address));
        var before = await File.ReadAllTextAsync(_folder.PathOf("out/manifest.json"), TestContext.Current.CancellationToken);

        var again = await CliRun.Async(Command(path, service.Address));
        var kept = await File.ReadAllTextAsync(_folder.PathOf("out/manifest.json"), TestContext.Current.CancellationToken);
        var restarted = await CliRun.Async([.. Command(path, service.Address), "--restart"]);

        Assert.Equal((1, $"lookup: '{_folder.PathOf("out")}' contains a finished scrub: choose another folder, or overwrite it with --restart.\n"), (again.ExitCode, again.Error));
        Assert.Equal(before, kept);
        Assert.Equal((0, ""), (restarted.ExitCode, restarted.Error));
    }

    [Fact]
    public async Task Folder_WithAForeignFile_IsNotWrittenOver()
    {
        Directory.CreateDirectory(_folder.PathOf("out"));
        _folder.Write("out/denied.csv", "mine");

        var run = await CliRun.Async(Command(_folder.Write("a.csv", "+31612345670\n"), "http://127.0.0.1:1"));

        Assert.Equal(1, run.ExitCode);
        Assert.Contains("denied.csv' already exists", run.Error, StringComparison.Ordinal);
        Assert.Equal("mine", await File.ReadAllTextAsync(_folder.PathOf("out/denied.csv"), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Folder_ThatCannotBeMade_IsOneSentence()
    {
        var path = _folder.Write("a.csv", "+31612345670\n");

        var run = await CliRun.Async("scrub", path, "--out-dir", path + "/out", "--org", "acme", "--purpose", "commercial", "--address", "http://127.0.0.1:1");

        Assert.Equal(1, run.ExitCode);
        Assert.StartsWith($"lookup: Folder '{path}/out' cannot be created: ", run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("size=16m,ro", "is not writable")]
    [InlineData("size=3m", "No space left on device")]
    public async Task Disk_ReadOnlyOrFull_IsAnErrorAndNoFinishedScrub(string options, string expected)
    {
        Programs.Require("unshare", "sh", "mount", "ls");
        Assert.SkipUnless(CanMount(), "The right to mount is missing.");
        var path = _folder.Write("a.txt", ListScript.Numbers(200_000));
        var disk = Directory.CreateDirectory(_folder.PathOf("disk")).FullName;
        await using var service = await ScriptedService.StartAsync(new ListScript().Script);
        var command = string.Join(' ', Command(path, service.Address, disk).Select(argument => $"'{argument}'"));

        using var process = Process.Start(new ProcessStartInfo(
            "unshare", ["-rm", "sh", "-c", $"mount -t tmpfs -o {options} tmpfs '{disk}' && '{Path.Combine(AppContext.BaseDirectory, "lookup")}' {command}; code=$?; ls '{disk}'; exit $code"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var error = await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);

        Assert.Equal(1, process.ExitCode);
        Assert.Contains(expected, error, StringComparison.Ordinal);
        Assert.DoesNotContain("manifest.json", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ReasonCode.StoreUnavailable)]
    [InlineData(ReasonCode.NotFresh)]
    public async Task Store_AwayForAMoment_IsAskedAgain(ReasonCode trouble)
    {
        var asked = new ConcurrentDictionary<ulong, int>();
        var script = new ListScript
        {
            Answer = number => asked.AddOrUpdate(number, 1, static (_, times) => times + 1) == 1 && number % 3 == 0
                ? (Verdict.Unknown, trouble)
                : ListScript.ByLastDigit(number),
        };
        await using var service = await ScriptedService.StartAsync(script.Script);

        var run = await CliRun.Async(Command(_folder.Write("a.txt", ListScript.Numbers(20_000)), service.Address));

        Assert.Equal((3, ""), (run.ExitCode, run.Error));
        Assert.Equal(Expected(20_000, Verdict.Allow), await File.ReadAllLinesAsync(_folder.PathOf("out/allowed.txt"), TestContext.Current.CancellationToken));
        Assert.All(asked, pair => Assert.Equal(pair.Key % 3 == 0 ? 2 : 1, pair.Value));
    }

    [Fact]
    public async Task Store_AwayForLong_LeavesItsLinesUnknown()
    {
        var asked = 0;
        var script = new ListScript
        {
            Answer = number =>
            {
                Interlocked.Increment(ref asked);
                return (Verdict.Unknown, ReasonCode.StoreUnavailable);
            },
        };
        await using var service = await ScriptedService.StartAsync(script.Script);

        var run = await CliRun.Async([.. Command(_folder.Write("a.txt", ListScript.Numbers(100)), service.Address), "--retry", "1"]);

        Assert.Equal(3, run.ExitCode);
        Assert.Equal(200, asked);
        Assert.Empty(await File.ReadAllTextAsync(_folder.PathOf("out/allowed.txt"), TestContext.Current.CancellationToken));
        Assert.Equal(
            Enumerable.Range(0, 100).Select(i => $"+3165{i:D7},unknown,store_unavailable,+3165{i:D7}"),
            await File.ReadAllLinesAsync(_folder.PathOf("out/unknown.txt"), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Service_Overloaded_IsWaitedForAndAskedAgain()
    {
        var script = new ListScript
        {
            Before = static chunk => chunk is 2 or 4
                ? throw new Google.Rpc.Status
                {
                    Code = (int)Code.ResourceExhausted,
                    Message = "Too many lists at once.",
                    Details = { Any.Pack(new RetryInfo { RetryDelay = Duration.FromTimeSpan(TimeSpan.FromMilliseconds(200)) }) },
                }.ToRpcException()
                : Task.CompletedTask,
        };
        await using var service = await ScriptedService.StartAsync(script.Script);

        var run = await CliRun.Async(Command(_folder.Write("a.txt", ListScript.Numbers(50_000)), service.Address));

        // Longer runs tell how far they are, so only the outcome is looked at.
        Assert.Equal(3, run.ExitCode);
        Assert.Equal(Expected(50_000, Verdict.Allow), await File.ReadAllLinesAsync(_folder.PathOf("out/allowed.txt"), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Question_RefusedByTheService_IsToldAndNothingIsFinished()
    {
        var script = new ListScript
        {
            Before = static _ => throw new Google.Rpc.Status
            {
                Code = (int)Code.InvalidArgument,
                Message = "1 field is wrong.",
                Details = { Any.Pack(new BadRequest { FieldViolations = { new BadRequest.Types.FieldViolation { Field = "question.organisation", Description = "It is unknown." } } }) },
            }.ToRpcException(),
        };
        await using var service = await ScriptedService.StartAsync(script.Script);

        var run = await CliRun.Async(Command(_folder.Write("a.txt", ListScript.Numbers(10)), service.Address));

        Assert.Equal((2, "lookup: --org: It is unknown. See 'lookup scrub --help'.\n"), (run.ExitCode, run.Error));
        Assert.False(File.Exists(_folder.PathOf("out/manifest.json")));
    }

    [Theory]
    [InlineData("lookup: no answer from http://127.0.0.1:1/ yet, waiting up to 600 s (--wait).")]
    [InlineData("{\"note\":\"no answer from http://127.0.0.1:1/ yet, waiting up to 600 s (--wait)\"}", "--json")]
    public async Task Service_Away_IsToldOnceWhileItIsWaitedFor(string expected, params string[] options)
    {
        using var scrub = ToolProcess.Start([.. Command(_folder.Write("a.txt", ListScript.Numbers(10)), "http://127.0.0.1:1"), "--wait", "600", .. options]);

        await scrub.UntilAsync(() => scrub.Error.Length > 0);
        await scrub.KillAsync();

        Assert.Equal(expected, scrub.Error.TrimEnd());
    }

    [Fact]
    public async Task Pipe_AllowedLines_GoToStandardOutput()
    {
        await using var service = await ScriptedService.StartAsync(new ListScript().Script);

        var run = await CliRun.WithInputAsync(
            "phone\n" + ListScript.Numbers(30_000), "scrub", "-", "--out-dir", "-", "--no-columns", "--org", "acme", "--purpose", "commercial", "--address", service.Address, "--json");
        var whatIf = await CliRun.WithInputAsync(
            ListScript.Numbers(1), "scrub", "-", "--out-dir", "-", "--strict", "--org", "acme", "--purpose", "commercial", "--address", service.Address);

        Assert.Equal(3, run.ExitCode);
        Assert.Equal("phone\n" + string.Concat(Expected(30_000, Verdict.Allow).Select(line => line.Split(',')[0] + "\n")), run.Output);
        Assert.StartsWith("""{"list":"standard input","counts":{"allow":{"consent":12000},""", run.Error, StringComparison.Ordinal);
        Assert.Equal((2, ""), (whatIf.ExitCode, whatIf.Output));
    }

    [Fact]
    public async Task Pipe_IntoAFolder_IsFinishedAndCannotBeGoneOnWith()
    {
        await using var service = await ScriptedService.StartAsync(new ListScript().Script);
        string[] command = ["scrub", "-", "--out-dir", _folder.PathOf("out"), "--org", "acme", "--purpose", "commercial", "--address", service.Address];

        var run = await CliRun.WithInputAsync(ListScript.Numbers(30_000), command);

        Assert.Equal((3, ""), (run.ExitCode, run.Error));
        Assert.Equal(Expected(30_000, Verdict.Deny), await File.ReadAllLinesAsync(_folder.PathOf("out/denied.txt"), TestContext.Current.CancellationToken));
        Assert.True(File.Exists(_folder.PathOf("out/manifest.json")));
        Assert.False(File.Exists(_folder.PathOf("out/checkpoint.json")));
    }

    private static IEnumerable<string> Expected(int count, Verdict verdict) => Enumerable.Range(0, count)
        .Select(i => (Number: $"+3165{i:D7}", Answer: ListScript.ByLastDigit((ulong)i)))
        .Where(line => line.Answer.Verdict == verdict)
        .Select(line => $"{line.Number},{(verdict == Verdict.Allow ? "allow" : "deny")},{line.Answer.Reason.ToString().ToLowerInvariant()},{line.Number}");

    private string[] Command(string path, string address, string? folder = null) =>
        ["scrub", path, "--out-dir", folder ?? _folder.PathOf("out"), "--org", "acme", "--purpose", "commercial", "--address", address];

    private static bool CanMount()
    {
        using var process = Process.Start(new ProcessStartInfo("unshare", ["-rm", "sh", "-c", "mount -t tmpfs tmpfs /mnt"]) { RedirectStandardError = true })!;
        process.WaitForExit();
        return process.ExitCode == 0;
    }
}
