using Microsoft.AspNetCore.Http;

namespace Lookup.Server;

/// <summary>The caller of a request, a feature of its HttpContext if credentials are required.</summary>
internal interface ICallerFeature
{
    /// <summary>Id of the credential: 1 to 64 characters of [a-z0-9._-]; never empty.</summary>
    public string Id { get; }
}

/// <summary>Reads the caller of a request.</summary>
internal static class CallerFeatureExtensions
{
    /// <summary>Returns the id of a request's credential; empty if none is required.</summary>
    internal static string CallerId(this HttpContext context) => context.Features.Get<ICallerFeature>()?.Id ?? "";
}
