using Google.Protobuf.WellKnownTypes;
using Lookup.Cli.Audit;
using Lookup.Core.Access;
using Lookup.ServiceTests.Access;
using Lookup.V1;

namespace Lookup.ServiceTests.Cli;

/// <summary>lookup audit --org-column: calls for several principals in one file.</summary>
public sealed class AuditOrganisationTests : IDisposable
{
    private readonly TempFolder _folder = new();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Calls_OfSeveralOrganisations_AreDecidedForTheirOwn()
    {
        var store = await LookupServer.EmbeddedAsync();
        var (number, both) = (Samples.NewNumber(), Samples.NewNumber());
        await using (var before = await LookupServer.StartAsync(store, clock: new ShiftedClock(ShiftedClock.Afternoon.AddDays(-10)), ownsStore: false))
        {
            var recorded = await before.Facts.RecordFactsAsync(Samples.Record(Consent(number), Consent(both), Consent(both, "other")), cancellationToken: Ct);
            Assert.All(recorded.Results, result => Assert.Equal(FactResult.Types.Outcome.Recorded, result.Outcome));
        }

        await using var server = await LookupServer.StartAsync(store);
        var other = new Organisation { Name = "other", AttemptCaps = { new AttemptCap { Max = 1, WithinHours = 24 } } };
        await server.Registry.PutOrganisationAsync(new PutOrganisationRequest { Organisation = other }, cancellationToken: Ct);
        var path = _folder.Write(
            "calls.csv",
            "principal,dst,start\n" +
            $"acme,{number},2024-03-12T11:00:00Z\n" +
            $"other,{number},2024-03-12T11:00:00Z\n" +
            $",{number},2024-03-12T11:00:00Z\n" +
            $"ACME Ltd,{number},2024-03-12T11:00:00Z\n" +
            $"acme,{both},2024-03-12T10:00:00Z\n" +
            $"other,{both},2024-03-12T11:00:00Z\n" +
            $"other,{both},2024-03-12T12:00:00Z\n");

        var run = await AuditAsync(server.Host.GrpcAddress, path, "--org-column", "principal");

        Assert.Equal(6, run.ExitCode);
        Assert.Contains("Line 4: the organisation is missing", run.Output, StringComparison.Ordinal);
        Assert.Contains("Line 5: 'ACME Ltd' is not an organisation", run.Output, StringComparison.Ordinal);
        var findings = (await File.ReadAllLinesAsync(path + ".findings.csv", Ct))[1..].Select(line => line.Split(',')).ToDictionary(cells => cells[0], cells => (cells[4], cells[^1]));
        // The call for acme is no attempt of the other organisation.
        Assert.Equal(["3", "8"], findings.Keys);
        Assert.Equal(("no_consent", "other"), findings["3"]);
        Assert.Equal(("too_many_attempts", "other"), findings["8"]);
        Assert.Contains("By principal", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Organisation_ThatTheCallerMustNotAskFor_IsNamedWithItsLine()
    {
        await using var guarded = await GuardedServer.StartAsync();
        var key = await guarded.KeyAsync(new Credential { CredentialId = "one", Kind = CredentialKind.ApiKey }, Roles.Check, GuardedServer.Own);
        var path = _folder.Write("calls.csv", $"principal,dst,start\n{GuardedServer.Own},+31612345678,2024-03-05T15:00:00Z\nforeign,+31612345679,2024-03-05T15:00:00Z\n");

        var run = await AuditAsync(guarded.Server.Host.GrpcAddress, path, "--org-column", "principal", "--api-key", key);

        Assert.Equal(1, run.ExitCode);
        Assert.Contains("Line 3, organisation 'foreign':", run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData]
    [InlineData("--org", "acme", "--org-column", "principal")]
    public async Task Organisation_NotNamedOrNamedTwice_IsAUsageError(params string[] options)
    {
        var run = await AuditAsync(new Uri("http://127.0.0.1:1"), _folder.Write("calls.csv", "principal,dst,start\n"), options);
        Assert.Equal(2, run.ExitCode);
        Assert.Contains("--org-column", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Delays_OfAnyLength_HaveAMedianWithinTheirBucket()
    {
        var delays = new DelayCount();
        for (var i = 1; i <= 1_001; i++)
        {
            delays.Add(TimeSpan.FromMinutes(i * 37));
        }

        Assert.Equal((1_001, 1_001 * 37 * 60), (delays.Count, delays.Worst));
        Assert.InRange(delays.Median / 60.0, 501 * 37 * 0.984, 501 * 37);
        Assert.True(delays.Buckets.Count < 700, $"{delays.Buckets.Count} buckets");
    }

    private static Fact Consent(string number, string organisation = "acme")
    {
        var fact = Samples.Consent(number, organisation);
        fact.Consent.Captured = Timestamp.FromDateTimeOffset(ShiftedClock.Afternoon.AddDays(-20));
        return fact;
    }

    private static Task<CliRun> AuditAsync(Uri address, string path, params string[] options) => CliRun.Async(
        ["audit", path, "--column", "dst", "--time", "start", "--purpose", "commercial", "--address", address.ToString(), .. options]);
}
