using BenchmarkDotNet.Attributes;
using Lookup.Core.Access;
using Lookup.Core.Blocks;
using Lookup.Redis;
using Lookup.Redis.Credentials;
using Lookup.Server;
using Lookup.Server.Access;
using Microsoft.AspNetCore.Http;

namespace Lookup.Benchmarks;

/// <summary>What asking for a credential adds to a check: finding who shows a key, looking at role and grant, and watching for walks.</summary>
[MemoryDiagnoser]
public class AccessBenchmarks
{
    private readonly DefaultHttpContext _context = new();
    private readonly CallerStates _states = new();
    private readonly ConnectionState _connection = new();
    private AccessTable _table = null!;
    private Caller _caller = null!;
    private string _key = "";
    private string _sameKey = "";
    private ulong _number = 31_612_000_000;

    [GlobalSetup]
    public void Setup()
    {
        var credential = new StoredCredential { Id = "dialer-7", Kind = CredentialKind.ApiKey, Roles = Roles.Check, RequestsPerSecond = 1_000_000 }
            .WithNewSecret(1, 0, out _key);
        var registry = new Registry(
            1,
            [],
            new Dictionary<string, long[]>(),
            [credential, .. Enumerable.Range(0, 999).Select(i => credential with { Id = $"other-{i}" })],
            [new StoredGrant("dialer-7", "acme", 0, 0)],
            BlockSet.Empty);
        _table = new AccessTable(registry, _states);
        _context.Request.Headers.Authorization = "Bearer " + _key;
        if (!_table.TryFindKey(_key, 2, out var caller, out _))
        {
            throw new InvalidOperationException("The key is not found.");
        }

        _caller = caller;
        _connection.Keep(_key, _table, caller);
        _sameKey = new string(_key);
    }

    [Benchmark]
    public bool Key() => _table.TryFindKey(_key, 2, out _, out _);

    [Benchmark]
    public bool KeySeenBefore() => _connection.TryRecall(_key, _table, 2, out _);

    [Benchmark]
    public bool KeySeenBeforeAsAnotherString() => _connection.TryRecall(_sameKey, _table, 2, out _);

    [Benchmark]
    public bool RateRoleAndGrant() =>
        _caller.State.TryTake(TimeProvider.System.GetTimestamp(), out _) & _caller.Has(Roles.Check) & _caller.May("acme", 2);

    [Benchmark]
    public bool Ranges() => _caller.State.Enumeration.Add(_number += 7_919, 256);

    [Benchmark]
    public object Feature()
    {
        _context.Features.Set<ICallerFeature>(_caller);
        return _context.Features.Get<ICallerFeature>()!;
    }
}
