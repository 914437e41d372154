// For: deciding a chunk of up to 8,192 numbers at millions of numbers a second.
//
// The worker processes the chunk by columns, not number by number. It validates all numbers and encrypts them in one call. It prepares
// rules, question and the answer for "no facts" once for all numbers under the same rules. Then it probes the replica's filter, while the
// blocks of the next numbers are prefetched. Most numbers have no facts and are decided here. The worker looks up the others in the fact
// cache, some dozens in a row, so that the processor overlaps the cache misses. It reads what is missing from the store in one batch,
// the possible facts together with the objections, and decides those numbers one by one.
//
// Facts that were read are cached only for a number that was checked before: most list numbers are checked once, and caching costs
// more than everything else.
//
// Nothing is allocated per number: a worker reuses its arrays from chunk to chunk.
using System.Runtime.InteropServices;
using Lookup.Core.Blocks;
using Lookup.Core.Decisions;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Core.Regimes;
using Lookup.Redis;
using Lookup.Redis.Reading;
using Lookup.Server.Reading;

namespace Lookup.Server.Lists;

/// <summary>Decides chunks, one at a time: Reset, fill in the numbers, Screen, read, Settle.</summary>
internal sealed class ChunkWorker(RegimeSet regimes, ChunkBasis basis, FactCache cache, ScopeNames names)
{
    /// <summary>The maximum numbers in a chunk.</summary>
    internal const int MaxNumbers = 8_192;

    // Prefetch distance in numbers; enough to hide a miss of all processor caches behind other probes.
    private const int Ahead = 16;

    // Numbers looked up in the fact cache in one pass.
    private const int Together = 64;

    // Index of the answer for an invalid number.
    private const int Invalid = 0;

    private readonly ulong[] _numbers = new ulong[MaxNumbers];
    private readonly NumberPseudonym[] _keys = new NumberPseudonym[MaxNumbers];
    private readonly int[] _plans = new int[MaxNumbers];
    private readonly int[] _answers = new int[MaxNumbers];
    private readonly List<ItemAnswer> _distinct = new(MaxNumbers);
    private readonly List<PlannedRules> _planned = [];
    private readonly ListRules _rules = new(regimes);
    private readonly (int Number, uint Asked)[] _readItems = new (int, uint)[MaxNumbers];
    private readonly StoredValue[] _bySlot = new StoredValue[Decider.Slots];
    private readonly FactId[] _asked = new FactId[Decider.Slots];
    private readonly (int Number, int Partition, uint Asked)[] _possible = new (int, int, uint)[Together];
    private readonly CacheEntry?[] _entries = new CacheEntry?[Together];
    private readonly PackedFacts[] _known = new PackedFacts[Together];
    private readonly StoredValue[] _values = new StoredValue[Decider.Slots];
    private readonly int[] _sessions = new int[NumberPseudonym.MaxPartitions];
    private readonly bool[] _lost = new bool[NumberPseudonym.MaxPartitions];
    private readonly ChunkDecisions _decisions = new();
    private NumberBlock?[]? _blocks;
    private bool _keepsDecisions;
    private bool _hasBlocks;

    /// <summary>The numbers of the chunk as integers; 0 for an invalid number.</summary>
    internal Span<ulong> Numbers => _numbers.AsSpan(0, Count);

    /// <summary>The number of numbers in the chunk.</summary>
    internal int Count { get; private set; }

    /// <summary>For each number the index of its answer in <see cref="Distinct"/>.</summary>
    internal ReadOnlySpan<int> Answers => _answers.AsSpan(0, Count);

    /// <summary>The distinct answers; most apply to many numbers.</summary>
    internal ReadOnlySpan<ItemAnswer> Distinct => CollectionsMarshal.AsSpan(_distinct);

    /// <summary>The whole decisions of <see cref="Distinct"/>, if the chunk keeps them.</summary>
    internal ChunkDecisions Decisions => _decisions;

    /// <summary>The facts to read from the store.</summary>
    internal ReadBatch Reads { get; } = new();

    /// <summary>The rules that apply to numbers of the chunk.</summary>
    internal IReadOnlyList<Rules?> RulesUsed => _rules.Found;

    /// <summary>Prepares for a new chunk.</summary>
    /// <param name="count">The numbers in the chunk, up to <see cref="MaxNumbers"/>.</param>
    /// <param name="keepsDecisions">Whether to keep whole decisions, for single checks.</param>
    internal void Reset(int count, bool keepsDecisions = false)
    {
        Count = count;
        _keepsDecisions = keepsDecisions;
        Reads.Clear();
        basis.Clear();
        Array.Clear(_lost);
        _rules.Start(0);
        BeginAnswers();
    }

