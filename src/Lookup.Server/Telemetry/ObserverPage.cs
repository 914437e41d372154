using Microsoft.AspNetCore.Http;

namespace Lookup.Server.Telemetry;

/// <summary>Marks the endpoints of the operations page and of the metrics, which require the role Observe.</summary>
internal sealed class ObserverPage
{
    internal const string Page = "/";
    internal const string Script = "/live.js";
    internal const string Style = "/live.css";
    internal const string Events = "/live";
    internal const string Metrics = "/metrics";

    private static readonly string[] Paths = [Page, Script, Style, Events, Metrics];

    internal static ObserverPage Instance { get; } = new();

    /// <summary>Returns whether a request is for one of these paths.</summary>
    internal static bool IsRequestedBy(HttpRequest request) =>
        HttpMethods.IsGet(request.Method) && Paths.Contains(request.Path.Value ?? "", StringComparer.Ordinal);
}
