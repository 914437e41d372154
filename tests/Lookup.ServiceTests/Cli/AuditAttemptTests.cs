using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Lookup.V1;

namespace Lookup.ServiceTests.Cli;

/// <summary>lookup audit: the calls of the file count as attempts.</summary>
public sealed class AuditAttemptTests : IDisposable
{
    private const string Number = "+31612370001";

    // A Tuesday, 15:00 in Amsterdam.
    private static readonly DateTimeOffset Called = new(2024, 3, 12, 14, 0, 0, TimeSpan.Zero);

    private readonly TempFolder _folder = new();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Calls_MoreThanTheCapAllows_AreFoundWhereverTheyAreInTheFile()
    {
        await using var server = await StartAsync();
        // Two lines with the same time are one call.
        var path = _folder.Write(
            "calls.csv",
            "dst,start\n" +
            $"{Number},2024-03-12T15:00:00+01:00\n" +
            $"{Number},2024-03-12T11:00:00+01:00\n" +
            $"{Number},2024-03-12T11:00:00+01:00\n" +
            $"{Number},2024-03-12T10:00:00+01:00\n" +
            $"{Number},2024-03-11T10:30:00+01:00\n");

        var run = await AuditAsync(server, path);

        Assert.Equal((6, ""), (run.ExitCode, run.Error));
        var line = Assert.Single((await File.ReadAllLinesAsync(path + ".findings.csv", Ct))[1..]);
        Assert.StartsWith($"2,{Number},2024-03-12T14:00:00Z,not permitted,too_many_attempts,policy,", line, StringComparison.Ordinal);
        Assert.Equal(0, (await AuditAsync(server, path, "--no-attempts")).ExitCode);
    }

    [Fact]
    public async Task Attempts_OnRecordAndInTheFile_CountOnce()
    {
        await using var server = await StartAsync();
        await OutcomeAsync(server, Called.AddHours(-4).AddMinutes(2));
        var path = _folder.Write("calls.csv", $"dst,start\n{Number},2024-03-12T11:00:00+01:00\n{Number},2024-03-12T15:00:00+01:00\n");
        Assert.Equal(0, (await AuditAsync(server, path)).ExitCode);

        // An attempt that the file does not contain.
        await OutcomeAsync(server, Called.AddHours(-3));
        Assert.Equal(6, (await AuditAsync(server, path)).ExitCode);
    }

    [Fact]
    public async Task PlacedCalls_NotBeforeTheCall_AreRejectedByName()
    {
        await using var server = await StartAsync();
        var request = Samples.Check(Number);
        request.WhatIf = new WhatIf { CallTime = Timestamp.FromDateTimeOffset(Called), PlacedCalls = new PlacedCalls { Times = { Timestamp.FromDateTimeOffset(Called) } } };
        var late = await Assert.ThrowsAsync<RpcException>(async () => await server.Lookup.CheckAsync(request, cancellationToken: Ct));
        Assert.Equal(StatusCode.InvalidArgument, late.StatusCode);
        Assert.Contains("what_if.placed_calls.times[0]", late.Status.Detail, StringComparison.Ordinal);

        request.WhatIf.PlacedCalls.Times.Clear();
        request.WhatIf.PlacedCalls.Times.Add(Enumerable.Range(1, 9).Select(i => Timestamp.FromDateTimeOffset(Called.AddDays(-i))));
        var many = await Assert.ThrowsAsync<RpcException>(async () => await server.Lookup.CheckAsync(request, cancellationToken: Ct));
        Assert.Contains("at most 8", many.Status.Detail, StringComparison.Ordinal);
    }

    private static Task<CliRun> AuditAsync(LookupServer server, string path, params string[] options) => CliRun.Async(
        ["audit", path, "--column", "dst", "--time", "start", "--org", "acme", "--purpose", "commercial", "--address", server.Host.GrpcAddress.ToString(), .. options]);

    private static async Task OutcomeAsync(LookupServer server, DateTimeOffset at)
    {
        var outcome = Samples.Outcome(Number, CallOutcome.NoAnswer);
        outcome.Called = Timestamp.FromDateTimeOffset(at);
        await server.Facts.RecordOutcomeAsync(outcome, cancellationToken: Ct);
    }

    private static async Task<LookupServer> StartAsync()
    {
        var store = await LookupServer.EmbeddedAsync();
        await using (var before = await LookupServer.StartAsync(store, clock: new ShiftedClock(Called.AddDays(-10)), ownsStore: false))
        {
            var consent = Samples.Consent(Number);
            consent.Consent.Captured = Timestamp.FromDateTimeOffset(Called.AddDays(-20));
            await before.Facts.RecordFactsAsync(Samples.Record(consent), cancellationToken: Ct);
            await before.Registry.PutOrganisationAsync(
                new PutOrganisationRequest { Organisation = new Organisation { Name = "acme", AttemptCaps = { new AttemptCap { Max = 2, WithinHours = 24 } } } },
                cancellationToken: Ct);
        }

        return await LookupServer.StartAsync(store, clock: new ShiftedClock(Called.AddHours(1)));
    }
}
