using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Lookup.Core;
using Lookup.Core.Decisions;
using Lookup.Core.Numbers;
using Lookup.Core.Receipts;
using Lookup.Core.Regimes;
using Lookup.Redis;
using Lookup.Server.Errors;
using Lookup.Server.Mapping;
using Lookup.Server.Reading;
using Lookup.Server.Store;
using Lookup.Server.Telemetry;

namespace Lookup.Server.Lists;

/// <summary>Processes one chunk from request to answer. Reused for another chunk once the answer is written.</summary>
internal sealed class ChunkJob
{
    private readonly ChunkBasis _basis;
    private readonly ChunkWorker _worker;
    private readonly ChunkServices _services;
    private readonly V1.CheckStreamResponse _response = new() { Common = new V1.Decision() };
    private int[] _counts = [];
    private ulong[] _codes = [];
    private Question _question;
    private RegisterSnapshots _registers = null!;
    private TimeSpan _registryAge;
    private bool _isKnown;
    private long _started;

    internal ChunkJob(ChunkServices services)
    {
        _services = services;
        _basis = new ChunkBasis(services.View.Partitions, services.Cipher);
        _worker = new ChunkWorker(services.Regimes, _basis, services.Cache, services.Names);
    }

    /// <summary>Decides a chunk. The answer is valid until the next call.</summary>
    /// <param name="chunk">The validated chunk.</param>
    /// <param name="open">The settings of the stream.</param>
    /// <param name="cancellation">Cancelled with the call.</param>
    internal async Task<V1.CheckStreamResponse> DecideAsync(V1.CheckStreamChunk chunk, OpenStream open, CancellationToken cancellation)
    {
        using var span = Tracing.IsOn ? Tracing.StartSpan("chunk") : null;
        span?.SetTag("lookup.numbers", Math.Max(chunk.Numbers.Count, chunk.Texts.Count));
        _started = _services.Clock.GetTimestamp();
        var now = _services.Clock.GetUtcNow().ToUnixTimeMilliseconds();
        await FillAsync(chunk, open, cancellation);
        var asked = open.At(now);
        _question = asked.Question;
        try
        {
            var registry = await RegistryAsync(open, cancellation);
            (_question, _registers) = (asked.Resolve(registry, _services.Organisations.IsKnown(_question.Organisation) is true), registry.Registers);
            _isKnown = registry.Find(open.Organisation) is not null;
            _registryAge = _services.Clock.AgeAt(registry.ReadAt, _services.Clock.GetTimestamp());
            await DecideAsync(_question, registry, open, cancellation);
            if (_services.Shadow.IsOn && !open.Hypothetical)
            {
                _services.Shadow.Sample(_worker.Numbers, _question, _registers);
            }
        }
        catch (Exception e) when (e is StoreUnavailableException || (e is OperationCanceledException && !cancellation.IsCancellationRequested))
        {
            _worker.AnswerAll(ItemAnswer.Unavailable);
        }

        Write(chunk, open, asked.Question.CallTime, now);
        CountDecisions(open, now);
        _services.Lists.Decided(_services.Clock.GetElapsedTime(_started));
        return _response;
    }

    /// <summary>Withdraws what has expired since the chunk arrived, for example behind earlier chunks. Call it just before the answer is written.</summary>
    internal void Expire()
    {
        var took = _services.Clock.GetElapsedTime(_started);
        Expiry.Apply(_response.Common, took);
        foreach (var decision in _response.Decisions)
        {
            Expiry.Apply(decision, took);
        }
    }

    /// <summary>The numbers of the chunk, in order.</summary>
    internal ReadOnlySpan<ulong> Numbers => _worker.Numbers;

    /// <summary>The question, resolved.</summary>
    internal ref readonly Question Question => ref _question;

    /// <summary>Age of the oldest data the answers are based on.</summary>
    internal TimeSpan Age => _basis.Age;

    /// <summary>Writes each number with its answer, for the receipt of the list.</summary>
    internal void WriteItems(Span<ulong> items)
    {
        var numbers = _worker.Numbers;
        var answers = _worker.Answers;
        var distinct = _worker.Distinct;
        Array.Resize(ref _codes, Math.Max(_codes.Length, distinct.Length));
        for (var i = 0; i < distinct.Length; i++)
        {
            _codes[i] = ListChain.Item(0, distinct[i].Verdict, distinct[i].Reason);
        }

        for (var i = 0; i < items.Length; i++)
        {
            items[i] = ListChain.Item(numbers[i], 0, 0) | _codes[answers[i]];
        }
    }

    /// <summary>Counts the decisions and offers an ALLOW to the audit.</summary>
    private void CountDecisions(OpenStream open, long now)
    {
        var answers = _worker.Answers;
        var distinct = _worker.Distinct;
        Array.Resize(ref _counts, Math.Max(_counts.Length, distinct.Length));
        Array.Clear(_counts);
        foreach (var answer in answers)
        {
            _counts[answer]++;
        }

        for (var i = 0; i < distinct.Length; i++)
        {
            if (_counts[i] == 0)
            {
                continue;
            }

            _services.Metrics.Decided(EntryPoint.Stream, distinct[i].Verdict, distinct[i].Reason, _counts[i]);
            _services.Metrics.DecidedFor(open.Organisation, _isKnown, distinct[i].Verdict, _counts[i]);
            if (distinct[i].Verdict == Verdict.Allow && !open.Hypothetical && _services.Audit.Wants())
            {
                Audit(answers.IndexOf(i), now);
            }
        }
    }

