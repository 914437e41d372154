using System.Diagnostics.CodeAnalysis;
using System.Text;
using Grpc.Core;
using Lookup.Redis;
using Lookup.Server.Errors;
using Lookup.Server.Hosting;
using Lookup.Server.Observability;
using Lookup.Server.Registry;
using Microsoft.AspNetCore.Http;

namespace Lookup.Server.Access;

/// <summary>
/// Knows who may ask. Credentials and grants are followed with the registry, so what is decided by them is never older than
/// the freshness bound: where the store cannot be followed, nobody is let in.
/// </summary>
internal sealed class AccessControl(RegistryReplica registry, CallerStates states, LookupServerOptions options, TimeProvider clock)
{
    private const string Bearer = "Bearer ";
    private const string Basic = "Basic ";
    private const int MaxPassword = 512;

    private AccessTable? _table;

    /// <summary>Whether credentials are asked for.</summary>
    internal bool IsOn { get; } = options.AsksCredentials;

    /// <summary>Now, in Unix milliseconds.</summary>
    internal long Now => clock.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>Who sent a request that was let in; whoever it was where no credential is asked for.</summary>
    /// <exception cref="InvalidOperationException">Nobody was let in: the request came past the gate.</exception>
    internal Caller CallerOf(HttpContext context) =>
        !IsOn ? Caller.Anyone
        : context.Features.Get<ICallerFeature>() as Caller ?? throw new InvalidOperationException("The request came past the access gate.");

    /// <inheritdoc cref="CallerOf(HttpContext)"/>
    internal Caller CallerOf(ServerCallContext context) => CallerOf(context.GetHttpContext());

    /// <summary>Credentials and grants within the freshness bound; null where there are none at hand.</summary>
    /// <param name="now">Timestamp of the clock.</param>
    internal AccessTable? Fresh(long now) => registry.FreshAt(now) is { } snapshot ? TableOf(snapshot) : null;

    /// <summary>Credentials and grants within the freshness bound.</summary>
    /// <exception cref="StoreUnavailableException">The store cannot be followed.</exception>
    internal async ValueTask<AccessTable> CurrentAsync(CancellationToken cancellation) => TableOf(await registry.CurrentAsync(cancellation));

    /// <summary>Finds who sent a request.</summary>
    internal static bool TryFind(
        HttpContext context, AccessTable table, long now, [NotNullWhen(true)] out Caller? caller, [NotNullWhen(false)] out RpcException? refusal)
    {
        var shown = context.Request.Headers.Authorization;
        if (shown.Count == 1 && shown[0] is { } text && text.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase))
        {
            return table.TryFindKey(text.AsSpan(Bearer.Length), now, out caller, out refusal);
        }

        if (shown.Count == 1 && LivePage.IsPage(context.Request) && TryPassword(shown[0], out var password))
        {
            return table.TryFindKey(password, now, out caller, out refusal);
        }

        caller = null;
        refusal = shown.Count == 0 ? Refusals.NoCredential() : Refusals.UnknownCredential();
        return false;
    }

    // A browser asks its user for a name and a password and sends both to whatever the page asks for; it knows no other header.
    // Calls are not made with it: a browser adds it to requests of other sites, too.
    private static bool TryPassword(string? header, [NotNullWhen(true)] out string? password)
    {
        password = null;
        if (header is null || !header.StartsWith(Basic, StringComparison.OrdinalIgnoreCase))
        {
            return false;
        }

        Span<byte> bytes = stackalloc byte[MaxPassword];
        if (!Convert.TryFromBase64Chars(header.AsSpan(Basic.Length), bytes, out var length))
        {
            return false;
        }

        var text = Encoding.UTF8.GetString(bytes[..length]);
        password = text[(text.IndexOf(':', StringComparison.Ordinal) + 1)..];
        return true;
    }

    private AccessTable TableOf(RegistrySnapshot snapshot)
    {
        var table = Volatile.Read(ref _table);
        if (table is null || !ReferenceEquals(table.Source, snapshot.Source))
        {
            table = new AccessTable(snapshot.Source, states);
            Volatile.Write(ref _table, table);
        }

        return table;
    }
}
