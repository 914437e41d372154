using Google.Protobuf.Collections;
using Lookup.Core.Numbers;
using Lookup.Redis;
using Lookup.Server.Services;
using Microsoft.Extensions.Logging;

namespace Lookup.Server.Watch;

/// <summary>Turns changes of the feed into those of the contract: keys become numbers, and hashes names.</summary>
internal sealed class ChangeMapper(IFactStore store, NumberCipher cipher, FactNaming naming, TimeProvider clock, ILogger<ChangeMapper> log)
{
    /// <summary>
    /// Maps a change; null where it is a copy under a new number key, or its key is no number, which was written past every service.
    /// </summary>
    /// <exception cref="StoreUnavailableException">A name could not be read.</exception>
    internal async Task<V1.Change?> MapAsync(FeedChange change, CancellationToken cancellation)
    {
        // What is copied is told already; what is written under both keys is told where it is under the old one.
        if (store.IsCopy(change.Key))
        {
            return null;
        }

        if (!cipher.TryDecrypt(change.Key, out var number))
        {
            log.LogError("A change has a key that no number has under this deployment's key; it is not told.");
            return null;
        }

        var mapped = new V1.Change { Number = number.ToString() };
        var versions = new RepeatedField<V1.KnownFact>();
        if (change.Value.IsEmpty
            || !await naming.AddAsync(versions, change.Id, change.Value.ToArray(), null, clock.GetUtcNow().ToUnixTimeMilliseconds(), cancellation))
        {
            mapped.Removed = change.Value.IsEmpty;
            mapped.Fact = new V1.KnownFact { Fact = await naming.SubjectAsync(change.Id, cancellation) };
            return mapped;
        }

        foreach (var version in versions)
        {
            // The first of equal ones takes effect latest.
            if (mapped.Fact is null || version.Recorded.Seconds > mapped.Fact.Recorded.Seconds)
            {
                mapped.Fact = version;
            }
        }

        mapped.OtherVersions.Add(versions.Where(version => version != mapped.Fact));
        return mapped;
    }
}
