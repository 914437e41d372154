using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Lookup.V1;

namespace Lookup.ServiceTests.Server;

/// <summary>Random writes, and a consumer that breaks off at random: in the end it knows what the store knows.</summary>
public sealed class WatchPropertyTests
{
    private const int Numbers = 25;
    private const int Rounds = 120;

    private static CancellationToken Test => TestContext.Current.CancellationToken;

    public static TheoryData<string> Stores => AnyStore.Both;

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task Watch_RandomWritesAndBreaks_ViewOfTheConsumerIsThatOfTheStore(string kind)
    {
        var seed = Environment.TickCount;
        TestContext.Current.TestOutputHelper?.WriteLine($"Seed {seed}.");
        await using var server = await LookupServer.StartAsync(await AnyStore.OpenAsync(kind, Test), options =>
        {
            options.WatchHeartbeatMs = 50;
            // Small, so that catching up is part of it.
            options.WatchBacklog = 16;
        });
        var numbers = Enumerable.Range(0, Numbers).Select(_ => Samples.NewNumber()).ToArray();
        var view = new Dictionary<(string Number, string Subject), HashSet<string>>();
        string token;
        using (var first = await WatchCall.OpenAsync(server))
        {
            token = first.LastToken;
        }

        var writing = WriteAsync(server, numbers, new Random(seed));
        var random = new Random(seed + 1);
        while (!writing.IsCompleted)
        {
            using var watch = new WatchCall(server, token);
            try
            {
                for (var left = random.Next(40); left >= 0 && !writing.IsCompleted; left--)
                {
                    Apply(view, await watch.NextAsync());
                    token = watch.LastToken;
                }
            }
            catch (RpcException e) when (e.StatusCode is StatusCode.ResourceExhausted or StatusCode.Unavailable)
            {
                token = watch.LastToken.Length > 0 ? watch.LastToken : token;
            }
        }

        await writing;
        using (var last = await WatchCall.OpenAsync(server, token))
        {
            foreach (var change in await last.DrainAsync())
            {
                Apply(view, new WatchResponse { Change = change });
            }
        }

        foreach (var number in numbers)
        {
            var known = await server.Facts.ListFactsAsync(new ListFactsRequest { Number = number });
            var expected = known.Facts.GroupBy(fact => Subject(fact.Fact)).ToDictionary(group => group.Key, group => group.Select(Version).ToHashSet());
            var told = view.Where(pair => pair.Key.Number == number).ToDictionary(pair => pair.Key.Subject, pair => pair.Value);
            Assert.Equal(expected.Keys.Order(), told.Keys.Order());
            Assert.All(expected, pair => Assert.Equal(pair.Value.Order(), told[pair.Key].Order()));
        }
    }

    private static async Task WriteAsync(LookupServer server, string[] numbers, Random random)
    {
        for (var round = 0; round < Rounds; round++)
        {
            var number = numbers[random.Next(numbers.Length)];
            var organisation = random.Next(2) == 0 ? "acme" : "bolt";
            switch (random.Next(8))
            {
                case 0:
                    await server.Facts.EraseNumberAsync(new EraseNumberRequest { Number = number, Source = "letter" }, cancellationToken: Test);
                    break;
                case 1:
                    // Many at a time.
                    await server.Facts.RecordFactsAsync(Samples.Record(numbers.Select(n => At(Samples.Objection(n, organisation), random))), cancellationToken: Test);
                    break;
                case 2 or 3:
                    await server.Facts.RecordFactsAsync(Samples.Record(Samples.Consent(number, organisation)), cancellationToken: Test);
                    break;
                case 4:
                    var withdrawal = Samples.Objection(number, organisation);
                    withdrawal.Withdrawn = true;
                    await server.Facts.RecordFactsAsync(Samples.Record(At(withdrawal, random)), cancellationToken: Test);
                    break;
                default:
                    await server.Facts.RecordFactsAsync(Samples.Record(At(Samples.Objection(number, organisation), random)), cancellationToken: Test);
                    break;
            }
        }
    }

    private static Fact At(Fact fact, Random random)
    {
        fact.Effective = Timestamp.FromDateTimeOffset(ShiftedClock.Afternoon.AddDays(-random.Next(1, 6)));
        return fact;
    }

    private static void Apply(Dictionary<(string, string), HashSet<string>> view, WatchResponse response)
    {
        if (response.Change is not { } change)
        {
            return;
        }

        var key = (change.Number, Subject(change.Fact.Fact));
        if (change.Removed)
        {
            view.Remove(key);
        }
        else
        {
            view[key] = [Version(change.Fact), .. change.OtherVersions.Select(Version)];
        }
    }

    private static string Subject(Fact fact) => fact.KindCase switch
    {
        Fact.KindOneofCase.Objection => "objection " + fact.Objection.Organisation,
        Fact.KindOneofCase.Consent => $"consent {fact.Consent.Organisation} {Assert.Single(fact.Consent.Purposes)}",
        _ => throw new InvalidOperationException(),
    };

    // Without what a change does not carry, or what depends on when it was sent.
    private static string Version(KnownFact known)
    {
        var plain = known.Clone();
        plain.Current = false;
        plain.Fact.Reason = "";
        plain.Fact.Consent?.Evidence = null;
        return JsonFormatter.Default.Format(plain);
    }
}
