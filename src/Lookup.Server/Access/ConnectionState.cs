using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Lookup.Server.Access;

/// <summary>
/// Remembers the authenticated caller of a connection, so that further requests cost a comparison and no hash. Keeps the header no
/// longer than the web server keeps it for the connection. Thread-safe.
/// </summary>
internal sealed class ConnectionState(ConnectionShares.Stranger? stranger = null)
{
    private const int CharsPerWord = sizeof(ulong) / sizeof(char);

    private Shown? _shown;
    private CertificateIdentity? _certificate;
    private bool _looked;

    /// <summary>Returns the state of a request's connection, or null.</summary>
    internal static ConnectionState? Of(HttpContext context) => context.Features.Get<ConnectionState>();

    /// <summary>Returns the caller if the header equals the last valid one, at the same state of the store.</summary>
    internal bool TryRecall(string header, AccessTable table, long now, [NotNullWhen(true)] out Caller? caller)
    {
        caller = null;
        if (Volatile.Read(ref _shown) is not { } shown || !ReferenceEquals(shown.Table, table) || now >= shown.Caller.Until
            || !(ReferenceEquals(shown.Header, header) || IsSame(shown.Header, header)))
        {
            return false;
        }

        caller = shown.Caller;
        return true;
    }

    internal void Keep(string header, AccessTable table, Caller caller)
    {
        MarkAuthenticated();
        Volatile.Write(ref _shown, new Shown(header, table, caller));
    }

    /// <summary>Records that a request on this connection was accepted.</summary>
    internal void MarkAuthenticated() => stranger?.MarkAuthenticated();

    /// <summary>Returns the identity in the client certificate, or null. Read once: the handshake has validated it.</summary>
    internal CertificateIdentity? Certificate(HttpContext context)
    {
        if (!Volatile.Read(ref _looked))
        {
            _certificate = context.Features.Get<ITlsConnectionFeature>()?.ClientCertificate is { } certificate ? CertificateIdentity.Of(certificate) : null;
            Volatile.Write(ref _looked, true);
        }

        return _certificate;
    }

    // Callers behind one proxy share connections and must not learn each other's keys from timing, so the comparison takes constant
    // time. Like CryptographicOperations.FixedTimeEquals, but by words instead of bytes.
    private static bool IsSame(string one, string other)
    {
        if (one.Length != other.Length)
        {
            return false;
        }

        var difference = 0UL;
        var words = MemoryMarshal.Cast<char, ulong>(one.AsSpan());
        var others = MemoryMarshal.Cast<char, ulong>(other.AsSpan());
        for (var i = 0; i < words.Length; i++)
        {
            difference |= words[i] ^ others[i];
        }

        for (var i = words.Length * CharsPerWord; i < one.Length; i++)
        {
            difference |= (uint)(one[i] ^ other[i]);
        }

        return difference == 0;
    }

    private sealed record Shown(string Header, AccessTable Table, Caller Caller);
}