    /// <summary>Records that the demanded token of a partition is of another replication history, so that no read can satisfy it.</summary>
    internal void MarkLost(int partition) => _lost[partition] = true;

    /// <summary>Gives every valid number the same answer.</summary>
    internal void AnswerAll(in ItemAnswer answer)
    {
        basis.Clear();
        BeginAnswers();
        var place = Add(answer);
        for (var i = 0; i < Count; i++)
        {
            _answers[i] = PhoneNumber.TryFrom(_numbers[i], out _, out _) ? place : Invalid;
        }
    }

    /// <summary>Decides numbers by filter and fact cache and collects the facts to read.</summary>
    /// <param name="question">The question, resolved.</param>
    /// <param name="registers">The loaded registers.</param>
    internal void Screen(in Question question, RegisterSnapshots registers)
    {
        _rules.Start(question.CallTime, question.Region);
        for (var i = 0; i < Count; i++)
        {
            _plans[i] = _rules.IndexOf(_numbers[i]);
        }

        FindBlocks(question);

        for (var p = 0; p < basis.Partitions; p++)
        {
            _sessions[p] = cache.Session(p);
        }

        for (var planned = 0; planned < _rules.Found.Count;)
        {
            planned = Plan(planned, question, registers);
        }

        basis.Encrypt(Numbers, _keys);
        for (var i = 0; i < Math.Min(Ahead, Count); i++)
        {
            basis.Prefetch(_keys[i]);
        }

        var possible = 0;
        for (var i = 0; i < Count; i++)
        {
            if (i + Ahead < Count)
            {
                basis.Prefetch(_keys[i + Ahead]);
            }

            if (_plans[i] < 0)
            {
                _answers[i] = Invalid;
                continue;
            }

            var plan = _planned[_plans[i]];
            if (plan.Rules is null)
            {
                _answers[i] = AnswerNothing(i, plan, question, registers);
                continue;
            }

            var partition = basis.PartitionOf(_keys[i]);
            var asked = plan.All;
            if (basis.FilterOf(partition) is { } filter)
            {
                basis.UseFilter(partition);
                asked = plan.Possible(filter, _keys[i]);
                if (asked == 0)
                {
                    _answers[i] = AnswerNothing(i, plan, question, registers);
                    continue;
                }

                asked |= plan.Objections;
                if (cache.IsOn)
                {
                    _possible[possible++] = (i, partition, asked);
                    if (possible == Together)
                    {
                        DecideCached(possible, question, registers);
                        possible = 0;
                    }

                    continue;
                }
            }

            AddRead(i, plan, asked);
        }

        DecideCached(possible, question, registers);
    }

    /// <summary>Decides the remaining numbers by the facts read, whose names were learned.</summary>
    /// <param name="question">As in <see cref="Screen"/>.</param>
    /// <param name="registers">As in <see cref="Screen"/>.</param>
    /// <param name="demand">The consistency token the reads must satisfy, or null.</param>
    /// <param name="freshness">The required freshness of the reads.</param>
    internal void Settle(in Question question, RegisterSnapshots registers, ConsistencyToken? demand, in ReadFreshness freshness)
    {
        for (var i = 0; i < _rules.Found.Count; i++)
        {
            _planned[i].ResolveNames(question);
        }

        for (var item = 0; item < Reads.Count; item++)
        {
            var (number, asked) = _readItems[item];
            if (Reads.Fault(item) is not null || !freshness.Accepts(Reads.AsOf(item)))
            {
                _answers[number] = Add(ItemAnswer.Unavailable);
                continue;
            }

            var (partition, version) = Reads.Position(item);
            if (demand is not null && (_lost[partition] || demand.VersionOf(partition) > version))
            {
                _answers[number] = Add(ItemAnswer.NotFresh);
                continue;
            }

            basis.UseRead(partition, version, freshness.AgeOf(Reads.AsOf(item)));
            if (cache.IsOn && cache.Doorkeeper.MarkSeen(_keys[number]))
            {
                Keep(item, number, asked);
            }

            _answers[number] = Add(
                _planned[_plans[number]].Decide(About(number, question), registers, asked, Reads, item, _bySlot));
        }
    }

