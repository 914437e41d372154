using System.Diagnostics.CodeAnalysis;
using System.Text;
using Google.Protobuf;
using Grpc.Core;
using Lookup.Core.Access;
using Lookup.Redis;
using Lookup.Server.Errors;
using Lookup.Server.Pages;
using Lookup.Server.Store;
using Microsoft.AspNetCore.Http;

namespace Lookup.Server.Access;

/// <summary>
/// Knows who may ask. Credentials and grants are followed with the registry, so what is decided by them is never older than
/// the freshness bound: where the store cannot be followed, nobody is let in.
/// </summary>
internal sealed class AccessControl(
    RegistryReplica registry, CallerStates states, EnumerationAlarm alarm, LookupServerOptions options, TimeProvider clock, TokenCheck? tokens = null)
{
    internal const string Bearer = "Bearer ";
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

    /// <summary>Takes note of a number that a caller asks about, so that a walk through number ranges is noticed.</summary>
    internal void Note(Caller caller, ulong number)
    {
        if (IsOn && options.EnumerationNumbers > 0 && caller.State.Ranges.Note(number, options.EnumerationNumbers))
        {
            alarm.Raise(caller, number);
        }
    }

    /// <summary>Takes note of a chunk of a list.</summary>
    internal void Note(Caller caller, V1.CheckStreamChunk chunk)
    {
        if (options.EnumerationNumbers == 0)
        {
            return;
        }

        var numbers = chunk.Texts.Count == 0
            ? UnsafeCollectionOperations.AsSpan(chunk.Numbers)
            : [.. chunk.Texts.Select(DigitsOf)];
        if (EnumerationDetector.IsWalk(numbers, options.EnumerationNumbers))
        {
            alarm.Raise(caller, numbers[0]);
        }
    }

    // Whatever stands between them, and in whichever form: those that follow on one another do so here.
    private static ulong DigitsOf(string text)
    {
        var digits = 0UL;
        foreach (var c in text)
        {
            digits = char.IsAsciiDigit(c) ? unchecked((digits * 10) + (ulong)(c - '0')) : digits;
        }

        return digits;
    }

    /// <summary>Returns why the token that a caller showed no longer counts; null if it does, or if there was none.</summary>
    internal RpcException? WhyTokenEnded(Caller caller) => caller.SignedBy is { } key ? tokens!.WhyEnded(key) : null;

    /// <summary>Credentials and grants within the freshness bound; null where there are none at hand.</summary>
    /// <param name="now">Timestamp of the clock.</param>
    internal AccessTable? Fresh(long now) => registry.FreshAt(now) is { } snapshot ? TableOf(snapshot) : null;

    /// <summary>Credentials and grants within the freshness bound.</summary>
    /// <exception cref="StoreUnavailableException">The store cannot be followed.</exception>
    internal async ValueTask<AccessTable> CurrentAsync(CancellationToken cancellation) => TableOf(await registry.CurrentAsync(cancellation));

    /// <summary>Finds who sent a request.</summary>
    /// <param name="context">The request.</param>
    /// <param name="table">Credentials and grants.</param>
    /// <param name="now">Unix milliseconds.</param>
    /// <param name="caller">Who sent it.</param>
    /// <param name="refusal">Why it is not let in; null where a token is to be checked first, see <see cref="FindAsync"/>.</param>
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
            return tokens.Find(text, now) is { } known && LetIn(context, table.TryFindToken(known, now, out caller, out refusal));
        }

        if (shown.Count == 1 && LivePage.IsPage(context.Request) && TryPassword(shown[0], out var password))
        {
            return LetIn(context, table.TryFindKey(password, now, out caller, out refusal));
        }

        if (shown.Count == 0 && options.ClientCaFile is not null && ConnectionState.Of(context)?.Certificate(context) is { } identity)
        {
            return LetIn(context, TryFind(identity, table, now, out caller, out refusal));
        }

        refusal = shown.Count == 0 ? RpcErrors.NoCredential() : RpcErrors.UnknownCredential();
        return false;
    }

    /// <summary>Finds who sent a request with a token that is to be checked first.</summary>
    /// <exception cref="RpcException">Why it is not let in.</exception>
    internal async Task<Caller> FindAsync(HttpContext context, AccessTable table)
    {
        var known = await tokens!.CheckAsync(context.Request.Headers.Authorization[0]!, context.RequestAborted);
        return LetIn(context, table.TryFindToken(known, Now, out var caller, out var refusal)) ? caller! : throw refusal!;
    }

    private static bool LetIn(HttpContext context, bool isFound)
    {
        if (isFound)
        {
            ConnectionState.Of(context)?.LetIn();
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

    // By the first name that is known.
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
