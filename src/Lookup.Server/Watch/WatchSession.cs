using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Lookup.Core.Blocks;
using Lookup.Redis;
using Lookup.Redis.Following;
using Lookup.Server.Access;
using Lookup.Server.Errors;
using Lookup.Server.Http;
using Lookup.Server.Mapping;
using Lookup.Server.Store;

namespace Lookup.Server.Watch;

/// <summary>
/// Runs one Watch: delivers the changes after its position, partition by partition, and a heartbeat each interval. See ChangeHub.cs.
/// </summary>
internal sealed class WatchSession(WatchServices services, IServerStreamWriter<V1.WatchResponse> responses, ServerCallContext context)
{
    // Changes of one partition before the next partition.
    private const int Piece = 128;

    // Changes per read of the store.
    private const int Page = 1_000;

    private static readonly TimeSpan StorePause = TimeSpan.FromMilliseconds(100);
    private static readonly WriteOptions Buffered = new(WriteFlags.BufferHint);

    private readonly ulong[] _position = new ulong[services.Hub.Partitions];
    private readonly uint[] _mark = new uint[services.Hub.Partitions];
    private readonly int[] _follows = new int[services.Hub.Partitions];
    private readonly long?[] _asOf = new long?[services.Hub.Partitions];
    private readonly FeedChange[] _piece = new FeedChange[Piece];
    private readonly List<V1.WatchResponse> _outbox = [];
    private readonly TimeSpan _interval = TimeSpan.FromMilliseconds(services.Options.WatchHeartbeatMs);
    private readonly TimeSpan _sendLimit = TimeSpan.FromMilliseconds(services.Options.WatchSendLimitMs);
    // The transcoder has no write options.
    private readonly bool _canBuffer = !StrictJson.IsTranscoded(context.GetHttpContext());
    private WatchFilter _filter = null!;
    private CancellationToken _stop;
    private long _beat;
    private bool _live;

    // The blocks delivered so far, and the timestamp of the registry that had them; null without blocks.
    private bool _wantsBlocks;
    private BlockSet? _blocks;
    private long? _blocksAsOf;

    internal async Task RunAsync(V1.WatchRequest request)
    {
        services.Drain.Track(context);
        using var stop = services.Drain.Link(context);
        _stop = stop.Token;
        try
        {
            using (var call = new StoreDeadline(context, services.Options.StoreReadLimitMs))
            {
                await BeginAsync(request, call);
            }

            await BeatAsync();
            while (true)
            {
                await StepAsync();
            }
        }
        catch (Exception) when (services.Drain.Ends(context))
        {
            throw RpcErrors.Unavailable(
                "The service is shutting down; resume at another instance with the last resume token.", services.Options.RetryAfterMs);
        }
    }

    private async Task BeginAsync(V1.WatchRequest request, StoreDeadline call)
    {
        try
        {
            WatchFilter.CheckCount(request.Organisations);
            foreach (var organisation in request.Organisations.Where(FieldFaults.IsName))
            {
                context.Lease()?.Require(organisation, Now);
            }

            _wantsBlocks = request.Blocks;
            var token = WatchTokens.Read(request.ResumeToken, services.Manifest);
            _filter = await WatchFilter.ReadAsync(
                request.Organisations, services.Names, await services.View.RegistryAsync(exact: false, call.Token), call.Token);
            await Task.WhenAll(Enumerable.Range(0, _position.Length).Select(p => BeginAsync(p, token, call.Token)));
        }
        catch (OperationCanceledException) when (call.Expired)
        {
            throw StoreDeadline.TooSlow();
        }
    }

    private async Task BeginAsync(int partition, WatchPosition? token, CancellationToken cancellation)
    {
        var state = services.Replica.Partition(partition);
        if (services.Hub[partition].Tip is not { } tip || state.Filter is null)
        {
            throw RpcErrors.Unavailable("This instance does not follow the store's changes yet; retry.", services.Options.RetryAfterMs);
        }

        var position = token?.Token.VersionOf(partition) ?? tip.Version;
        var told = position == 0 ? null : await services.Feed.ReadChangesAsync(partition, position - 1, 1, cancellation);
        if (told is [var last])
        {
            _mark[partition] = ChangeMark.Of(last);
            if (token is not null && token.MarkOf(partition) is not 0 and var mark && mark != _mark[partition])
            {
                throw WatchTokens.Lost();
            }
        }
        else if (token is not null && await services.Feed.ReadChangesAsync(partition, position, 1, cancellation) is null)
        {
            throw position > tip.Version ? WatchTokens.Ahead() : WatchTokens.TooOld();
        }

        (_position[partition], _follows[partition]) = (position, tip.Follows);
        // Changes in the hub that the replica has not published yet follow next.
        if (position >= state.Version)
        {
            _asOf[partition] = state.AsOf;
        }
    }

