using Google.Protobuf.WellKnownTypes;
using Lookup.V1;

namespace Lookup.Testing.Server;

/// <summary>Random numbers, facts and questions for property tests.</summary>
internal static class RandomCases
{
    private static readonly string[] Prefixes = ["+316", "+49151", "+336", "+4474", "+1212555", "+34612", "+39347"];

    /// <summary>Returns a number of a random country; the same index gives it once.</summary>
    internal static string Number(Random random, int index)
    {
        var prefix = Prefixes[random.Next(Prefixes.Length)];
        var length = prefix switch { "+316" or "+336" or "+34612" => 12, "+1212555" => 12, "+49151" => 14, _ => 13 };
        return prefix + (1_000_000 + (index * 7)).ToString(System.Globalization.CultureInfo.InvariantCulture).PadLeft(length - prefix.Length, '1')[^(length - prefix.Length)..];
    }

    /// <summary>Returns a question for "acme" or "other".</summary>
    internal static Question Question(Random random) => new()
    {
        Organisation = random.Next(4) == 0 ? "other" : "acme",
        Purpose = (V1.Purpose)random.Next(1, 4),
        ProductGroup = random.Next(3) == 0 ? "energy" : "",
        Subscriber = (V1.SubscriberType)random.Next(0, 4),
        Automated = random.Next(10) == 0,
    };

    /// <summary>Returns a fact about a number, in effect at most forty days before <see cref="ManualClock.Start"/>.</summary>
    internal static Fact Fact(Random random, string number)
    {
        var fact = new Fact
        {
            Number = number,
            Source = "x",
            Effective = Timestamp.FromDateTimeOffset(ManualClock.Start.AddMinutes(-random.Next(1, 60 * 24 * 40))),
        };
        switch (random.Next(8))
        {
            case 0:
                fact.Objection = new Objection { Organisation = random.Next(3) == 0 ? "*" : "acme" };
                break;
            case 1:
                fact.Registration = new Registration { Register = ((string[])["nl-bmnr", "uk-tps", "uk-ctps", "us-dnc"])[random.Next(4)] };
                break;
            case 2 or 3:
                fact.Consent = new Consent
                {
                    Organisation = "acme",
                    Purposes = { (V1.Purpose)random.Next(1, 4) },
                    Evidence = new V1.Evidence { Reference = "r" },
                };
                break;
            case 4:
                fact.Relation = new Relation { Organisation = "acme", Relation_ = (V1.RelationKind)random.Next(1, 6), NumberObtainedAtSale = true, OptOutOffered = true };
                break;
            case 5:
                fact.Subscriber = new Subscriber { Type = (V1.SubscriberType)random.Next(1, 4) };
                break;
            case 6:
                fact.Attempt = new Attempt { Organisation = random.Next(2) == 0 ? "acme" : "other", ProductGroup = random.Next(2) == 0 ? "energy" : "" };
                break;
            default:
                fact.Refusal = new Refusal { Organisation = random.Next(2) == 0 ? "acme" : "other" };
                break;
        }

        return fact;
    }
}
