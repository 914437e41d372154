namespace Lookup.Server;

/// <summary>
/// Withdraws an ALLOW that expired before it was written, for example while the process was frozen: without a duration it permits no call.
/// A caller that does not measure the time itself would use it.
/// </summary>
internal static class Expiry
{
    /// <summary>Removes the duration of a decision that is older than it may be used.</summary>
    /// <param name="decision">The decision; null for none.</param>
    /// <param name="took">Time since before the request was read, by a clock that counts suspension.</param>
    internal static void Apply(V1.Decision? decision, TimeSpan took)
    {
        if (decision is { ReusableFor: { } time } && took >= time.ToTimeSpan())
        {
            decision.ReusableFor = null;
            decision.ReusableUntil = null;
        }
    }

    /// <summary>Does the same to the response of a unary call.</summary>
    internal static void Apply(object? response, TimeSpan took) => Apply(
        response switch
        {
            V1.CheckResponse check => check.Decision,
            V1.CheckBatchResponse batch => batch.Common,
            V1.ExplainResponse explanation => explanation.Decision,
            _ => null,
        },
        took);
}
