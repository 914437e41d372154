using System.Globalization;
using Lookup.Server.Store;

namespace Lookup.Server.Pages;

/// <summary>Whether calls can be checked now, and what is about to stop that, in words.</summary>
/// <param name="Level">One of <see cref="Yes"/>, <see cref="Soon"/> and <see cref="No"/>.</param>
/// <param name="Verdict">One sentence.</param>
/// <param name="Reasons">Why it is not Yes, one sentence each.</param>
internal sealed record Outlook(string Level, string Verdict, IReadOnlyList<string> Reasons)
{
    internal const string Yes = "yes";
    internal const string Soon = "soon";
    internal const string No = "no";

    // A certificate or register that has this share of its time left can still be renewed without haste.
    private const double RegisterShare = 0.8;
    private const double FullShare = 0.9;
    private const double WornFilter = 0.02;
    private static readonly TimeSpan CertificateTime = TimeSpan.FromDays(21);

    /// <summary>Judges the facts about an instance.</summary>
    internal static Outlook Judge(OutlookFacts facts)
    {
        var stops = new List<string>();
        if (facts.WrongAllows > 0)
        {
            stops.Add($"The audit found {Count(facts.WrongAllows)} wrong ALLOW answers: stop calling from the lists that this instance answered.");
        }

        if (!facts.State.Serving)
        {
            stops.Add(facts.State.Why);
        }

        if (facts.NeedsReceipts)
        {
            stops.Add("Each answer needs a receipt, and receipts cannot be written; see the log.");
        }

        var soon = Soons(facts);
        return stops.Count > 0 ? new Outlook(No, "Calls must not be made on the answers of this instance.", [.. stops, .. soon])
            : soon.Count > 0 ? new Outlook(Soon, "Calls can be checked, but this needs attention:", soon)
            : new Outlook(Yes, "Calls can be checked, and nothing is about to stop them.", []);
    }

    private static List<string> Soons(OutlookFacts facts)
    {
        var soon = new List<string>();
        if (facts.State is { Serving: true, TakesWrites: false })
        {
            soon.Add("Nothing can be recorded, so keep the objections made now: " + facts.State.Why);
        }

        if (facts is { ReceiptsFault: true, NeedsReceipts: false })
        {
            soon.Add("Receipts cannot be written or signed; see the log.");
        }

        if (facts.SilentServers > 0)
        {
            soon.Add($"{Count(facts.SilentServers)} of {Count(facts.Servers)} servers of the store do not answer.");
        }

        var old = facts.Ages.Count(age => age is null) + facts.Ages.Count(age => age > facts.BoundMs);
        if (old > 0)
        {
            soon.Add($"{Count(old)} of {Count(facts.Ages.Count)} partitions are not up to date, so each check of their numbers reads the store.");
        }

        foreach (var register in facts.Registers)
        {
            AddRegister(soon, register, facts.Now);
        }

        if (facts.CertificateExpires is { } expires && expires - facts.Now < CertificateTime)
        {
            soon.Add(expires <= facts.Now
                ? "The TLS certificate has expired: clients cannot connect."
                : $"The TLS certificate expires in {Days(expires - facts.Now)}.");
        }

        soon.AddRange(facts.Loads.Where(load => load.Share >= FullShare).Select(load => $"Of the {load.Words}, {load.Share.ToString("P0", CultureInfo.InvariantCulture)} is used."));
        if (facts.ClockBoundMs > 0 && facts.ClockAhead.Duration().TotalMilliseconds > facts.ClockBoundMs / 2.0)
        {
            soon.Add($"The clock differs from the store's by {Count(facts.ClockAhead.Duration().TotalMilliseconds)} ms; at {Count(facts.ClockBoundMs)} ms this instance stops serving.");
        }

        var worn = facts.Filters.Count(filter => filter?.FalsePositives > WornFilter);
        if (worn > 0)
        {
            soon.Add($"{Count(worn)} filters are worn and were not rebuilt, so checks read the store more often than they need to.");
        }

        return soon;
    }

    private static void AddRegister(List<string> soon, LiveRegister register, DateTimeOffset now)
    {
        var age = now - DateTimeOffset.FromUnixTimeMilliseconds(register.Date);
        if (register.LimitDays is not { } days || age.TotalDays < days * RegisterShare)
        {
            return;
        }

        var left = TimeSpan.FromDays(days) - age;
        soon.Add(left > TimeSpan.Zero
            ? $"The register {register.Name} is {Days(age)} old and counts for {Days(left)} more; load a newer one."
            : $"The register {register.Name} is {Days(age)} old, more than the {Count(days)} days that its rule accepts; load a newer one.");
    }

    private static string Days(TimeSpan time) => time.TotalDays >= 2 ? $"{Count(Math.Floor(time.TotalDays))} days" : $"{Count(Math.Floor(time.TotalHours))} hours";

    private static string Count(double count) => count.ToString("N0", CultureInfo.InvariantCulture);
}

/// <summary>What <see cref="Outlook"/> judges.</summary>
internal sealed record OutlookFacts
{
    internal required StoreMonitor.State State { get; init; }

    internal required DateTimeOffset Now { get; init; }

    internal double WrongAllows { get; init; }

    internal bool ReceiptsFault { get; init; }

    internal bool NeedsReceipts { get; init; }

    internal int Servers { get; init; }

    internal int SilentServers { get; init; }

    internal required IReadOnlyList<double?> Ages { get; init; }

    internal required int BoundMs { get; init; }

    internal required IReadOnlyList<LiveRegister> Registers { get; init; }

    internal DateTimeOffset? CertificateExpires { get; init; }

    internal required IReadOnlyList<Load> Loads { get; init; }

    internal TimeSpan ClockAhead { get; init; }

    internal int ClockBoundMs { get; init; }

    internal required IReadOnlyList<LiveFilter?> Filters { get; init; }
}
