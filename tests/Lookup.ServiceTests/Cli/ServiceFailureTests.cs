using System.Collections.Concurrent;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Grpc.Core;
using Lookup.V1;

namespace Lookup.ServiceTests.Cli;

public sealed class ServiceFailureTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(Verdict.Allow, 0, "ALLOW")]
    [InlineData(Verdict.Deny, 10, "DENY")]
    [InlineData(Verdict.Unknown, 11, "UNKNOWN")]
    [InlineData(Verdict.NotCovered, 12, "NOT_COVERED")]
    public async Task Check_Verdict_IsShownAndIsTheExitCode(Verdict verdict, int exitCode, string word)
    {
        await using var service = await ScriptedService.StartAsync(new()
        {
            Check = (request, _) => Task.FromResult(new CheckResponse
            {
                Number = request.Number,
                Decision = new Decision
                {
                    Verdict = verdict,
                    ReusableFor = verdict == Verdict.Allow ? new Google.Protobuf.WellKnownTypes.Duration { Seconds = 60 } : null,
                    Regime = "NL-2",
                    Reasons = { new Reason { Code = ReasonCode.NoConsent, Layer = Layer.Law, Article = "Tw 11.7(2)", Text = "Why [so]" } },
                },
            }),
        });

        var run = await CliRun.Async("check", "+31612345678", "--org", "acme", "--purpose", "commercial", "--address", service.Address);
        var json = await CliRun.Async("check", "+31612345678", "--org", "acme", "--purpose", "commercial", "--address", service.Address, "--json");

        Assert.Equal((exitCode, ""), (run.ExitCode, run.Error));
        var reusable = verdict == Verdict.Allow ? "  reusable for: 60000 ms\n" : "";
        Assert.Equal($"{word}  +31612345678\n  no_consent (law, Tw 11.7(2)): Why [so]\n  rules: NL-2\n{reusable}", run.Output.ReplaceLineEndings("\n"));
        Assert.Equal(exitCode, json.ExitCode);
        Assert.Equal($"VERDICT_{word}", System.Text.Json.Nodes.JsonNode.Parse(json.Output)!["decision"]!["verdict"]!.GetValue<string>());
    }

    [Fact]
    public async Task Check_FieldsRefused_NamesEachField()
    {
        await using var service = await ScriptedService.StartAsync(new()
        {
            Check = (_, _) => throw new Google.Rpc.Status
            {
                Code = (int)Code.InvalidArgument,
                Message = "2 fields are wrong.",
                Details =
                {
                    Any.Pack(new BadRequest
                    {
                        FieldViolations =
                        {
                            new BadRequest.Types.FieldViolation { Field = "number", Description = "It is too short." },
                            new BadRequest.Types.FieldViolation { Field = "question.organisation", Description = "It is empty." },
                        },
                    }),
                },
            }.ToRpcException(),
        });

        var run = await CliRun.Async("check", "+31", "--org", "acme", "--purpose", "commercial", "--address", service.Address);

        Assert.Equal((2, "lookup: NUMBER: It is too short; --org: It is empty. See 'lookup check --help'.\n"), (run.ExitCode, run.Error));
    }

    [Fact]
    public async Task Check_StoreUnavailable_SaysItAndThatTryingAgainHelps()
    {
        await using var service = await ScriptedService.StartAsync(new()
        {
            Check = (_, _) => throw new Google.Rpc.Status
            {
                Code = (int)Code.Unavailable,
                Message = "The store cannot be reached.",
                Details = { Any.Pack(new RetryInfo { RetryDelay = Duration.FromTimeSpan(TimeSpan.FromMilliseconds(200)) }) },
            }.ToRpcException(),
        });

        var run = await CliRun.Async("check", "+31612345678", "--org", "acme", "--purpose", "commercial", "--address", service.Address);

        Assert.Equal((1, "lookup: The store cannot be reached. Retry later.\n"), (run.ExitCode, run.Error));
    }

    [Fact]
    public async Task Check_NoAnswerInTime_EndsWithTheTimeout()
    {
        await using var service = await ScriptedService.StartAsync(new()
        {
            Check = async (_, context) =>
            {
                await Task.Delay(Timeout.Infinite, context.CancellationToken);
                return new CheckResponse();
            },
        });

        var run = await CliRun.Async(
            "check", "+31612345678", "--org", "acme", "--purpose", "commercial", "--address", service.Address, "--timeout", "0.2");

        Assert.Equal(1, run.ExitCode);
        Assert.Contains("did not answer in time. Retry later.", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Import_AcknowledgedOutOfOrder_ListsRefusalsInTheOrderOfTheFile()
    {
        var path = Write(5000);
        await using var service = await ScriptedService.StartAsync(new()
        {
            AnswerBackwards = 3,
            Import = batch =>
            {
                var response = new ImportFactsResponse { Sequence = batch.Sequence, Recorded = (uint)batch.Facts.Count - 1 };
                response.Refused.Add(new RefusedFact { Index = 5, Errors = { new FieldError { Field = "objection.organisation", Description = "unwanted" } } });
                return response;
            },
        });

        var run = await ImportAsync(path, service.Address);

        Assert.Equal(3, run.ExitCode);
        var rejects = (await File.ReadAllLinesAsync(path + ".rejects.csv", TestContext.Current.CancellationToken)).Skip(1).ToList();
        var lines = rejects.Select(line => int.Parse(line.Split(',')[0])).ToList();
        Assert.True(lines.Count >= 5);
        Assert.Equal(lines.Order(), lines);
        Assert.All(rejects, line => Assert.Contains(",'--set organisation,unwanted,+316", line, StringComparison.Ordinal));
        Assert.False(File.Exists(path + ".checkpoint"));
    }

    [Fact]
    public async Task Import_ServiceFailsHalfway_GoesOnWithTheSameCommand()
    {
        var path = Write(20_000);
        var seen = new ConcurrentDictionary<string, int>();
        var failing = true;
        await using var service = await ScriptedService.StartAsync(new()
        {
            Import = batch =>
            {
                if (failing && seen.Count > 8000)
                {
                    throw new RpcException(new Grpc.Core.Status(StatusCode.Unavailable, "The store went away."));
                }

                foreach (var fact in batch.Facts)
                {
                    seen.AddOrUpdate(fact.Number, 1, static (_, count) => count + 1);
                }

                return new ImportFactsResponse { Sequence = batch.Sequence, Recorded = (uint)batch.Facts.Count };
            },
        });

        var first = await ImportAsync(path, service.Address);
        failing = false;
        var before = seen.Count;
        var second = await ImportAsync(path, service.Address, "--json");

        Assert.Equal(1, first.ExitCode);
        Assert.StartsWith("lookup: The store went away.", first.Error, StringComparison.Ordinal);
        Assert.Equal(0, second.ExitCode);
        var summary = System.Text.Json.Nodes.JsonNode.Parse(second.Output)!;
        Assert.True(summary["resumed_after_line"]!.GetValue<long>() is > 1 and var line && line <= before + 1);
        Assert.Equal(20_000, summary["lines"]!.GetValue<long>());
        Assert.Equal(20_000, seen.Count);
    }

    [Fact]
    public async Task Import_FileBreaksHalfway_NamesTheLineAndKeepsWhatWasRecorded()
    {
        // A damaged archive: the beginning can be read, the rest not.
        var path = _folder.PathOf("a.csv.gz");
        await using (var file = File.Create(path))
        await using (var gzip = new System.IO.Compression.GZipStream(file, System.IO.Compression.CompressionLevel.NoCompression))
        {
            await gzip.WriteAsync(System.Text.Encoding.UTF8.GetBytes(Content(50_000)), TestContext.Current.CancellationToken);
        }

        var bytes = await File.ReadAllBytesAsync(path, TestContext.Current.CancellationToken);
        await File.WriteAllBytesAsync(path, bytes[..(bytes.Length / 2)], TestContext.Current.CancellationToken);
        await using var service = await ScriptedService.StartAsync(new());

        var run = await ImportAsync(path, service.Address);

        Assert.Equal(1, run.ExitCode);
        Assert.Matches("^lookup: a.csv.gz is truncated or damaged after line [0-9]+: ", run.Error);
    }

    private static string Content(int count) =>
        "number\n" + string.Concat(Enumerable.Range(0, count).Select(i => $"+3165{i:D7}\n"));

    private string Write(int count) => _folder.Write("a.csv", Content(count));

    private static Task<CliRun> ImportAsync(string path, string address, params string[] more) =>
        CliRun.Async(["import", path, "--set", "kind=objection", "--set", "organisation=acme", "--address", address, .. more]);
}
