using BenchmarkDotNet.Attributes;
using Lookup.Core;
using Lookup.Core.Facts;
using Lookup.Core.Filters;
using Lookup.Core.Numbers;

namespace Lookup.Benchmarks;

/// <summary>Probes of filters that fit the cache and that do not; each probe is of another number.</summary>
[MemoryDiagnoser]
public class FilterBenchmarks
{
    private const int Probes = 4_096;

    private readonly NumberPseudonym[] _keys = new NumberPseudonym[Probes];
    private readonly FactId _id = new(FactKind.Objection, 0, Scope.FromName("acme"));
    private BlockFilter _filter = null!;

    [Params(1, 32, 512)]
    public int MegaBytes { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _filter = new BlockFilter(MegaBytes * 1024 * 1024 / 32);
        var random = new Random(1);
        for (var i = 0; i < Probes; i++)
        {
            _keys[i] = new NumberPseudonym((ulong)random.NextInt64(), (ulong)random.NextInt64() ^ ((ulong)random.NextInt64() << 1));
        }
    }

    [Benchmark(OperationsPerInvoke = Probes)]
    public int Probe()
    {
        var hits = 0;
        foreach (var key in _keys)
        {
            hits += _filter.MayContain(key, _id) ? 1 : 0;
        }

        return hits;
    }
}
