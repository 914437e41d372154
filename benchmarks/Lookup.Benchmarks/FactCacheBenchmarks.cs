using BenchmarkDotNet.Attributes;
using Lookup.Core;
using Lookup.Core.Decisions;
using Lookup.Core.Facts;
using Lookup.Core.Filters;
using Lookup.Core.Numbers;
using Lookup.Core.Regimes;
using Lookup.Redis.Following;
using Lookup.Server.Lists;
using Lookup.Server.Reading;

namespace Lookup.Benchmarks;

/// <summary>The record cache with 200,000 Dutch numbers with a consent each; the time is that of one number.</summary>
[MemoryDiagnoser]
public class FactCacheBenchmarks : IDisposable
{
    private const int Count = 200_000;
    private const int Chunk = 8_000;
    private const int Partitions = 16;

    private readonly NumberCipher _cipher = new(new byte[32]);
    private readonly ulong[] _numbers = new ulong[Count];
    private readonly NumberPseudonym[] _keys = new NumberPseudonym[Count];
    private readonly RegisterSnapshots _snapshots = new(RegimeSet.BuiltIn, new Dictionary<string, long[]>());
    private readonly FactCache _cache = new(Partitions, 64 * 1024 * 1024);
    private readonly FactId[] _ids = new FactId[Decider.Slots];
    private readonly StoredValue[] _values = new StoredValue[Decider.Slots];
    private Question _question = new() { CallTime = 0, OrganisationName = "", Organisation = 0, OrganisationGroup = 0 };
    private ChunkWorker _worker = null!;
    private int _asked;
    private int _next;

    [GlobalSetup]
    public void Setup()
    {
        _question = new Question
        {
            CallTime = new DateTimeOffset(2024, 3, 12, 14, 0, 0, TimeSpan.FromHours(1)).ToUnixTimeMilliseconds(),
            OrganisationName = "acme",
            Organisation = Scope.FromName("acme"),
            OrganisationGroup = Scope.FromName("acme"),
            Purpose = Purpose.Commercial,
        };
        for (var i = 0; i < Count; i++)
        {
            _numbers[i] = 31_610_000_000 + (ulong)(i * 387_420_489L % 40_000_000);
        }

        _cipher.Encrypt(_numbers, _keys);
        FindRules();
        var consent = Timeline.Single(FactKind.Consent, new FactEntry { Effective = _question.CallTime - 1_000, Source = 1, Marks = FactMarks.Evidence });
        var replicas = new PartitionReplica[Partitions];
        for (var p = 0; p < Partitions; p++)
        {
            replicas[p] = new PartitionReplica(new BlockFilter(BlockFilter.BlocksFor(10_000_000 / Partitions)), 1, 1, 0);
            _cache.Following(p, 1);
        }

        foreach (var key in _keys)
        {
            var partition = key.Partition(Partitions);
            for (var i = 0; i < _asked; i++)
            {
                if (_ids[i].Kind == FactKind.Consent)
                {
                    replicas[partition].Filter!.Add(key, _ids[i]);
                    _values[i] = consent;
                }
            }

            _cache.Keep(_cache.Session(partition), partition, 1, key, _ids.AsSpan(0, _asked), _values.AsSpan(0, _asked));
        }

        var basis = new ChunkBasis(Partitions, _cipher);
        basis.TakeFilters(replicas);
        // All that is found is named, so no store is asked.
        var names = new ScopeNames(null!);
        names.Learn(_question.Organisation, "acme");
        _worker = new ChunkWorker(RegimeSet.BuiltIn, basis, _cache, names);
    }

    public void Dispose()
    {
        _cipher.Dispose();
        GC.SuppressFinalize(this);
    }

    [Benchmark(OperationsPerInvoke = Chunk)]
    public int Screen()
    {
        _worker.Reset(Chunk);
        _numbers.AsSpan(Next(), Chunk).CopyTo(_worker.Numbers);
        _worker.Screen(_question, _snapshots);
        return _worker.Reads.Count == 0 ? 0 : throw new InvalidOperationException("Not all were found.");
    }

    [Benchmark(OperationsPerInvoke = Chunk)]
    public int Find()
    {
        var found = 0;
        foreach (var key in _keys.AsSpan(Next(), Chunk))
        {
            found += _cache.TryFind(key.Partition(Partitions), key, out var facts) ? facts.Session : 0;
        }

        return found;
    }

    // What is read of a number with a consent: that, and the objections with it.
    private void FindRules()
    {
        PhoneNumber.TryFrom(_numbers[0], out var number, out _);
        var rules = RegimeSet.BuiltIn.Find(number, _question.CallTime)!;
        var count = Decider.Plan(rules, _question, _ids, new byte[Decider.Slots]);
        for (var i = 0; i < count; i++)
        {
            if (_ids[i].Kind is FactKind.Objection or FactKind.Consent)
            {
                _ids[_asked++] = _ids[i];
            }
        }
    }

    private int Next()
    {
        _next = (_next + Chunk) % Count;
        return _next;
    }
}
