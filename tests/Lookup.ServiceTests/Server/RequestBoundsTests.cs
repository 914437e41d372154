using System.Buffers;
using System.Net;
using System.Text;
using System.Text.Json;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Grpc.AspNetCore.Server;
using Grpc.Core;
using Grpc.Health.V1;
using Lookup.Server.Errors;
using Lookup.Server.Http;
using Lookup.ServiceTests.Access;
using Lookup.V1;
using Microsoft.AspNetCore.Grpc.JsonTranscoding;

namespace Lookup.ServiceTests.Server;

/// <summary>What a request costs is bounded by what it is allowed to be, not by what a caller can put into 4 MB.</summary>
public sealed class RequestBoundsTests(LookupServer server) : IClassFixture<LookupServer>
{
    private const int Many = 100_000;

    // Far below what so many faults would take.
    private const int FewBytes = 16 * 1024;
    private const long FewAllocated = 8 * 1024 * 1024;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>Paths, and bodies with many faults.</summary>
    public static TheoryData<string, string, string> Faulty => new()
    {
        { Requests.Check, Check("\"whatIf\":{\"switchedOffLayers\":[" + Repeated("9") + "]}"), "what_if.switched_off_layers" },
        { Requests.Check, Check("\"whatIf\":{\"switchedOffLayers\":[" + Repeated("{}", 900) + "]}"), "what_if.switched_off_layers[19]" },
        { Requests.Check, Check(string.Join(',', Enumerable.Range(0, Many / 4).Select(i => $"\"x{i}\":1"))), "x19" },
        { Requests.Check, Check("\"whatIf\":{\"switchedOffLayers\":[" + Repeated("9", 2 * Many) + "]}"), "(body)" },
        { Requests.Facts, "{\"facts\":[" + Repeated("1") + "]}", "facts" },
        { Requests.Facts, "{\"facts\":[" + Repeated("{\"x\":1}", 900) + "]}", "facts[19].x" },
        { Requests.Facts, "{\"facts\":[{\"consent\":{\"purposes\":[" + Repeated("\"NONE\"") + "]}}]}", "facts[0].consent.purposes" },
        { Requests.Organisations, "{\"organisation\":{\"name\":\"acme\",\"attemptCaps\":[" + Repeated("{}", 900) + "]}}", "organisation.attempt_caps" },
        { "/v1/credentials", "{\"credential\":{\"credentialId\":\"a\",\"kind\":1,\"roles\":[" + Repeated("0", 900) + "]}}", "credential.roles" },
    };