    private void Audit(int item, long now)
    {
        if (PhoneNumber.TryFrom(_worker.Numbers[item], out var number, out _)
            && _services.Regimes.Find(number, _question.CallTime, _question.Region) is { } rules)
        {
            _services.Audit.Enqueue(new AllowAnswer(number, _question, rules, _registers, now));
        }
    }

    private async ValueTask<RegistrySnapshot> RegistryAsync(OpenStream open, CancellationToken call)
    {
        if (!open.Exact && _services.Organisations.IsKnown(_question.Organisation) is not null)
        {
            return await _services.View.RegistryAsync(exact: false, call);
        }

        using var limit = Limit(open, call);
        await _services.Organisations.LearnAsync(_question.Organisation, limit.Token);
        return await _services.View.RegistryAsync(open.Exact, limit.Token);
    }

    private async Task DecideAsync(Question question, RegistrySnapshot registry, OpenStream open, CancellationToken call)
    {
        var freshness = _services.View.Freshness(open.IsDemanding);
        using (await EnterAsync(open, call))
        {
            _basis.TakeFilters(_services.View, open.Exact, open.Demand, _services.Clock);
            _worker.Screen(question, registry.Registers);
        }

        if (_worker.Reads.Count == 0)
        {
            return;
        }

        // The read limit starts here; waiting for a slot has its own limit.
        using (var limit = Limit(open, call))
        {
            await FactReader.ReadAsync(_services.Store, _services.Names, _basis.Partitions, _worker.Reads, freshness, limit.Token);
            await CompareHistoryAsync(open.Demand, limit.Token);
        }

        using (await EnterAsync(open, call))
        {
            _worker.Settle(question, registry.Registers, open.Demand, freshness);
        }
    }

    private ValueTask<BatchLimiter.Slot> EnterAsync(OpenStream open, CancellationToken call) =>
        open.Decisions ? default : _services.Limiter.EnterAsync(call);

    // No read of this replication history can satisfy a token of another one.
    private async ValueTask CompareHistoryAsync(ConsistencyToken? demand, CancellationToken cancellation)
    {
        for (var p = 0; demand is not null && p < _basis.Partitions; p++)
        {
            if (!await _services.Feed.HasAsync(p, demand.VersionOf(p), demand.MarkOf(p), cancellation))
            {
                _worker.MarkLost(p);
            }
        }
    }

    private CancellationTokenSource Limit(OpenStream open, CancellationToken call)
    {
        var limit = CancellationTokenSource.CreateLinkedTokenSource(call);
        limit.CancelAfter(open.Decisions ? _services.Options.StoreReadLimitMs : _services.Options.StoreBatchLimitMs);
        return limit;
    }

    /// <summary>Copies or parses the numbers of a chunk. Parsing takes a slot: numbers in national format cost as much as a decision.</summary>
    internal ValueTask FillAsync(V1.CheckStreamChunk chunk, OpenStream open, CancellationToken cancellation)
    {
        if (chunk.Texts.Count > 0)
        {
            return new ValueTask(FillByTextsAsync(chunk, open, cancellation));
        }

        _worker.Reset(chunk.Numbers.Count, open.Decisions);
        UnsafeCollectionOperations.AsSpan(chunk.Numbers).CopyTo(_worker.Numbers);
        return ValueTask.CompletedTask;
    }

    private async Task FillByTextsAsync(V1.CheckStreamChunk chunk, OpenStream open, CancellationToken cancellation)
    {
        using var slot = await _services.Limiter.EnterAsync(cancellation);
        _worker.Reset(chunk.Texts.Count);
        for (var i = 0; i < chunk.Texts.Count; i++)
        {
            _worker.Numbers[i] = NumberParser.Instance.TryParse(chunk.Texts[i], open.Region, out var number, out _) ? number.Value : 0;
        }
    }