    /// <summary>Delivers the available changes, then waits until there may be more or the heartbeat is due.</summary>
    private async Task StepAsync()
    {
        var pulse = services.Hub.Pulse;
        var (moved, failed) = await RoundAsync();
        if (moved)
        {
            return;
        }

        var pause = _interval - services.Clock.GetElapsedTime(_beat);
        if (failed && pause > StorePause)
        {
            pause = StorePause;
        }

        // Nothing wakes the stream when blocks change.
        var look = TimeSpan.FromMilliseconds(services.Options.RegistryPollMs);
        if (_wantsBlocks && pause > look)
        {
            pause = look;
        }

        if (pause > TimeSpan.Zero)
        {
            await pulse.WaitAsync(pause, services.Clock, _stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            _stop.ThrowIfCancellationRequested();
        }

        await BeatIfDueAsync();
    }

    /// <returns>Whether there were changes, and whether some could not be read.</returns>
    private async Task<(bool Moved, bool Failed)> RoundAsync()
    {
        var (moved, failed, live) = (false, false, true);
        for (var p = 0; p < _position.Length; p++)
        {
            // Taken before the changes, which lead at least to this version.
            var state = services.Replica.Partition(p);
            try
            {
                var follows = _follows[p];
                switch (services.Hub[p].Read(_position[p], ref follows, _piece, out var taken))
                {
                    case RingState.Anew:
                        await ReadAsync(p, 1);
                        _follows[p] = follows;
                        moved = true;
                        break;
                    case RingState.Told:
                        moved |= taken > 0;
                        await TellAsync(p, new ArraySegment<FeedChange>(_piece, 0, taken));
                        break;
                    case RingState.Overwritten when _live:
                        throw TooSlow();
                    case RingState.Overwritten or RingState.Gap:
                        live = false;
                        moved |= await CatchUpAsync(p);
                        break;
                }
            }
            catch (StoreUnavailableException)
            {
                // Delivered once it can be read; meanwhile the heartbeats show the growing age.
                failed = true;
            }

            if (state.Filter is not null && _position[p] >= state.Version)
            {
                _asOf[p] = state.AsOf;
            }

            await BeatIfDueAsync();
        }

        failed |= !await TellBlocksAsync();
        _live = live;
        return (moved && !failed, failed);
    }

    /// <summary>Delivers the blocks that changed since the last call; at first those that forbid calls.</summary>
    /// <returns>False if they could not be read; the next call delivers them.</returns>
    private async Task<bool> TellBlocksAsync()
    {
        if (!_wantsBlocks || services.View.FreshRegistry(services.Clock.GetTimestamp()) is not { } registry)
        {
            return true;
        }

        if (!ReferenceEquals(_blocks, registry.Blocks))
        {
            var caller = context.Lease()?.Caller ?? Caller.Anyone;
            var changed = BlockMapping.InOrder(registry.Blocks.All.Where(block =>
                !ReferenceEquals(_blocks?.Find(block.Organisation, block.Range), block)
                && (_blocks is not null || block.Forbids(Now, isTimeNamed: false))
                && _filter.Wants(block, caller, Now)));
            try
            {
                foreach (var piece in changed.Chunk(Piece))
                {
                    foreach (var block in piece)
                    {
                        _outbox.Add(new V1.WatchResponse { Block = await BlockMapping.ToProtoAsync(block, Now, services.Names, _stop), ResumeToken = Token() });
                    }

                    await SendAsync();
                    await BeatIfDueAsync();
                }
            }
            catch (StoreUnavailableException)
            {
                return false;
            }

            _blocks = registry.Blocks;
        }

        _blocksAsOf = registry.ReadAt;
        return true;
    }

    private async Task<bool> CatchUpAsync(int partition)
    {
        var page = await ReadAsync(partition, Page);
        for (var at = 0; at < page.Count; at += Piece)
        {
            await TellAsync(partition, page.Slice(at, Math.Min(Piece, page.Count - at)));
            await BeatIfDueAsync();
        }

        return page.Count > 0;
    }

    /// <summary>Reads the changes after the position, after verifying that the store has the last delivered change.</summary>
    private async Task<ArraySegment<FeedChange>> ReadAsync(int partition, int max)
    {
        // Without a mark the feed was empty when the stream started, as after a first load.
        var known = _mark[partition] == 0 ? 0 : 1;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(_stop);
        limit.CancelAfter(services.Options.StoreReadLimitMs);
        try
        {
            var read = await services.Feed.ReadChangesAsync(partition, _position[partition] - (ulong)known, max + known, limit.Token);
            if (read is null || (known > 0 && (read.Count == 0 || ChangeMark.Of(read[0]) != _mark[partition])))
            {
                throw WatchTokens.Lost();
            }

            FeedChange[] page = [.. read];
            return new ArraySegment<FeedChange>(page, known, page.Length - known);
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested && !_stop.IsCancellationRequested)
        {
            throw StoreDeadline.TooSlow();
        }
    }

    private async Task TellAsync(int partition, ArraySegment<FeedChange> changes)
    {
        if (changes.Count == 0)
        {
            return;
        }

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(_stop);
        limit.CancelAfter(services.Options.StoreReadLimitMs);
        try
        {
            var read = await services.Mapper.ReadAsync(changes, limit.Token);
            for (var i = 0; i < changes.Count; i++)
            {
                var change = changes[i];
                V1.Change? mapped = null;
                if (await _filter.WantsAsync(change.Id, context.Lease()?.Caller ?? Caller.Anyone, Now, limit.Token)
                    && (read is null ? services.Mapper.Find(change) : read[i]) is { } known)
                {
                    mapped = await services.Mapper.MapAsync(known.Number, known.Change, limit.Token);
                    if (known.Now is { } now)
                    {
                        // Carries the previous token: a stream resumed between the two gets both again.
                        _outbox.Add(new V1.WatchResponse { Change = mapped, ResumeToken = Token() });
                        mapped = await services.Mapper.MapAsync(known.Number, now, limit.Token);
                    }
                }

                (_position[partition], _mark[partition]) = (change.Version, ChangeMark.Of(change));
                if (mapped is not null)
                {
                    _outbox.Add(new V1.WatchResponse { Change = mapped, ResumeToken = Token() });
                }
            }
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested && !_stop.IsCancellationRequested)
        {
            throw StoreDeadline.TooSlow();
        }
        finally
        {
            // Also after a failure: the position includes them.
            await SendAsync();
        }
    }

    private Task BeatIfDueAsync() => services.Clock.GetElapsedTime(_beat) >= _interval ? BeatAsync() : Task.CompletedTask;

    private Task BeatAsync()
    {
        // In this order, time minus freshness is never later than the last delivered change.
        var heartbeat = new V1.Heartbeat
        {
            Time = Timestamp.FromDateTimeOffset(services.Clock.GetUtcNow()),
            Interval = Duration.FromTimeSpan(_interval),
        };
        _beat = services.Clock.GetTimestamp();
        if (!_asOf.Contains(null) && (!_wantsBlocks || _blocksAsOf is not null))
        {
            var oldest = Math.Min(_asOf.Min()!.Value, _blocksAsOf ?? long.MaxValue);
            heartbeat.Freshness = Duration.FromTimeSpan(services.Clock.AgeAt(oldest, _beat));
        }

        _outbox.Add(new V1.WatchResponse { Heartbeat = heartbeat, ResumeToken = Token() });
        return SendAsync();
    }

    private async Task SendAsync()
    {
        for (var i = 0; i < _outbox.Count; i++)
        {
            if (_canBuffer)
            {
                responses.WriteOptions = i < _outbox.Count - 1 ? Buffered : WriteOptions.Default;
            }

            // Cancelling the write would reset the stream, and the caller would not see the status.
            var write = responses.WriteAsync(_outbox[i], CancellationToken.None);
            if (!write.IsCompletedSuccessfully)
            {
                await SentAsync(write);
            }
        }

        _outbox.Clear();
    }

    private async Task SentAsync(Task write)
    {
        try
        {
            await write.WaitAsync(_sendLimit, services.Clock, _stop);
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
            // The write ends when the caller reads or disconnects; nothing waits for it.
            _ = write.ContinueWith(static t => _ = t.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
            throw e is TimeoutException ? TooSlow() : e;
        }
    }

    private long Now => services.Clock.GetUtcNow().ToUnixTimeMilliseconds();

    private string Token() => WatchPosition.Write(services.Manifest.Epoch, _position, _mark);

    private RpcException TooSlow() => RpcErrors.Exhausted(
        "The caller reads changes too slowly; resume with the last resume token.", services.Options.RetryAfterMs);
}
