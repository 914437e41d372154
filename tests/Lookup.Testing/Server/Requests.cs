using Google.Protobuf;
using Grpc.Core;
using Lookup.V1;

namespace Lookup.Testing.Server;

/// <summary>The unary calls by the names of their HTTP paths, so that one table of JSON requests serves both ways in.</summary>
internal static class Requests
{
    internal const string Check = "/v1/check";
    internal const string Explain = "/v1/explain";
    internal const string Facts = "/v1/facts";
    internal const string List = "/v1/facts:list";
    internal const string Erase = "/v1/numbers:erase";
    internal const string Organisations = "/v1/organisations";
    internal const string Snapshot = "/v1/registers:snapshot";

    internal static async Task<IMessage> CallAsync(CallInvoker invoker, string path, string json)
    {
        var parser = new JsonParser(JsonParser.Settings.Default);
        var lookup = new LookupService.LookupServiceClient(invoker);
        var facts = new FactService.FactServiceClient(invoker);
        var registry = new RegistryService.RegistryServiceClient(invoker);
        return path switch
        {
            Check => await lookup.CheckAsync(parser.Parse<CheckRequest>(json)),
            Explain => await lookup.ExplainAsync(parser.Parse<ExplainRequest>(json)),
            Facts => await facts.RecordFactsAsync(parser.Parse<RecordFactsRequest>(json)),
            List => await facts.ListFactsAsync(parser.Parse<ListFactsRequest>(json)),
            Erase => await facts.EraseNumberAsync(parser.Parse<EraseNumberRequest>(json)),
            Organisations => await registry.PutOrganisationAsync(parser.Parse<PutOrganisationRequest>(json)),
            Snapshot => await registry.RecordSnapshotAsync(parser.Parse<RecordSnapshotRequest>(json)),
            _ => throw new ArgumentOutOfRangeException(nameof(path)),
        };
    }
}
