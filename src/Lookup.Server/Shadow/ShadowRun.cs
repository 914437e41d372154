// For: seeing what a new version of the regimes would change before it takes effect.
//
// A check is compared right after its answer is made, on the same facts; that costs one more decision. If the shadow regimes need
// facts that the answer did not, the filter usually shows that they are absent. If they may exist, the number goes into a queue,
// and both versions decide it on one read of the store. Numbers of lists also go through the queue, but only a sample: comparing all
// of them would slow lists down.
//
// None of this reaches a caller. Failures are counted.
using System.Threading.Channels;
using Lookup.Core.Decisions;
using Lookup.Core.Facts;
using Lookup.Core.Filters;
using Lookup.Core.Numbers;
using Lookup.Core.Regimes;
using Lookup.Redis;
using Lookup.Redis.Reading;
using Lookup.Server.Reading;
using Lookup.Server.Telemetry;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Lookup.Server.Shadow;

/// <summary>Repeats decisions under regimes that are not in force, and counts the differences. Does nothing if there are no such regimes.</summary>
internal sealed class ShadowRun(
    RegimeSet? shadow,
    RegimeSet inForce,
    IFactReader store,
    ReadView view,
    ScopeNames names,
    LookupServerOptions options,
    ServiceMetrics metrics,
    TimeProvider clock,
    ILogger<ShadowRun> log) : BackgroundService
{
    // Capacity of the queue: the samples of some chunks. More numbers are dropped and counted.
    private const int QueueLength = 8_192;

    // Numbers per read and the pause after it: at most 5,120 a second, a small part of a store's capacity.
    private const int ReadTogether = 512;
    private static readonly TimeSpan Rest = TimeSpan.FromMilliseconds(100);

    private const long LogEveryMs = 10_000;

    [ThreadStatic]
    private static Room? s_room;

    private readonly Channel<Waiting> _queue = Channel.CreateBounded<Waiting>(QueueLength);
    private readonly ShadowMetrics _counts = new(metrics.Factory);
    private Registers? _registers;
    private long _nextExample;
    private long _nextFailure;

    /// <summary>Whether there are shadow regimes.</summary>
    internal bool IsOn => shadow is not null;

    /// <summary>Decides under the shadow regimes; tests replace it by one that fails.</summary>
    internal ShadowDecision DecideShadow { get; set; } = Decider.Decide;

    /// <summary>The counts so far; null without shadow regimes.</summary>
    internal LiveShadow? SoFar => IsOn ? _counts.SoFar : null;

    /// <summary>Compares a decided check, on the facts read for it.</summary>
    internal void Compare(PhoneNumber number, FactSet facts, in Decision decision)
    {
        try
        {
            var room = s_room ??= new Room();
            try
            {
                var rules = shadow!.Find(number, facts.Question.CallTime, facts.Question.Region);
                var missing = rules is null
                    ? 0
                    : Decider.Carry(facts.Rules, rules, facts.Question, facts.BySlot, room.BySlot, room.Ids, room.Slots);
                if (missing > 0 && !AreAbsent(number, room.Ids.AsSpan(0, missing)))
                {
                    // A reserved call has been counted by now, so a later read would differ from the facts of the decision.
                    if (facts.Question.Reserves)
                    {
                        _counts.Compared(EntryPoint.Check, ShadowOutcome.Unread);
                    }
                    else
                    {
                        Queue(new Waiting(number, facts.Question, facts.Registers, EntryPoint.Check));
                    }

                    return;
                }

                Record(EntryPoint.Check, number, facts.Question, decision, DecideShadow(rules, facts.Question, room.BySlot, RegistersFor(facts.Registers)));
            }
            finally
            {
                Array.Clear(room.BySlot);
            }
        }
        catch (Exception e)
        {
            Failed(EntryPoint.Check, e);
        }
    }

    /// <summary>Queues one number in <see cref="LookupServerOptions.ShadowListEvery"/> of a decided chunk, at random.</summary>
    internal void Sample(ReadOnlySpan<ulong> numbers, in Question question, RegisterSnapshots registers)
    {
        var every = options.ShadowListEvery;
        for (var i = Random.Shared.Next(every); i < numbers.Length; i += every)
        {
            if (PhoneNumber.TryFrom(numbers[i], out var number, out _))
            {
                Queue(new Waiting(number, question, registers, EntryPoint.Stream));
            }
        }
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (shadow is null)
        {
            return;
        }

        var batch = new VersionBatch(inForce, shadow, names);
        var ways = new EntryPoint[VersionBatch.MaxNumbers];
        try
        {
            while (await _queue.Reader.WaitToReadAsync(stoppingToken))
            {
                await CompareAsync(batch, ways, stoppingToken);
                await Task.Delay(Rest, stoppingToken);
            }
        }
        catch (OperationCanceledException)
        {
            // Shutdown.
        }
    }

    private async Task CompareAsync(VersionBatch batch, EntryPoint[] ways, CancellationToken stop)
    {
        try
        {
            batch.Clear();
            while (batch.Reads < ReadTogether && batch.Count < VersionBatch.MaxNumbers && _queue.Reader.TryRead(out var waiting))
            {
                ways[batch.Count] = waiting.EntryPoint;
                var key = Encrypt(waiting.Number, out var filter);
                batch.Add(waiting.Number, key, filter, waiting.Question, waiting.Registers, RegistersFor(waiting.Registers));
            }

            var freshness = view.Freshness(isDemanding: false);
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(stop);
            limit.CancelAfter(options.StoreBatchLimitMs);
            await batch.ReadAsync(store, view.Partitions, freshness, limit.Token);
            for (var i = 0; i < batch.Count; i++)
            {
                Compare(batch, i, ways[i], freshness);
            }
        }
        catch (Exception e) when (!stop.IsCancellationRequested)
        {
            // The batch was not counted yet; otherwise each number fails on its own.
            for (var i = 0; i < batch.Count; i++)
            {
                if (e is StoreUnavailableException or OperationCanceledException)
                {
                    _counts.Compared(ways[i], ShadowOutcome.Unread);
                }
                else
                {
                    Failed(ways[i], e);
                }
            }
        }
    }

    private void Compare(VersionBatch batch, int item, EntryPoint way, in ReadFreshness freshness)
    {
        try
        {
            if (batch.Fault(item, freshness) is not null)
            {
                _counts.Compared(way, ShadowOutcome.Unread);
                return;
            }

            var (from, to) = batch.Decide(item, DecideShadow);
            var (number, question) = batch.Asked(item);
            Record(way, number, question, from, to);
        }
        catch (Exception e)
        {
            Failed(way, e);
        }
    }

    private void Queue(in Waiting waiting)
    {
        if (!_queue.Writer.TryWrite(waiting))
        {
            _counts.Compared(waiting.EntryPoint, ShadowOutcome.Dropped);
        }
    }

    private bool AreAbsent(PhoneNumber number, ReadOnlySpan<FactId> ids)
    {
        var key = Encrypt(number, out var filter);
        return filter is not null && filter.MayContain(key, ids) == 0;
    }

    private NumberPseudonym Encrypt(PhoneNumber number, out BlockFilter? filter)
    {
        var key = view.Encrypt(number, null, clock.GetTimestamp(), out var state);
        filter = state?.Filter;
        return key;
    }

    private RegisterSnapshots RegistersFor(RegisterSnapshots inForceOnes)
    {
        var last = Volatile.Read(ref _registers);
        if (last is null || !ReferenceEquals(last.InForce, inForceOnes))
        {
            last = new Registers(inForceOnes, inForceOnes.For(shadow!));
            Volatile.Write(ref _registers, last);
        }

        return last.Shadow;
    }

    private void Record(EntryPoint way, PhoneNumber number, in Question question, in Decision from, in Decision to)
    {
        if (DecisionChange.Between(from, to) is not { } change)
        {
            _counts.Compared(way, ShadowOutcome.Same);
            return;
        }

        _counts.Compared(way, ShadowOutcome.Different);
        _counts.Changed(way, change);
        if (IsDue(ref _nextExample))
        {
            log.LogInformation(
                "SHADOW: {Number} for organisation {Organisation:x16} at {At:yyyy-MM-ddTHH:mm:ss.fffZ}: {From} in force ({Regime}), {To} in the shadow ({ShadowRegime}): {Reason} {Change}",
                number.ToString(),
                question.Organisation,
                DateTimeOffset.FromUnixTimeMilliseconds(question.CallTime),
                change.From,
                from.Rules?.Id,
                change.To,
                to.Rules?.Id,
                change.Reason.Code,
                change.Added ? "came" : "went");
        }
    }

    private void Failed(EntryPoint way, Exception e)
    {
        _counts.Compared(way, ShadowOutcome.Failed);
        if (IsDue(ref _nextFailure))
        {
            log.LogError(e, "A decision under the shadow regimes failed; answers are not affected");
        }
    }

    // At most one line in ten seconds.
    private static bool IsDue(ref long next)
    {
        var now = Environment.TickCount64;
        var due = Volatile.Read(ref next);
        return now >= due && Interlocked.CompareExchange(ref next, now + LogEveryMs, due) == due;
    }

    private readonly record struct Waiting(PhoneNumber Number, Question Question, RegisterSnapshots Registers, EntryPoint EntryPoint);

    private sealed record Registers(RegisterSnapshots InForce, RegisterSnapshots Shadow);

    /// <summary>The buffers of one comparison, reused by a thread.</summary>
    private sealed class Room
    {
        internal StoredValue[] BySlot { get; } = new StoredValue[Decider.Slots];

        internal FactId[] Ids { get; } = new FactId[Decider.Slots];

        internal byte[] Slots { get; } = new byte[Decider.Slots];
    }
}

/// <summary>Decides under the shadow regimes, as <see cref="Decider.Decide"/> does.</summary>
internal delegate Decision ShadowDecision(Rules? rules, in Question question, ReadOnlySpan<StoredValue> bySlot, RegisterSnapshots snapshots);
