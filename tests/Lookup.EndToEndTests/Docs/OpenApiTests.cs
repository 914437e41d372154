using System.Text.Json.Nodes;
using Google.Protobuf.Reflection;

namespace Lookup.EndToEndTests.Docs;

/// <summary>The OpenAPI document that the service serves, beside the contract. protos/openapi.py generates it; .ci/run lints it.</summary>
public sealed class OpenApiTests(LookupServer server) : IClassFixture<LookupServer>
{
    private const string Regenerate = "; run protos/openapi.py";

    [Fact]
    public async Task Document_CallsAndFields_AreThoseOfTheContract()
    {
        var document = JsonNode.Parse(await server.Http.GetStringAsync("/openapi.json"))!;
        Assert.Equal("3.1.0", (string)document["openapi"]!);
        var schemas = document["components"]!["schemas"]!.AsObject();
        foreach (var method in AnyCall.Methods)
        {
            if (AnyCall.Route(method) is not { } route)
            {
                continue;
            }

            var path = route.Path.Replace("/x", "/{id}", StringComparison.Ordinal);
            var operation = document["paths"]?[path]?[route.Verb.Method.ToLowerInvariant()];
            Assert.True(operation is not null && (string)operation["operationId"]! == method.Name, $"{method.FullName} is missing{Regenerate}");
            Compare(method.OutputType, schemas);
            if (route.Verb == HttpMethod.Post)
            {
                Compare(method.InputType, schemas);
            }
        }

        Assert.NotNull(document["paths"]!["/v1/gate"]!["post"]);
        var headers = document["paths"]!["/v1/gate"]!["get"]!["parameters"]!.AsArray().Select(parameter => ((string)parameter!["name"]!).ToLowerInvariant());
        Assert.Equal(Lookup.Server.Checks.GateHeaders.All.Keys.Order(), headers.Order());
    }

    // Every endpoint of the port is in the document, but for the operations page and gRPC.
    [Fact]
    public async Task Document_Endpoints_AreAllThere()
    {
        var document = JsonNode.Parse(await server.Http.GetStringAsync("/openapi.json"))!;
        var paths = document["paths"]!.AsObject().Select(path => path.Key).ToHashSet();
        foreach (var endpoint in server.Host.Endpoints.Endpoints.OfType<Microsoft.AspNetCore.Routing.RouteEndpoint>())
        {
            var path = "/" + endpoint.RoutePattern.RawText!.TrimStart('/');
            var isJson = endpoint.Metadata.GetMetadata<Microsoft.AspNetCore.Grpc.JsonTranscoding.GrpcJsonTranscodingMetadata>() is not null
                || endpoint.Metadata.GetMetadata<Lookup.Server.Access.RoleOfEndpoint>() is not null;
            Assert.True(!isJson || paths.Contains(path), path + Regenerate);
        }
    }

    private static void Compare(MessageDescriptor message, JsonObject schemas)
    {
        if (message.File.Package != "lookup.v1" || message.GetOptions()?.MapEntry == true)
        {
            return;
        }

        var name = message.FullName["lookup.v1.".Length..];
        var properties = schemas[name]?["properties"]?.AsObject();
        Assert.True(properties is not null, $"{name} is missing{Regenerate}");
        Assert.Equal(message.Fields.InDeclarationOrder().Select(field => field.JsonName), properties.Select(property => property.Key));
        foreach (var field in message.Fields.InDeclarationOrder())
        {
            if (field.FieldType == FieldType.Enum)
            {
                var values = schemas[field.EnumType.FullName["lookup.v1.".Length..]]!["enum"]!.AsArray().Select(value => (string)value!);
                Assert.Equal(field.EnumType.Values.Select(value => value.Name), values);
            }
            else if (field.FieldType == FieldType.Message && field.MessageType != message)
            {
                Compare(field.MessageType, schemas);
            }
        }
    }
}
