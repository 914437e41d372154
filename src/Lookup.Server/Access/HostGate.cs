using System.Net;
using System.Net.Sockets;
using Lookup.Server.Errors;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Lookup.Server.Access;

/// <summary>
/// Rejects requests for other hosts on both ports, before it reads anything else of a request. Runs if no credential is required:
/// otherwise a page of another site could reach the service under its own name that resolves to this machine (DNS rebinding).
/// </summary>
internal sealed class HostGate(RequestDelegate next, LookupServerOptions options)
{
    private readonly StringSegment[] _names = ["localhost", "127.0.0.1", "[::1]", NameOf(IPAddress.Parse(options.Address))];

    // The last host that was accepted: callers use one for all their requests, and comparing it is cheaper than parsing it.
    private string _accepted = "";

    public Task InvokeAsync(HttpContext context)
    {
        var host = context.Request.Headers.Host.ToString();
        // Browsers always name a host; some gRPC clients name none.
        if (host.Length == 0 || host == _accepted)
        {
            return next(context);
        }

        if (HostString.MatchesAny(host, _names))
        {
            _accepted = host;
            return next(context);
        }

        return RefusalWriter.WriteAsync(context, RpcErrors.Invalid(
            "Host", "Not an address of this service. Without credentials it accepts only localhost and its own address; use one of them, or start it with --credentials required."));
    }

    private static string NameOf(IPAddress address) =>
        address.AddressFamily == AddressFamily.InterNetworkV6 ? $"[{address}]" : address.ToString();
}
