using BenchmarkDotNet.Attributes;
using Lookup.Core.Blocks;

namespace Lookup.Benchmarks;

/// <summary>What blocks of number ranges add to a check: the lookup of one number among many blocks, half of which have ended.</summary>
[MemoryDiagnoser]
public class BlockBenchmarks
{
    private const int Numbers = 1 << 16;
    private const long Now = 1_000_000;

    private readonly ulong[] _numbers = new ulong[Numbers];
    private BlockView? _view;
    private BlockView? _none;
    private int _next;

    [Params(1_000, 100_000)]
    public int Blocks { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        var random = new Random(20261130);
        var set = BlockSet.Empty.With(Enumerable.Range(0, Blocks).Select(i =>
        {
            // Prefixes of 10,000 numbers, every tenth for one organisation.
            var first = 12_000_000_000UL + (ulong)(random.Next(790_000) * 10_000L);
            return NumberBlock.Empty(i % 10 == 0 ? "acme" : "*", new BlockRange(first, first + 9_999, IsPrefix: false))
                .With(new BlockEntry { From = 1, Until = i % 2 == 0 ? BlockEntry.Open : Now - 1, Source = 4 });
        }));
        set.Prepare();
        _view = set.For("acme");
        _none = BlockSet.Empty.For("acme");
        for (var i = 0; i < Numbers; i++)
        {
            _numbers[i] = 12_000_000_000UL + (ulong)random.NextInt64(7_900_000_000);
        }
    }

    [Benchmark(Baseline = true)]
    public bool WithoutBlocks() => _none is not null && _none.Find(_numbers[_next++ & (Numbers - 1)], Now, isTimeNamed: false) is not null;

    [Benchmark]
    public bool PlacedNow() => _view!.Find(_numbers[_next++ & (Numbers - 1)], Now, isTimeNamed: false) is not null;

    [Benchmark]
    public bool AtANamedTime() => _view!.Find(_numbers[_next++ & (Numbers - 1)], Now - 10, isTimeNamed: true) is not null;
}
