using BenchmarkDotNet.Attributes;
using Lookup.Core;
using Lookup.Core.Decisions;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Core.Regimes;

namespace Lookup.Benchmarks;

/// <summary>The decision alone, on facts already read: with a consent, and with an objection.</summary>
[MemoryDiagnoser]
public class DecisionBenchmarks
{
    private PhoneNumber _number;
    private readonly StoredValue[] _consented = new StoredValue[Decider.Slots];
    private readonly StoredValue[] _objected = new StoredValue[Decider.Slots];
    private readonly RegisterSnapshots _snapshots = new(RegimeSet.BuiltIn, new Dictionary<string, long[]>());
    private Question _question = new() { CallTime = 0, OrganisationName = "", Organisation = 0, OrganisationGroup = 0 };
    private Rules _rules = null!;

    /// <summary>Country of the called number.</summary>
    [Params("NL", "FR", "US")]
    public string Country { get; set; } = "NL";

    /// <summary>Product group of the offer; empty for a question that names none.</summary>
    [Params("", "insurance")]
    public string ProductGroup { get; set; } = "";

    [GlobalSetup]
    public void Setup()
    {
        _number = new PhoneNumber(Country switch { "NL" => 31_612_345_678, "FR" => 33_612_345_678, _ => 12_125_550_123 });

        // A Tuesday on which a call is permitted in each of the countries.
        var at = new DateTimeOffset(2024, 3, 12, Country == "US" ? 18 : 14, 30, 0, TimeSpan.Zero).ToUnixTimeMilliseconds();
        _question = new Question
        {
            CallTime = at,
            OrganisationName = "acme",
            Organisation = Scope.FromName("acme"),
            OrganisationGroup = Scope.FromName("acme"),
            Purpose = Purpose.Commercial,
            Subscriber = SubscriberType.Consumer,
            GroupName = ProductGroup,
        };
        _rules = RegimeSet.BuiltIn.Find(_number, at)!;
        Fill(_consented, FactKind.Consent, new FactEntry { Effective = at - 86_400_000, Recorded = (uint)(at / 1_000), Marks = FactMarks.Evidence });
        Fill(_objected, FactKind.Objection, new FactEntry { Effective = at - 86_400_000, Recorded = (uint)(at / 1_000) });
    }

    [Benchmark]
    public Rules? FindRules() => RegimeSet.BuiltIn.Find(_number, _question.CallTime);

    [Benchmark]
    public Verdict WithConsent() => Decider.Decide(_rules, _question, _consented, _snapshots).Verdict;

    [Benchmark]
    public Verdict WithObjection() => Decider.Decide(_rules, _question, _objected, _snapshots).Verdict;

    private void Fill(StoredValue[] values, FactKind kind, FactEntry entry)
    {
        Span<FactId> ids = stackalloc FactId[Decider.Slots];
        Span<byte> slots = stackalloc byte[Decider.Slots];
        var count = Decider.Plan(_rules, _question, ids, slots);
        for (var i = 0; i < count; i++)
        {
            if (ids[i].Kind == kind && ids[i].Scope != Scope.All)
            {
                values[slots[i]] = Timeline.Single(kind, entry);
            }
        }
    }
}
