using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Lookup.Server.Access;

/// <summary>
/// What was found out about who is behind a connection, so that each of its requests costs a comparison and no hash. The header
/// itself is kept no longer than the web server keeps it for the same connection. Thread-safe.
/// </summary>
internal sealed class ConnectionState(ConnectionShares.Stranger? stranger = null)
{
    private const int CharsPerWord = sizeof(ulong) / sizeof(char);

    private Shown? _shown;
    private CertificateIdentity? _certificate;
    private bool _looked;

    /// <summary>The one of a request; null where its connection has none.</summary>
    internal static ConnectionState? Of(HttpContext context) => context.Features.Get<ConnectionState>();

    /// <summary>Whether a header is the last that was in order, under the same state of the store.</summary>
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
        LetIn();
        Volatile.Write(ref _shown, new Shown(header, table, caller));
    }

    /// <summary>A request was let in on this connection.</summary>
    internal void LetIn() => stranger?.LetIn();

    /// <summary>Who the client certificate says that it is; null where there is none. Read once: the handshake has checked it.</summary>
    internal CertificateIdentity? Certificate(HttpContext context)
    {
        if (!Volatile.Read(ref _looked))
        {
            _certificate = context.Features.Get<ITlsConnectionFeature>()?.ClientCertificate is { } certificate ? CertificateIdentity.Of(certificate) : null;
            Volatile.Write(ref _looked, true);
        }

        return _certificate;
    }

    // Callers behind one proxy share connections, and may not find out each other's keys by how long this takes: all of it is
    // compared, whatever differs. As CryptographicOperations.FixedTimeEquals, which goes byte by byte.
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
