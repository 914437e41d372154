using Lookup.Core.Trail;

namespace Lookup.Redis.Trail;

/// <summary>The trail of administrative acts. Thread-safe.</summary>
public interface ITrailStore
{
    /// <summary>Maximum number of entries in a page.</summary>
    public const int MaxPage = 1_000;

    /// <summary>Appends an entry after the newest one, whichever process wrote that.</summary>
    /// <param name="entry">The entry; its number and the hash of the one before are set here.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <exception cref="StoreUnavailableException">The store could not accept it.</exception>
    public Task<AppendedEntry> AppendAsync(TrailEntry entry, CancellationToken cancellation);

    /// <summary>Reads stored entries in their order.</summary>
    /// <param name="from">Number of the first.</param>
    /// <param name="count">How many, 1 to <see cref="MaxPage"/>.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <exception cref="StoreUnavailableException">The store could not answer.</exception>
    public Task<IReadOnlyList<byte[]>> ReadAsync(long from, int count, CancellationToken cancellation);

    /// <summary>Reads the newest stored entries in their order.</summary>
    /// <param name="count">How many at most, 1 to <see cref="MaxPage"/>.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <exception cref="StoreUnavailableException">The store could not answer.</exception>
    public Task<IReadOnlyList<byte[]>> NewestAsync(int count, CancellationToken cancellation);
}

/// <summary>An appended entry.</summary>
/// <param name="Number">Its number.</param>
/// <param name="Hash">SHA-256 of its stored bytes.</param>
public sealed record AppendedEntry(long Number, string Hash);
