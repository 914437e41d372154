using Lookup.Core.Access;
using Lookup.Server.Access;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Lookup.Server.Http;

/// <summary>Serves the OpenAPI document of the JSON API, which protos/openapi.py generates.</summary>
internal static class OpenApiPage
{
    private const string Path = "/openapi.json";

    /// <summary>Adds the endpoint. Any credential may read it: it reveals only the contract, which is public.</summary>
    internal static void Map(WebApplication app)
    {
        using var stream = typeof(OpenApiPage).Assembly.GetManifestResourceStream("openapi.json")!;
        using var read = new MemoryStream();
        stream.CopyTo(read);
        var bytes = read.ToArray();
        app.MapGet(Path, () => Results.Bytes(bytes, "application/json; charset=utf-8")).WithMetadata(new RoleOfEndpoint(Roles.None));
    }
}
