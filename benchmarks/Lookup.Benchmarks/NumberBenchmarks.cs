using BenchmarkDotNet.Attributes;
using Lookup.Core.Numbers;

namespace Lookup.Benchmarks;

/// <summary>From the text of a number to its key: one call, and a chunk of a stream.</summary>
[MemoryDiagnoser]
public class NumberBenchmarks : IDisposable
{
    private const int Chunk = 8_192;

    private readonly NumberCipher _cipher = new(new byte[32]);
    private readonly ulong[] _numbers = [.. Enumerable.Range(0, Chunk).Select(i => 31_610_000_000UL + (ulong)i)];
    private readonly NumberPseudonym[] _keys = new NumberPseudonym[Chunk];

    [Benchmark]
    public ulong Parse() => PhoneNumber.TryParse("+31612345678", out var number, out _) ? number.Value : 0;

    [Benchmark]
    public NumberPseudonym EncryptOne() => _cipher.Encrypt(new PhoneNumber(31_612_345_678));

    [Benchmark(OperationsPerInvoke = Chunk)]
    public void EncryptChunk() => _cipher.Encrypt(_numbers, _keys);

    [GlobalCleanup]
    public void Dispose()
    {
        _cipher.Dispose();
        GC.SuppressFinalize(this);
    }
}
