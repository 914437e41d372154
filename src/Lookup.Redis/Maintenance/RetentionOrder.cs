using Lookup.Core;
using Lookup.Core.Numbers;
using Lookup.Core.Regimes;

namespace Lookup.Redis.Maintenance;

/// <summary>Request to delete what no longer has to be kept.</summary>
/// <param name="TermsOf">The terms of a number's country; null if its records are kept.</param>
/// <param name="Now">The time from which the terms count back.</param>
/// <param name="DryRun">Count only, change nothing.</param>
public sealed record RetentionOrder(Func<NumberPseudonym, Retention?> TermsOf, DateTimeOffset Now, bool DryRun)
{
    /// <summary>Makes the request for the rules in use.</summary>
    public static RetentionOrder Create(RegimeSet regimes, NumberCipher cipher, DateTimeOffset now, bool dryRun) => new(
        key => cipher.TryDecrypt(key, out var number) ? regimes.Find(number, now.ToUnixTimeMilliseconds())?.Retention : null, now, dryRun);
}

/// <summary>What was deleted, or is due, of one kind in one country.</summary>
/// <param name="Country">The country, for example "DE".</param>
/// <param name="Kind">Kind of the facts.</param>
/// <param name="Count">Number of facts, each version and each purpose of a consent counted.</param>
/// <param name="Oldest">When the oldest of them took effect, in Unix milliseconds.</param>
/// <param name="Before">What ended before this time is due, in Unix milliseconds.</param>
public sealed record RetentionCount(string Country, FactKind Kind, long Count, long Oldest, long Before);
