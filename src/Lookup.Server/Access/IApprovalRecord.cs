namespace Lookup.Server.Access;

/// <summary>Records dual approvals before they take effect.</summary>
internal interface IApprovalRecord
{
    /// <summary>Records that an administrator requested or gave an approval.</summary>
    /// <param name="who">The administrator's credential.</param>
    /// <param name="words">What was approved, see <see cref="DualApproval.DemandAsync"/>.</param>
    /// <param name="first">The first administrator's credential; null if this is the first request.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <exception cref="Redis.StoreUnavailableException">It could not be recorded.</exception>
    public Task WriteApprovalAsync(string who, string words, string? first, CancellationToken cancellation);
}
