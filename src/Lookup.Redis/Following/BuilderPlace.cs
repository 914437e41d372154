using Lookup.Redis.Topology;
using StackExchange.Redis;

namespace Lookup.Redis.Following;

/// <summary>
/// The lock of the only builder, or of the only key rotation. It expires when its holder stops renewing it, so a crashed holder
/// blocks others only briefly. It merely saves work: the scripts ensure that a builder cannot damage another's filter.
/// </summary>
internal sealed class BuilderPlace : IAsyncDisposable
{
    private static readonly TimeSpan Kept = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan KeepEvery = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(250);

    private readonly RedisTopology _link;
    private readonly RedisKey _key;
    private readonly RedisValue _token;
    private readonly CancellationTokenSource _lost;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _keeping;

    private BuilderPlace(RedisTopology link, RedisKey key, RedisValue token, CancellationToken cancellation)
    {
        (_link, _key, _token) = (link, key, token);
        _lost = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        _keeping = KeepAsync();
    }

    /// <summary>Cancelled when the lock is lost, or by the caller.</summary>
    internal CancellationToken Lost => _lost.Token;

    /// <summary>Acquires the lock; returns null if another process still holds it after the wait.</summary>
    internal static async Task<BuilderPlace?> AcquireAsync(RedisTopology link, RedisKey key, TimeSpan wait, CancellationToken cancellation)
    {
        RedisValue token = $"{Environment.MachineName} {Environment.ProcessId} {Guid.NewGuid():n}";
        var started = link.Clock.GetTimestamp();
        while (!await link.WriteAsync(Keys.Shared, db => db.StringSetAsync(key, token, Kept, When.NotExists), cancellation))
        {
            if (link.Clock.GetElapsedTime(started) >= wait)
            {
                return null;
            }

            await Task.Delay(LookAgain, link.Clock, cancellation);
        }

        return new BuilderPlace(link, key, token, cancellation);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _keeping;
        try
        {
            await ScriptAsync(TimeSpan.Zero);
        }
        catch (StoreUnavailableException)
        {
            // The lock expires by itself.
        }

        _stop.Dispose();
        _lost.Dispose();
    }

    private async Task KeepAsync()
    {
        try
        {
            while (true)
            {
                await Task.Delay(KeepEvery, _link.Clock, _stop.Token);
                if (!await ScriptAsync(Kept))
                {
                    await _lost.CancelAsync();
                    return;
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The work is done; the lock expires by itself.
        }
        catch (StoreUnavailableException)
        {
            // A holder that cannot renew the lock cannot build either.
            await _lost.CancelAsync();
        }
    }

    private async Task<bool> ScriptAsync(TimeSpan keep)
    {
        var answer = await _link.ScriptAsync(
            Keys.Shared, Script.Builder, [_key], [_token, (long)keep.TotalMilliseconds], CancellationToken.None);
        return (int)answer[1] == 1;
    }
}
