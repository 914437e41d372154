namespace Lookup.Redis.Maintenance;

/// <summary>The summaries that the instances of a service publish for each other. Thread-safe.</summary>
public interface IInstanceBoard
{
    /// <summary>Publishes a summary and returns those of all instances, this one included.</summary>
    /// <param name="id">Id of the instance.</param>
    /// <param name="text">Its summary; empty removes it.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <exception cref="StoreUnavailableException">The store could not accept it.</exception>
    public Task<IReadOnlyList<InstanceSummary>> PublishAsync(string id, string text, CancellationToken cancellation);
}

/// <summary>What an instance published.</summary>
/// <param name="Id">Id of the instance.</param>
/// <param name="At">When, in Unix milliseconds of its clock.</param>
/// <param name="Text">The summary.</param>
public sealed record InstanceSummary(string Id, long At, string Text);