    /// <summary>Decides the numbers that are in the fact cache; adds the others to the reads.</summary>
    private void DecideCached(int count, in Question question, RegisterSnapshots registers)
    {
        for (var i = 0; i < count; i++)
        {
            _entries[i] = cache.Find(_keys[_possible[i].Number]);
        }

        for (var i = 0; i < count; i++)
        {
            _known[i] = new PackedFacts(_entries[i]?.Data);
        }

        ulong found = 0;
        for (var i = 0; i < count; i++)
        {
            found |= cache.IsOfNow(_possible[i].Partition, _known[i]) ? 1UL << i : 0;
        }

        var hits = 0;
        for (var i = 0; i < count; i++)
        {
            var (number, _, asked) = _possible[i];
            var plan = _planned[_plans[number]];
            if ((found & (1UL << i)) != 0 && plan.TryDecide(About(number, question), registers, asked, _known[i], _bySlot, out var decision))
            {
                hits++;
                _answers[number] = Add(decision);
            }
            else
            {
                AddRead(number, plan, asked);
            }
        }

        // An idle worker must not keep entries alive that the cache has evicted.
        _entries.AsSpan(0, count).Clear();
        _known.AsSpan(0, count).Clear();

        cache.CountLookups(hits, count - hits);
    }

    private void BeginAnswers()
    {
        _distinct.Clear();
        _distinct.Add(ItemAnswer.Invalid);
        _decisions.Clear();
        KeepUndecided(ItemAnswer.Invalid);
    }

    private int Add(in Decision decision)
    {
        if (!_keepsDecisions)
        {
            return Add(ItemAnswer.Of(decision));
        }

        if (_decisions.Find(decision) is >= 0 and var earlier)
        {
            return earlier;
        }

        _distinct.Add(ItemAnswer.Of(decision));
        _decisions.Add(decision);
        return _distinct.Count - 1;
    }

    private void KeepUndecided(in ItemAnswer answer)
    {
        if (_keepsDecisions)
        {
            _decisions.Add(Decision.Without(answer.Verdict, answer.Reason, ""));
        }
    }

    private int Add(in ItemAnswer answer)
    {
        // Consecutive numbers often have the same answer.
        if (_distinct[^1] == answer)
        {
            return _distinct.Count - 1;
        }

        _distinct.Add(answer);
        KeepUndecided(answer);
        return _distinct.Count - 1;
    }

    // Costs nothing while no block binds the organisation.
    private void FindBlocks(in Question question)
    {
        _hasBlocks = question.Blocks is not null;
        if (question.Blocks is not { } blocks)
        {
            return;
        }

        _blocks ??= new NumberBlock?[MaxNumbers];
        for (var i = 0; i < Count; i++)
        {
            _blocks[i] = blocks.Find(_numbers[i], question.CallTime, question.IsTimeNamed, question.KnownAt);
        }
    }

    private NumberBlock? BlockOf(int number) => _hasBlocks ? _blocks![number] : null;

    private Question About(int number, in Question question) => BlockOf(number) is { } block ? question with { Block = block } : question;

    // The answer in a list names only reasons, which do not depend on the block; a whole decision does.
    private int AnswerNothing(int number, PlannedRules plan, in Question question, RegisterSnapshots registers)
    {
        if (BlockOf(number) is null)
        {
            return plan.Nothing;
        }

        if (plan.Blocked < 0 || _keepsDecisions)
        {
            plan.Blocked = Add(plan.DecideNothing(About(number, question), registers));
        }

        return plan.Blocked;
    }

    private void AddRead(int number, PlannedRules plan, uint asked)
    {
        var item = Reads.Add(_keys[number], Select(plan, asked));
        _readItems[item] = (number, asked);
    }

    private void Keep(int item, int number, uint asked)
    {
        var ids = Select(_planned[_plans[number]], asked);
        for (var i = 0; i < ids.Length; i++)
        {
            _values[i] = Reads.Value(item, i);
        }

        var (partition, version) = Reads.Position(item);
        cache.Keep(_sessions[partition], partition, version, Reads.Key(item), ids, _values.AsSpan(0, ids.Length));
    }

    private ReadOnlySpan<FactId> Select(PlannedRules plan, uint asked)
    {
        var count = 0;
        var ids = plan.Ids;
        for (var i = 0; i < ids.Length; i++)
        {
            if ((asked & (1u << i)) != 0)
            {
                _asked[count++] = ids[i];
            }
        }

        return _asked.AsSpan(0, count);
    }

    private int Plan(int place, in Question question, RegisterSnapshots registers)
    {
        if (place == _planned.Count)
        {
            _planned.Add(new PlannedRules(names));
        }

        var plan = _planned[place];
        plan.Prepare(_rules.Found[place], question);
        plan.Blocked = -1;
        plan.Nothing = Add(plan.DecideNothing(question, registers));
        return place + 1;
    }
}
