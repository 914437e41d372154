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

/// <summary>A chunk of 8,000 Dutch numbers without facts, over filters for 10 M facts; the time is that of one number.</summary>
[MemoryDiagnoser]
public class ChunkBenchmarks : IDisposable
{
    private const int Count = 8_000;
    private const int Partitions = 16;

    private readonly NumberCipher _cipher = new(new byte[32]);
    private readonly ulong[] _numbers = new ulong[Count];
    private readonly NumberPseudonym[] _keys = new NumberPseudonym[Count];
    private readonly RegisterSnapshots _snapshots = new(RegimeSet.BuiltIn, new Dictionary<string, long[]>());
    private Question _question = new() { CallTime = 0, OrganisationName = "", Organisation = 0, OrganisationGroup = 0 };
    private ChunkWorker _worker = null!;

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
        var replicas = new PartitionReplica[Partitions];
        var random = new Random(1);
        for (var p = 0; p < Partitions; p++)
        {
            var filter = new BlockFilter(BlockFilter.BlocksFor(10_000_000 / Partitions));
            for (var i = 0; i < 10_000_000 / Partitions; i++)
            {
                filter.Add(new NumberPseudonym(0, (ulong)random.NextInt64() << 1), new FactId(FactKind.Objection, 0, Scope.All));
            }

            replicas[p] = new PartitionReplica(filter, 1, 1, 0);
        }

        for (var i = 0; i < Count; i++)
        {
            _numbers[i] = 31_610_000_000 + (ulong)random.Next(40_000_000);
        }

        var basis = new ChunkBasis(Partitions, _cipher);
        basis.TakeFilters(replicas);
        _worker = new ChunkWorker(RegimeSet.BuiltIn, basis, new FactCache(Partitions, 0), new ScopeNames(null!));
    }

    public void Dispose()
    {
        _cipher.Dispose();
        GC.SuppressFinalize(this);
    }

    [Benchmark(OperationsPerInvoke = Count)]
    public int Screen()
    {
        _worker.Reset(Count);
        _numbers.CopyTo(_worker.Numbers);
        _worker.Screen(_question, _snapshots);
        return _worker.Reads.Count;
    }

    [Benchmark(OperationsPerInvoke = Count)]
    public int ValidateAndFindRules()
    {
        var known = 0;
        foreach (var value in _numbers)
        {
            known += PhoneNumber.TryFrom(value, out var number, out _) && RegimeSet.BuiltIn.Find(number, _question.CallTime) is not null ? 1 : 0;
        }

        return known;
    }

    [Benchmark(OperationsPerInvoke = Count)]
    public void Encrypt() => _cipher.Encrypt(_numbers, _keys);
}