    private void Write(V1.CheckStreamChunk chunk, OpenStream open, long callTime, long now)
    {
        var answers = _worker.Answers;
        var distinct = _worker.Distinct;
        _response.Sequence = chunk.Sequence;
        var verdicts = Resize(_response.Verdicts, answers.Length);
        var reasons = Resize(_response.Reasons, answers.Length);
        var validUntil = long.MaxValue;
        var allowed = false;
        var unanswered = false;
        UInt128 further = 0;
        for (var i = 0; i < answers.Length; i++)
        {
            verdicts[i] = (V1.Verdict)distinct[answers[i]].Verdict;
            allowed |= verdicts[i] == V1.Verdict.Allow;
            reasons[i] = (V1.ReasonCode)distinct[answers[i]].Reason;
        }

        foreach (ref readonly var answer in distinct)
        {
            if (answer.Verdict == Verdict.Allow)
            {
                validUntil = answer.ValidUntil > 0 ? Math.Min(validUntil, answer.ValidUntil) : validUntil;
                further |= answer.Reasons & FurtherReasons.All;
            }
            else if (answer.Reason is ReasonCode.StoreUnavailable or ReasonCode.NotFresh)
            {
                unanswered = true;
            }
        }

        // The reused message may hold the answer to an earlier chunk, of another stream.
        _response.ReasonBitsMeaning.Clear();
        _response.ReasonBits.Clear();
        _response.Numbers.Clear();
        _response.Receipt = null;
        if (open.AllReasons)
        {
            WriteReasonBits(answers, distinct);
        }

        if (chunk.Texts.Count > 0)
        {
            _worker.Numbers.CopyTo(Resize(_response.Numbers, answers.Length));
        }

        WriteCommon(open, callTime, now, allowed ? validUntil : 0, unanswered);
        WriteFurtherReasons(allowed ? further : 0);
        WriteDecisions(open, callTime, now);
    }

    private void WriteDecisions(OpenStream open, long callTime, long now)
    {
        _response.Decisions.Clear();
        _response.DecisionIndexes.Clear();
        if (open.Decisions)
        {
            var context = new AnswerContext(
                callTime, now, _services.Options.FreshnessBoundMs, _services.Options.RetryAfterMs, open.Hypothetical, _basis.Age, _registryAge,
                _response.Common.ConsistencyToken);
            _worker.Decisions.Write(_response, _worker.Answers, context, open.AllReasons);
        }
    }

    // They concern the question or what is loaded, so they are written once per chunk and cost nothing per number.
    private void WriteFurtherReasons(UInt128 further)
    {
        var reasons = _response.Common.Reasons;
        reasons.Clear();
        for (; further != 0; further &= further - 1)
        {
            var code = (ReasonCode)(int)UInt128.TrailingZeroCount(further);
            reasons.Add(DecisionMapping.Map(new Reason(code, FurtherReasons.TextOf(code))));
        }
    }

    private void WriteCommon(OpenStream open, long callTime, long now, long validUntil, bool unanswered)
    {
        var common = _response.Common;
        var age = _basis.Age;
        WriteRegimes();
        var only = _response.Regimes.Count == 1 ? _response.Regimes[0] : null;
        common.Regime = only?.Regime ?? "";
        common.RegimeVersion = only?.Version ?? "";
        common.CallTime = FieldFaults.ToTimestamp(callTime);
        common.Age = Duration.FromTimeSpan(age);
        common.ConsistencyToken = _basis.Token(_services.Manifest.Epoch, _services.Feed);
        common.Hypothetical = open.Hypothetical;
        common.ValidUntil = validUntil is > 0 and < long.MaxValue ? FieldFaults.ToTimestamp(validUntil) : null;
        var oldest = age > _registryAge ? age : _registryAge;
        var reusable = validUntil > 0 && !open.Hypothetical
            ? Math.Min(validUntil, now - (long)oldest.TotalMilliseconds + _services.Options.FreshnessBoundMs)
            : 0;
        common.ReusableFor = reusable > 0 ? DecisionMapping.ReusableFor(reusable, now) : null;
        common.ReusableUntil = common.ReusableFor is null ? null : FieldFaults.ToTimestamp(reusable);
        common.RetryAfter = unanswered ? Duration.FromTimeSpan(TimeSpan.FromMilliseconds(_services.Options.RetryAfterMs)) : null;
    }

    private void WriteRegimes()
    {
        _response.Regimes.Clear();
        foreach (var rules in _worker.RulesUsed)
        {
            if (rules is not null && !_response.Regimes.Any(r => r.Regime == rules.Id && r.Version == rules.Version))
            {
                _response.Regimes.Add(new V1.RegimeVersion { Regime = rules.Id, Version = rules.Version });
            }
        }
    }

    private void WriteReasonBits(ReadOnlySpan<int> answers, ReadOnlySpan<ItemAnswer> distinct)
    {
        UInt128 all = 0;
        foreach (ref readonly var answer in distinct)
        {
            all |= answer.Reasons;
        }

        Span<byte> place = stackalloc byte[128];
        for (var code = 0; code < place.Length; code++)
        {
            if ((all & (UInt128.One << code)) != 0)
            {
                place[code] = (byte)_response.ReasonBitsMeaning.Count;
                _response.ReasonBitsMeaning.Add((V1.ReasonCode)code);
            }
        }

        var bits = Resize(_response.ReasonBits, answers.Length);
        for (var i = 0; i < answers.Length; i++)
        {
            var word = 0UL;
            for (var rest = distinct[answers[i]].Reasons; rest != 0; rest &= rest - 1)
            {
                word |= 1UL << place[(int)UInt128.TrailingZeroCount(rest)];
            }

            bits[i] = word;
        }
    }

    private static Span<T> Resize<T>(Google.Protobuf.Collections.RepeatedField<T> field, int count)
    {
        UnsafeCollectionOperations.SetCount(field, count);
        return UnsafeCollectionOperations.AsSpan(field);
    }
}
