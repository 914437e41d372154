// For: detecting a wrong ALLOW in the running service, whatever caused it.
//
// The audit re-checks a few ALLOW answers a second. Once the freshness bound has passed, it reads every fact the answer could depend on
// exactly from the primary and decides by the same rules, question and registers. If the result is ALLOW again, the answer was right.
// If not, either a fact was recorded or removed since the answer (within the bound and the time of the audit; such a case proves
// nothing), or the answer was wrong when it was given.
//
// The recording times of the facts read show whether one was recorded since. A removed fact has no such time, so the audit follows the
// change feed for values that are gone or contain nothing new: erasures and reverted imports. From the feed it also remembers changes
// whose recording time is far from now, ahead or behind: a wrong clock recorded them. Recording times are those of the writing instance,
// in whole seconds, so a fault shorter than about a second beyond the bound may be taken for a change; a lasting fault is found.
using System.Collections.Concurrent;
using System.Threading.Channels;
using Lookup.Core;
using Lookup.Core.Blocks;
using Lookup.Core.Decisions;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Core.Regimes;
using Lookup.Redis;
using Lookup.Redis.Following;
using Lookup.Server.Telemetry;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Prometheus;

namespace Lookup.Server.Reading;

/// <summary>An ALLOW answer to audit.</summary>
/// <param name="Number">The number.</param>
/// <param name="Question">The question, resolved.</param>
/// <param name="Rules">The rules that decided.</param>
/// <param name="Registers">The registers used.</param>
/// <param name="At">When it was answered, in Unix milliseconds.</param>
internal readonly record struct AllowAnswer(
    PhoneNumber Number, Question Question, Rules Rules, RegisterSnapshots Registers, long At);

/// <summary>Re-checks a sample of the ALLOW answers.</summary>
internal sealed class AllowAudit : BackgroundService, IReplicaObserver
{
    // A queue of some seconds; answers that do not fit are dropped and counted.
    private const int QueueLength = 1_024;

    // Maximum remembered numbers whose facts were removed; beyond it the audit draws no conclusions for a while.
    private const int MaxRemoved = 65_536;

    private const int Attempts = 20;

    // A recording time further ahead than clocks may differ comes from a wrong clock and proves nothing.
    private const long ClockSlackMs = 5_000;

    private readonly Lazy<FactReader> _reader;
    private readonly NumberCipher _cipher;
    private readonly ScopeNames _names;
    private readonly LookupServerOptions _options;
    private readonly TimeProvider _clock;
    private readonly ILogger<AllowAudit> _log;
    private readonly Channel<AllowAnswer> _queue = Channel.CreateBounded<AllowAnswer>(QueueLength);
    private readonly ConcurrentDictionary<NumberPseudonym, long> _removed = new();
    private readonly Counter _wrong;
    private readonly Counter _audits;
    private readonly long _everyMs;
    private long _next;
    private long _blindUntil;

    public AllowAudit(
        Lazy<FactReader> reader,
        NumberCipher cipher,
        ScopeNames names,
        LookupServerOptions options,
        ServiceMetrics metrics,
        TimeProvider clock,
        ILogger<AllowAudit> log)
    {
        (_reader, _cipher, _names, _options, _clock, _log) = (reader, cipher, names, options, clock, log);
        _everyMs = options.AllowAuditsPerSecond == 0 ? 0 : 1_000 / options.AllowAuditsPerSecond;
        _wrong = metrics.Factory.CreateCounter("lookup_wrong_allows_total", "ALLOW answers that the audit found wrong. Must be 0.");
        _audits = metrics.Factory.CreateCounter(
            "lookup_allow_audits_total",
            "Audited ALLOW answers by outcome: confirmed, wrong, changed since, unfinished (store unavailable), dropped.",
            ["outcome"]);
        foreach (var outcome in Enum.GetNames<Outcome>())
        {
            _audits.WithLabels(outcome.ToLowerInvariant());
        }
    }

    /// <summary>The outcome of an audit.</summary>
    internal enum Outcome
    {
        Confirmed,
        Wrong,
        Changed,
        Unfinished,
        Dropped,
    }

    /// <summary>Returns the number of audits with an outcome.</summary>
    internal double CountOf(Outcome outcome) => _audits.WithLabels(outcome.ToString().ToLowerInvariant()).Value;

    /// <summary>Returns whether to pass the next ALLOW to <see cref="Enqueue"/>. True a few times a second at most.</summary>
    internal bool Wants()
    {
        if (_everyMs == 0)
        {
            return false;
        }

        var now = Environment.TickCount64;
        var next = Volatile.Read(ref _next);
        return now >= next && Interlocked.CompareExchange(ref _next, now + _everyMs, next) == next;
    }

    /// <summary>Queues an answer for re-checking.</summary>
    internal void Enqueue(in AllowAnswer answer)
    {
        if (!_queue.Writer.TryWrite(answer))
        {
            Increment(Outcome.Dropped);
        }
    }

    /// <inheritdoc/>
    public void Changed(int partition, IReadOnlyList<FeedChange> changes)
    {
        if (_everyMs == 0)
        {
            return;
        }

        var now = _clock.GetUtcNow().ToUnixTimeMilliseconds();
        foreach (var change in changes)
        {
            if (Newest(change.Id.Kind, change.Value.Span) is { } recorded && Math.Abs((recorded * 1_000) - now) < ClockSlackMs)
            {
                continue;
            }

            if (_removed.Count >= MaxRemoved)
            {
                Volatile.Write(ref _blindUntil, now + 1);
            }
            else
            {
                _removed[change.Key] = now;
            }
        }
    }