    [Theory]
    [MemberData(nameof(Faulty))]
    public async Task Json_ManyFaults_NamesTheFirstOfThem(string path, string json, string field)
    {
        using var content = new StringContent(json, Encoding.UTF8, "application/json");
        using var response = await server.Http.PostAsync(path, content, Token);
        var body = await response.Content.ReadAsByteArrayAsync(Token);
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.InRange(body.Length, 1, FewBytes);
        using var document = JsonDocument.Parse(body);
        var fields = document.RootElement.GetProperty("details")[0].GetProperty("fieldViolations").EnumerateArray()
            .Select(violation => violation.GetProperty("field").GetString()).ToList();
        Assert.InRange(fields.Count, 1, FieldFaults.Max);
        Assert.Contains(field, fields);
        if (fields.Count == FieldFaults.Max)
        {
            Assert.StartsWith("More than 20 invalid fields", document.RootElement.GetProperty("message").GetString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Grpc_ManyFaults_NamesTheFirstOfThem()
    {
        var layers = Enumerable.Repeat((Layer)9, Many).ToList();
        var check = Samples.Check(Samples.NewNumber());
        check.WhatIf = new WhatIf { SwitchedOffLayers = { layers } };
        await AssertFewAsync(async () => await server.Lookup.CheckAsync(check, cancellationToken: Token));
        var explain = new ExplainRequest { Number = Samples.NewNumber(), Question = Samples.Question(), WhatIf = check.WhatIf };
        await AssertFewAsync(async () => await server.Lookup.ExplainAsync(explain, cancellationToken: Token));
        await AssertFewAsync(async () =>
        {
            using var call = server.Lookup.CheckStream(cancellationToken: Token);
            await call.RequestStream.WriteAsync(
                new CheckStreamRequest { Open = new CheckStreamOpen { Question = Samples.Question(), WhatIf = check.WhatIf } }, Token);
            await call.ResponseStream.MoveNext(Token);
        });
        await AssertFewAsync(async () => await server.Registry.PutOrganisationAsync(
            new PutOrganisationRequest { Organisation = new Organisation { Name = "acme", SwitchedOffLayers = { layers } } }, cancellationToken: Token));
        await AssertFewAsync(async () => await server.Registry.PutOrganisationAsync(
            new PutOrganisationRequest { Organisation = new Organisation { Name = "acme", AttemptCaps = { Enumerable.Repeat(new AttemptCap(), 10_000) } } },
            cancellationToken: Token));
        await AssertFewAsync(async () => await new AccessService.AccessServiceClient(server.Invoker).CreateCredentialAsync(
            new CreateCredentialRequest { Credential = new Credential { CredentialId = "a", Roles = { Enumerable.Repeat((Role)99, Many) } } },
            cancellationToken: Token));
        await AssertFewAsync(async () =>
        {
            using var call = new WatchService.WatchServiceClient(server.Invoker).Watch(
                new WatchRequest { Organisations = { Enumerable.Repeat("A", Many) } }, cancellationToken: Token);
            await call.ResponseStream.MoveNext(Token);
        });
    }

    [Fact]
    public void Read_MessagesWithinAMessage_AreCountedBeforeAnyIsMade()
    {
        var bounds = new MessageBounds(RecordFactsRequest.Descriptor);
        // An empty fact: two bytes here, and some hundred in memory.
        var payload = Enumerable.Repeat((byte[])[0x0a, 0x00], 2_000_000).SelectMany(one => one).ToArray();
        var before = GC.GetAllocatedBytesForCurrentThread();
        var refused = Assert.Throws<RpcException>(() => bounds.Read(new ReadOnlySequence<byte>(payload)));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, FewAllocated);
        Assert.Equal(StatusCode.InvalidArgument, refused.StatusCode);

        // Caps are two levels down.
        var caps = new PutOrganisationRequest { Organisation = new Organisation { AttemptCaps = { Enumerable.Repeat(new AttemptCap(), MessageBounds.MaxMessages) } } };
        Assert.Throws<RpcException>(() => new MessageBounds(PutOrganisationRequest.Descriptor).Read(new ReadOnlySequence<byte>(caps.ToByteArray())));
    }

    [Fact]
    public async Task RecordFacts_MillionsOfEmptyFacts_AreRefused()
    {
        var method = new Method<byte[], byte[]>(
            MethodType.Unary, "lookup.v1.FactService", "RecordFacts", Marshallers.Create<byte[]>(one => one, one => one), Marshallers.Create<byte[]>(one => one, one => one));
        var payload = Enumerable.Repeat((byte[])[0x0a, 0x00], 1_000_000).SelectMany(one => one).ToArray();
        var refused = await Assert.ThrowsAsync<RpcException>(
            async () => await server.Invoker.AsyncUnaryCall(method, null, new CallOptions(cancellationToken: Token), payload));
        Assert.Equal(StatusCode.InvalidArgument, refused.StatusCode);
        Assert.Contains("nested messages", refused.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_TheLargestBatch_IsReadAsItIs()
    {
        var time = Timestamp.FromDateTime(DateTime.UnixEpoch);
        var fact = new Fact
        {
            Number = "+31612345678",
            Effective = time,
            Consent = new Consent { Organisation = "acme", Captured = time, Expires = time, Evidence = new Evidence { Reference = "r" }, Purposes = { Purpose.Commercial } },
        };
        var batch = new ImportFactsRequest { Sequence = 1, Facts = { Enumerable.Repeat(fact, 5_000) } };
        Assert.Equal(batch, new MessageBounds(ImportFactsRequest.Descriptor).Read(new ReadOnlySequence<byte>(batch.ToByteArray())));
    }

    [Fact]
    public void Read_EachRequest_IsReadAsByItsParserHoweverItIsCut()
    {
        foreach (var method in AnyCall.Methods)
        {
            var bounds = new MessageBounds(method.InputType);
            foreach (var request in AccessRpcs.All[$"{method.Service.Name}.{method.Name}"].Requests("acme"))
            {
                var bytes = request.ToByteArray();
                Assert.Equal(request, bounds.Read(new ReadOnlySequence<byte>(bytes)));
                Assert.Equal(request, bounds.Read(Cut(bytes)));
                for (var length = 0; length < bytes.Length; length++)
                {
                    var part = bytes[..length];
                    var own = Record.Exception(() => bounds.Read(Cut(part)));
                    var parsers = Record.Exception(() => method.InputType.Parser.ParseFrom(part));
                    Assert.Equal(parsers is null, own is null);
                }
            }
        }
    }

    [Fact]
    public void Read_AGroup_IsNoWayAroundTheCount()
    {
        var bounds = new MessageBounds(RecordFactsRequest.Descriptor);
        byte[] group = [0x7b, 0x7c];
        var payload = group.Concat(Enumerable.Repeat((byte[])[0x0a, 0x00], 100_000).SelectMany(one => one)).ToArray();
        Assert.Throws<RpcException>(() => bounds.Read(new ReadOnlySequence<byte>(payload)));
    }

    [Fact]
    public void EveryMethod_OfTheService_KeepsNoUnknownFields()
    {
        // Each of a million fields that nobody knows would take a hundred bytes, also before a credential is looked at.
        var unknown = Enumerable.Range(1_000, 50_000).SelectMany(field => Varint((uint)field << 3).Append((byte)1)).ToArray();
        // The transcoder reads JSON, which is checked before it.
        var methods = server.Host.Endpoints.Endpoints.Where(endpoint => endpoint.Metadata.GetMetadata<GrpcJsonTranscodingMetadata>() is null)
            .Select(endpoint => endpoint.Metadata.GetMetadata<GrpcMethodMetadata>()?.Method).OfType<IMethod>().ToList();
        Assert.Contains(methods, method => method.FullName == "/grpc.health.v1.Health/Check");
        Assert.Contains(methods, method => method.FullName.StartsWith("/grpc.reflection.", StringComparison.Ordinal));
        Assert.Superset(AnyCall.Methods.Select(method => $"/{method.Service.FullName}/{method.Name}").ToHashSet(), methods.Select(method => method.FullName).ToHashSet());
        foreach (var method in methods)
        {
            var marshaller = method.GetType().GetProperty("RequestMarshaller")!.GetValue(method)!;
            var read = (Delegate)marshaller.GetType().GetProperty("ContextualDeserializer")!.GetValue(marshaller)!;
            var message = (IMessage)read.DynamicInvoke(new Payload(unknown))!;
            Assert.True(message.CalculateSize() == 0, method.FullName);
        }
    }

    [Fact]
    public async Task Health_ALargeRequest_IsRefusedUnread()
    {
        var health = new Health.HealthClient(server.Invoker);
        var refused = await Assert.ThrowsAsync<RpcException>(
            async () => await health.CheckAsync(new HealthCheckRequest { Service = new string('x', 100_000) }, cancellationToken: Token));
        Assert.Equal(StatusCode.ResourceExhausted, refused.StatusCode);
    }

    private static string Check(string rest) =>
        "{\"number\":\"+31612345678\",\"question\":{\"organisation\":\"acme\",\"purpose\":\"PURPOSE_COMMERCIAL\"}," + rest + "}";

    private static string Repeated(string text, int count = Many) => string.Join(',', Enumerable.Repeat(text, count));

    private static async Task AssertFewAsync(Func<Task> call)
    {
        var refused = await Assert.ThrowsAsync<RpcException>(call);
        Assert.Equal(StatusCode.InvalidArgument, refused.StatusCode);
        Assert.InRange(refused.GetRpcStatus()!.GetDetail<BadRequest>().FieldViolations.Count, 1, FieldFaults.Max);
        Assert.InRange(refused.GetRpcStatus()!.CalculateSize(), 1, FewBytes);
    }

    private static IEnumerable<byte> Varint(uint value)
    {
        for (; value >= 0x80; value >>= 7)
        {
            yield return (byte)(value | 0x80);
        }

        yield return (byte)value;
    }

    // A byte in each segment.
    private static ReadOnlySequence<byte> Cut(byte[] bytes)
    {
        if (bytes.Length == 0)
        {
            return default;
        }

        var first = new Segment([bytes[0]], null);
        var last = bytes.Skip(1).Aggregate(first, (before, one) => new Segment([one], before));
        return new ReadOnlySequence<byte>(first, 0, last, 1);
    }

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        internal Segment(byte[] bytes, Segment? before)
        {
            Memory = bytes;
            if (before is not null)
            {
                RunningIndex = before.RunningIndex + 1;
                before.Next = this;
            }
        }
    }

    private sealed class Payload(byte[] bytes) : DeserializationContext
    {
        public override int PayloadLength => bytes.Length;

        public override byte[] PayloadAsNewBuffer() => [.. bytes];

        public override ReadOnlySequence<byte> PayloadAsReadOnlySequence() => new(bytes);
    }
}
