using Google.Protobuf.WellKnownTypes;
using Lookup.V1;

namespace Lookup.ServiceTests.Records;

/// <summary>Files of registers have a row per category, each with its date: every row forbids.</summary>
public sealed class RegistrationCategoryTests(LookupServer server) : IClassFixture<LookupServer>
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("2023-02-01,banking_finance", "2023-03-01,real_estate", "banking_finance,real_estate", "tourism")]
    [InlineData("2023-03-01,real_estate", "2023-02-01,banking_finance", "banking_finance,real_estate", "tourism")]
    [InlineData("2023-02-01,", "2023-03-01,real_estate", "banking_finance,real_estate,tourism", "")]
    [InlineData(",banking_finance", "2023-03-01,real_estate", "banking_finance,real_estate", "tourism")]
    public async Task Import_ARowForEachCategory_DeniesAllOfThem(string first, string second, string denied, string allowed)
    {
        await LoadedAsync();
        foreach (var isOneFile in (bool[])[true, false])
        {
            using var folder = new TempFolder();
            var number = NewNumber();
            string[] rows = [$"{number},{first}\n", $"{number},{second}\n"];
            foreach (var content in isOneFile ? [rows[0] + rows[1]] : rows)
            {
                var run = await CliRun.Async(
                    "import", folder.Write("r.csv", "number,since,categories\n" + content), "--set", "kind=registration", "--set", "register=in-dlt",
                    "--timezone", "Asia/Kolkata", "--restart", "--address", server.Host.GrpcAddress.ToString());
                Assert.Equal((0, ""), (run.ExitCode, run.Error));
            }

            foreach (var group in denied.Split(','))
            {
                Assert.Equal((Verdict.Deny, ReasonCode.Registered), await DecideAsync(number, group));
            }

            if (allowed.Length > 0)
            {
                Assert.Equal(Verdict.Allow, (await DecideAsync(number, allowed)).Verdict);
            }
        }
    }

    [Fact]
    public async Task RecordFacts_WithdrawnAndRegisteredForLess_DeniesWhatIsLeft()
    {
        await LoadedAsync();
        var number = NewNumber();
        await server.Facts.RecordFactsAsync(
            Samples.Record(Registration("2023-02-01"), Registration("2023-03-01", "real_estate"), Withdrawn("2023-04-01"), Registration("2023-04-02", "health")),
            cancellationToken: Token);
        Assert.Equal((Verdict.Deny, ReasonCode.Registered), await DecideAsync(number, "health"));
        Assert.Equal(Verdict.Allow, (await DecideAsync(number, "real_estate")).Verdict);

        Fact Registration(string since, params string[] categories) => new()
        {
            Number = number,
            Source = "test",
            Registration = new Registration { Register = "in-dlt", RegisteredSince = At(since), Categories = { categories } },
        };

        Fact Withdrawn(string at) => new()
        {
            Number = number,
            Source = "test",
            Withdrawn = true,
            Effective = At(at),
            Registration = new Registration { Register = "in-dlt" },
        };
    }

    // An Indian mobile number that no other test uses.
    private static string NewNumber() => "+9198" + Samples.NewNumber()[^8..];

    private static Timestamp At(string date) => Timestamp.FromDateTimeOffset(DateTimeOffset.Parse(date + "T00:00:00Z", System.Globalization.CultureInfo.InvariantCulture));

    private async Task LoadedAsync() => await server.Registry.RecordSnapshotAsync(
        new RecordSnapshotRequest { Register = "in-dlt", SnapshotDate = Timestamp.FromDateTimeOffset(ShiftedClock.Afternoon.AddDays(-2)) }, cancellationToken: Token);

    private async Task<(Verdict Verdict, ReasonCode Reason)> DecideAsync(string number, string group)
    {
        var question = Samples.Question();
        question.ProductGroup = group;
        question.CallerNumber = "+911401234567";
        var decision = (await server.Lookup.CheckAsync(new CheckRequest { Number = number, Question = question, Consistency = new Consistency { Exact = true } }, cancellationToken: Token)).Decision;
        return (decision.Verdict, decision.Reasons[0].Code);
    }
}