    /// <inheritdoc/>
    public void Wrote(int partition, ulong version, NumberPseudonym key, FactId id)
    {
        // The feed delivers the change.
    }

    /// <inheritdoc/>
    public void Lost(int partition) => Volatile.Write(ref _blindUntil, _clock.GetUtcNow().ToUnixTimeMilliseconds() + 1);

    /// <inheritdoc/>
    public void Following(int partition, ulong version) => Lost(partition);

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await foreach (var answer in _queue.Reader.ReadAllAsync(stoppingToken))
            {
                // Two polls beyond the bound: by then every change that the answer could have missed has been polled.
                var due = answer.At + _options.FreshnessBoundMs + (2 * _options.ReplicaPollMs);
                // Waits no longer, even if the clock is set back by years.
                var wait = Math.Min(due - _clock.GetUtcNow().ToUnixTimeMilliseconds(), due - answer.At);
                if (wait > 0)
                {
                    await Task.Delay(TimeSpan.FromMilliseconds(wait), _clock, stoppingToken);
                }

                Increment(await AuditAsync(answer, stoppingToken));
                Forget(answer.At);
            }
        }
        catch (OperationCanceledException)
        {
            // Shutdown.
        }
    }

    private async Task<Outcome> AuditAsync(AllowAnswer answer, CancellationToken cancellation)
    {
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            try
            {
                using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
                limit.CancelAfter(_options.StoreReadLimitMs);
                var facts = FactSet.Create(_cipher.Encrypt(answer.Number), answer.Question, answer.Registers, answer.Rules);
                // As for every exact read: a primary that was replaced and does not know it would confirm anything.
                var freshness = new ReadFreshness(_clock.GetTimestamp(), IsDemanding: true, _clock, _options.FreshnessBoundMs);
                await _reader.Value.ReadAsync(facts, freshness, null, limit.Token);
                var hasChanged = HasChanged(answer, facts);
                await facts.ScreenAsync(_names, limit.Token);
                var block = (await _reader.Value.BlocksAsync(answer.Question.OrganisationName, limit.Token))
                    ?.Find(answer.Number.Value, answer.Question.CallTime, answer.Question.IsTimeNamed);
                hasChanged |= block is not null && HasChanged(answer, block);
                facts.Replace(block);
                var again = facts.Decide();
                facts.Dispose();
                return again.Verdict == Verdict.Allow ? Outcome.Confirmed : hasChanged ? Outcome.Changed : Report(answer, again);
            }
            catch (Exception e) when (e is StoreUnavailableException || (e is OperationCanceledException && !cancellation.IsCancellationRequested))
            {
                await Task.Delay(TimeSpan.FromMilliseconds(_options.RetryAfterMs), _clock, cancellation);
            }
        }

        return Outcome.Unfinished;
    }

    /// <summary>Returns whether a fact may have been recorded or removed since the answer.</summary>
    private bool HasChanged(in AllowAnswer answer, FactSet facts)
    {
        var now = _clock.GetUtcNow().ToUnixTimeMilliseconds();
        var since = answer.At - _options.FreshnessBoundMs;
        if (Volatile.Read(ref _blindUntil) > since || (_removed.TryGetValue(facts.Key, out var removed) && removed >= since))
        {
            return true;
        }

        for (var i = 0; i < facts.Ids.Length; i++)
        {
            if (facts.ValueAt(i) is { } value
                && (Newest(facts.Ids.Span[i].Kind, value) is not { } recorded
                    || ((recorded * 1_000) + 1_000 > since && (recorded * 1_000) - now < ClockSlackMs)))
            {
                return true;
            }
        }

        return false;
    }

    private bool HasChanged(in AllowAnswer answer, NumberBlock block)
    {
        var since = answer.At - _options.FreshnessBoundMs;
        foreach (var entry in block.Entries)
        {
            if ((entry.Recorded * 1_000L) + 1_000 > since)
            {
                return true;
            }
        }

        return false;
    }

    private Outcome Report(in AllowAnswer answer, in Decision again)
    {
        _wrong.Inc();
        _log.LogError(
            "WRONG ALLOW: {Number} for organisation {Organisation} was allowed at {At:yyyy-MM-ddTHH:mm:ss.fffZ}; an exact read says {Verdict}, {Reason}",
            answer.Number.ToString(),
            answer.Question.OrganisationName,
            DateTimeOffset.FromUnixTimeMilliseconds(answer.At),
            again.Verdict,
            again.Primary);
        return Outcome.Wrong;
    }

    /// <summary>Returns the latest recording time in Unix seconds; null if there is none or the value cannot be read.</summary>
    private static long? Newest(FactKind kind, ReadOnlySpan<byte> value)
    {
        Span<FactEntry> entries = stackalloc FactEntry[Timeline.MaxEntries];
        var count = value.IsEmpty ? 0 : Timeline.Read(kind, value, entries, out _);
        long? newest = null;
        for (var i = 0; i < count; i++)
        {
            newest = Math.Max(newest ?? 0, entries[i].Recorded);
        }

        return newest;
    }

    private void Forget(long answered)
    {
        var until = answered - _options.FreshnessBoundMs;
        foreach (var (key, at) in _removed)
        {
            if (at < until)
            {
                _removed.TryRemove(key, out _);
            }
        }
    }

    private void Increment(Outcome outcome) => _audits.WithLabels(outcome.ToString().ToLowerInvariant()).Inc();
}
