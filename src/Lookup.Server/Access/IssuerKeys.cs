using System.Collections.Frozen;
using Lookup.Server.Errors;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;

namespace Lookup.Server.Access;

/// <summary>
/// The signing keys of the token issuer, from its OpenID configuration. They are read every five minutes, so that a key the issuer
/// withdrew expires, and when a token has an unknown key. Keys that could not be re-read for an hour expire.
/// </summary>
internal sealed class IssuerKeys : IDisposable
{
    /// <summary>The error when the keys cannot be read.</summary>
    internal const string Unreadable = "The service cannot read the keys of the token issuer; retry later.";

    private static readonly TimeSpan ReadPause = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan KeepLimit = TimeSpan.FromHours(1);
    private static readonly TimeSpan IssuerLimit = TimeSpan.FromSeconds(5);

    // Limits how often tokens with made-up keys make the service call the issuer.
    private static readonly TimeSpan RetryPause = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan FirstRetryPause = TimeSpan.FromSeconds(1);

    private readonly HttpClient _http = new() { Timeout = IssuerLimit };
    private readonly HttpDocumentRetriever _documents;
    private readonly SemaphoreSlim _gate = new(1);
    private readonly string _address;
    private readonly LookupServerOptions _options;
    private readonly TimeProvider _clock;
    private readonly ILogger<IssuerKeys> _log;
    private readonly ITimer _timer;
    private Set? _set;
    private long? _tried;
    private long _read;

    public IssuerKeys(LookupServerOptions options, TimeProvider clock, ILogger<IssuerKeys> log)
    {
        (_options, _clock, _log) = (options, clock, log);
        _address = options.JwtIssuer!.TrimEnd('/') + "/.well-known/openid-configuration";
        _documents = new HttpDocumentRetriever(_http) { RequireHttps = !new Uri(_address).IsLoopback };
        _timer = clock.CreateTimer(_ => Task.Run(FollowAsync), null, ReadPause, ReadPause);
    }

    /// <summary>The current keys; the same instance while the issuer has the same ones. Null before the first read and after they expire.</summary>
    internal Set? Current => Volatile.Read(ref _set);

    /// <summary>Returns the keys; reads them if necessary.</summary>
    /// <exception cref="Grpc.Core.RpcException">UNAVAILABLE: the keys cannot be read.</exception>
    internal async ValueTask<Set> GetAsync(CancellationToken cancellation)
    {
        if (Current is null)
        {
            await ReadAsync(FirstRetryPause).WaitAsync(cancellation);
        }

        return Current ?? throw RpcErrors.Unavailable(Unreadable, _options.RetryAfterMs);
    }

    /// <summary>Reads the keys again, unless they were just read.</summary>
    internal Task ReadAgainAsync(CancellationToken cancellation) => ReadAsync(RetryPause).WaitAsync(cancellation);

    /// <summary>Reads the keys again if they are in use. Runs every five minutes.</summary>
    internal Task FollowAsync() => Current is null ? Task.CompletedTask : ReadAsync(TimeSpan.Zero);

    /// <inheritdoc/>
    public void Dispose()
    {
        _timer.Dispose();
        _http.Dispose();
    }

    private async Task ReadAsync(TimeSpan pause)
    {
        await _gate.WaitAsync();
        try
        {
            if (_tried is { } tried && _clock.GetElapsedTime(tried) < pause)
            {
                return;
            }

            _tried = _clock.GetTimestamp();
            var issuer = await OpenIdConnectConfigurationRetriever.GetAsync(_address, _documents, CancellationToken.None);
            _read = _clock.GetTimestamp();
            var read = new Set([.. issuer.SigningKeys]);
            if (Current?.HasSameKeys(read) != true)
            {
                Volatile.Write(ref _set, read);
            }
        }
        catch (Exception e)
        {
            _log.LogWarning("The keys of the token issuer cannot be read: {Error}", e.GetBaseException().Message);
            if (Current is not null && _clock.GetElapsedTime(_read) >= KeepLimit)
            {
                Volatile.Write(ref _set, null);
            }
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>The keys at one moment. Immutable.</summary>
    internal sealed class Set(IReadOnlyList<SecurityKey> keys)
    {
        private readonly FrozenSet<string> _names = keys.Select(NameOf).ToFrozenSet(StringComparer.Ordinal);

        internal IReadOnlyList<SecurityKey> Keys { get; } = keys;

        /// <summary>Identifies a key by its thumbprint, because an issuer may reuse an id.</summary>
        internal static string NameOf(SecurityKey key) => key.CanComputeJwkThumbprint() ? Convert.ToHexString(key.ComputeJwkThumbprint()) : key.KeyId ?? "";

        internal bool Has(string name) => _names.Contains(name);

        internal bool HasSameKeys(Set other) => _names.SetEquals(other._names);
    }
}
