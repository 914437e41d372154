using System.Diagnostics.CodeAnalysis;
using System.Text;
using Google.Protobuf;
using Grpc.Core;
using Lookup.Core.Access;
using Lookup.Redis;
using Lookup.Server.Errors;
using Lookup.Server.Store;
using Lookup.Server.Telemetry;
using Microsoft.AspNetCore.Http;

namespace Lookup.Server.Access;

/// <summary>
/// Authenticates callers. Credentials and grants come from the registry and are never older than the freshness bound: if the store
/// cannot be followed, every request is rejected.
/// </summary>
internal sealed class AccessControl(
    RegistryReplica registry, CallerStates states, EnumerationAlarm alarm, LookupServerOptions options, TimeProvider clock, TokenCheck? tokens = null)
{
    internal const string Bearer = "Bearer ";
    private const string Basic = "Basic ";
    private const int MaxPassword = 512;

    private AccessTable? _table;

    /// <summary>Whether credentials are required.</summary>
    internal bool IsOn { get; } = options.AsksCredentials;

    /// <summary>Now, in Unix milliseconds.</summary>
    internal long Now => clock.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>Returns the caller of an accepted request; <see cref="Caller.Anyone"/> if no credential is required.</summary>
    /// <exception cref="InvalidOperationException">The request did not pass the access gate.</exception>
    internal Caller CallerOf(HttpContext context) =>
        !IsOn ? Caller.Anyone
        : context.Features.Get<ICallerFeature>() as Caller ?? throw new InvalidOperationException("The request did not pass the access gate.");

    /// <inheritdoc cref="CallerOf(HttpContext)"/>
    internal Caller CallerOf(ServerCallContext context) => CallerOf(context.GetHttpContext());

    /// <summary>Adds a number that a caller queries to the enumeration detector.</summary>
    internal void DetectEnumeration(Caller caller, ulong number)
    {
        if (IsOn && options.EnumerationNumbers > 0 && caller.State.Enumeration.Add(number, options.EnumerationNumbers))
        {
            alarm.Raise(caller, number);
        }
    }

    /// <summary>Checks a chunk of a list for enumeration.</summary>
    internal void DetectEnumeration(Caller caller, V1.CheckStreamChunk chunk)
    {
        if (options.EnumerationNumbers == 0)
        {
            return;
        }

        var numbers = chunk.Texts.Count == 0
            ? UnsafeCollectionOperations.AsSpan(chunk.Numbers)
            : [.. chunk.Texts.Select(DigitsOf)];
        if (EnumerationDetector.IsEnumeration(numbers, options.EnumerationNumbers))
        {
            alarm.Raise(caller, numbers[0]);
        }
    }

    // Ignores separators and format: consecutive numbers have consecutive digits in any format.
    private static ulong DigitsOf(string text)
    {
        var digits = 0UL;
        foreach (var c in text)
        {
            digits = char.IsAsciiDigit(c) ? unchecked((digits * 10) + (ulong)(c - '0')) : digits;
        }

        return digits;
    }

    /// <summary>Returns why a caller's token is no longer valid; null if it is, or if the caller used none.</summary>
    internal RpcException? WhyTokenEnded(Caller caller) => caller.SignedBy is { } key ? tokens!.WhyEnded(key) : null;

    /// <summary>Returns credentials and grants if they are within the freshness bound, else null.</summary>
    /// <param name="now">Timestamp of the clock.</param>
    internal AccessTable? Fresh(long now) => registry.FreshAt(now) is { } snapshot ? TableOf(snapshot) : null;

    /// <summary>Returns credentials and grants within the freshness bound; reads them if necessary.</summary>
    /// <exception cref="StoreUnavailableException">The store cannot be followed.</exception>
    internal async ValueTask<AccessTable> CurrentAsync(CancellationToken cancellation) => TableOf(await registry.CurrentAsync(cancellation));

    /// <summary>Finds the caller of a request.</summary>
    /// <param name="context">The request.</param>
    /// <param name="table">Credentials and grants.</param>
    /// <param name="now">Unix milliseconds.</param>
    /// <param name="caller">The caller.</param>
    /// <param name="refusal">Why the request is rejected; null if a token must be checked first, see <see cref="FindAsync"/>.</param>
    internal bool TryFind(HttpContext context, AccessTable table, long now, [NotNullWhen(true)] out Caller? caller, out RpcException? refusal)
    {
        caller = null;
        var shown = context.Request.Headers.Authorization;
        if (shown.Count == 1 && shown[0] is { } text && text.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase))
        {
            var bearer = text.AsSpan(Bearer.Length);
            if (tokens is null || bearer.StartsWith(ApiKey.Prefix, StringComparison.Ordinal))
            {
                return TryFindKey(context, text, table, now, out caller, out refusal);
            }

            refusal = null;
            return tokens.Find(text, now) is { } known && Accept(context, table.TryFindToken(known, now, out caller, out refusal));
        }

        if (shown.Count == 1 && ObserverPage.IsRequestedBy(context.Request) && TryPassword(shown[0], out var password))
        {
            return Accept(context, table.TryFindKey(password, now, out caller, out refusal));
        }

        if (shown.Count == 0 && options.ClientCaFile is not null && ConnectionState.Of(context)?.Certificate(context) is { } identity)
        {
            return Accept(context, TryFind(identity, table, now, out caller, out refusal));
        }

        refusal = shown.Count == 0 ? RpcErrors.NoCredential() : RpcErrors.UnknownCredential();
        return false;
    }

    /// <summary>Checks the token of a request and finds its caller.</summary>
    /// <exception cref="RpcException">The request is rejected.</exception>
    internal async Task<Caller> FindAsync(HttpContext context, AccessTable table)
    {
        var known = await tokens!.CheckAsync(context.Request.Headers.Authorization[0]!, context.RequestAborted);
        return Accept(context, table.TryFindToken(known, Now, out var caller, out var refusal)) ? caller! : throw refusal!;
    }

    private static bool Accept(HttpContext context, bool isFound)
    {
        if (isFound)
        {
            ConnectionState.Of(context)?.MarkAuthenticated();
        }

        return isFound;
    }

    private static bool TryFindKey(
        HttpContext context, string header, AccessTable table, long now, [NotNullWhen(true)] out Caller? caller, out RpcException? refusal)
    {
        refusal = null;
        var connection = ConnectionState.Of(context);
        if (connection is not null && connection.TryRecall(header, table, now, out caller))
        {
            return true;
        }

        if (!table.TryFindKey(header.AsSpan(Bearer.Length), now, out caller, out refusal))
        {
            return false;
        }

        connection?.Keep(header, table, caller);
        return true;
    }

    // Uses the first name that is registered.
    private static bool TryFind(CertificateIdentity identity, AccessTable table, long now, [NotNullWhen(true)] out Caller? caller, out RpcException? refusal)
    {
        (caller, refusal) = (null, RpcErrors.UnknownCredential());
        foreach (var name in identity.Names)
        {
            if (table.KnowsCertificate(name))
            {
                return table.TryFindCertificate(name, identity.Until, now, out caller, out refusal);
            }
        }

        return false;
    }

    // A browser sends a name and a password with every request of the page; it supports no other header. Basic authentication is not
    // accepted for calls: a browser also adds it to requests from other sites.
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
