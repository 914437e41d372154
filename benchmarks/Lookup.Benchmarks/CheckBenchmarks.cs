using System.Buffers;
using BenchmarkDotNet.Attributes;
using Google.Protobuf;
using Lookup.Core.Numbers;
using Lookup.Core.Regimes;
using Lookup.Embedded;
using Lookup.Embedded.Engine;
using Lookup.Server;
using Lookup.Server.Access;
using Lookup.Server.Hosting;
using Lookup.V1;

namespace Lookup.Benchmarks;

/// <summary>
/// A single check of a Dutch number without facts, without the network: what the service does between the request that gRPC
/// has read and the answer that it writes.
/// </summary>
[MemoryDiagnoser]
public class CheckBenchmarks : IDisposable
{
    private static readonly byte[] Key = new byte[NumberCipher.KeySize];

    private readonly NumberCipher _cipher = new(Key);
    private readonly ArrayBufferWriter<byte> _buffer = new(4_096);
    private readonly CheckRequest[] _requests = new CheckRequest[1_024];
    private EmbeddedStore _store = null!;
    private LookupHost _host = null!;
    private CheckResponse _response = null!;
    private int _next;

    [GlobalSetup]
    public async Task SetupAsync()
    {
        _store = await EmbeddedStore.StartAsync(
            new EmbeddedOptions { ExpectedFacts = 10_000, MemoryMiB = 64 }, Key, TimeProvider.System, CancellationToken.None);
        // The filters are followed ten times a second; a bound that is long keeps a check from reading where that is late.
        _host = LookupHost.Build(
            new LookupServerOptions { GrpcPort = 0, JsonPort = 0, FreshnessBoundMs = 10_000 }, _store, RegimeSet.BuiltIn, _cipher);
        await _host.StartAsync(CancellationToken.None);
        for (var i = 0; i < _requests.Length; i++)
        {
            _requests[i] = new CheckRequest
            {
                Number = $"+{31_612_000_000 + i}",
                Question = new Question { Organisation = "acme", Purpose = Purpose.Commercial },
            };
        }

        // A check for a name that the store does not know asks for it.
        await _store.Access.ClaimNameAsync("acme", CancellationToken.None);
        // Until the filters are there.
        while (TryCheck() is null)
        {
            await Task.Delay(100);
        }

        _response = Check();
    }

    [GlobalCleanup]
    public async Task CleanupAsync()
    {
        await _host.StopAsync();
        await _host.DisposeAsync();
        await _store.DisposeAsync();
    }

    public void Dispose()
    {
        _cipher.Dispose();
        GC.SuppressFinalize(this);
    }

    [Benchmark]
    public CheckResponse Check() => TryCheck() ?? throw new InvalidOperationException("It would read the store.");

    private CheckResponse? TryCheck()
    {
        var request = _requests[_next++ & 1_023];
        return _host.Checks.TryAnswer(request, _host.Checks.ParseRequest(request, Caller.Anyone, out _), out _);
    }

    [Benchmark]
    public long Parse() => _host.Checks.ParseRequest(_requests[_next++ & 1_023], Caller.Anyone, out _).At;

    [Benchmark]
    public int Serialize()
    {
        _buffer.ResetWrittenCount();
        _response.WriteTo(_buffer);
        return _buffer.WrittenCount + _response.CalculateSize();
    }
}
