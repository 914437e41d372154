using System.Collections;
using System.Security.Cryptography;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Lookup.Core.Access;
using Lookup.Server.Receipts;
using Lookup.ServiceTests.Access;
using Lookup.V1;
using Method = Google.Protobuf.Reflection.MethodDescriptor;

namespace Lookup.ServiceTests.Server;

/// <summary>
/// No text of a caller with control characters, line breaks or overrides is taken: every string field of every request is tried, by the
/// descriptors, so that a new one cannot be forgotten.
/// </summary>
public sealed class StoredTextTests : IAsyncLifetime
{
    private const string Number = "+31612300077";

    // What is parsed and never stored as it came.
    private static readonly HashSet<string> Parsed = ["number", "numbers", "default_region", "texts"];

    // As JSON and gRPC can carry them; halves of surrogate pairs are no UTF-8.
    private static readonly string[] Bad = ["\0", "\u001f", "\n", "\u001b[31m", "\u007f", "\u0085", "\u2028", "\u202e", "\u2066"];

    private readonly TempFolder _temp = new();
    private readonly ECDsa _receiptKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private ReceiptLog _receipts = null!;
    private GuardedServer _guarded = null!;
    private string _key = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _receipts = ReceiptLog.Open(_temp.PathOf("receipts"), _receiptKey, TimeProvider.System);
        _guarded = await GuardedServer.StartAsync(receipts: _receipts);
        _key = await _guarded.KeyAsync("all", Roles.All, "*");
    }

    public async ValueTask DisposeAsync()
    {
        await _guarded.DisposeAsync();
        _receipts.Dispose();
        _receiptKey.Dispose();
        _temp.Dispose();
    }

    [Fact]
    public async Task AnyStringField_OfAnyRequest_TakesNoControlCharacters()
    {
        var tried = 0;
        foreach (var method in AnyCall.Methods)
        {
            var messages = Requests(method);
            var good = await AnyCall.GrpcAsync(_guarded.Server.Invoker, method, messages, _key);
            if (good.Status == StatusCode.Unimplemented)
            {
                continue;
            }

            for (var m = 0; m < messages.Count; m++)
            {
                foreach (var path in Paths(messages[m].Descriptor))
                {
                    foreach (var bad in Bad)
                    {
                        var changed = messages.Select((message, i) => i == m ? With(message, path, bad) : message).ToList();
                        var outcome = await AnyCall.GrpcAsync(_guarded.Server.Invoker, method, changed, _key);
                        var name = $"{method.FullName} {string.Join('.', path.Select(field => field.Name))} with U+{(int)bad[0]:X4}: {outcome}";
                        Assert.True(IsRefused(outcome) || (Parsed.Contains(path[^1].Name) && IsKnown(outcome)), name);
                        tried++;
                    }
                }
            }
        }

        Assert.True(tried > 500, $"{tried} fields were tried");
        // Nothing of it came in.
        var facts = await new FactService.FactServiceClient(_guarded.As(_key)).ListFactsAsync(new ListFactsRequest { Number = Number }, cancellationToken: Token);
        Assert.DoesNotContain(facts.ToString(), text => char.IsControl(text) || text is '\u2028' or '\u202e' or '\u2066');
    }

    [Theory]
    [InlineData("\\u001f")]
    [InlineData("\\u202e")]
    [InlineData("\\ud800")]
    [InlineData("\\udc00x")]
    public async Task RecordFacts_InJson_TakesNoneEither(string escaped)
    {
        var body = $$$"""{"facts":[{"number":"{{{Number}}}","source":"form","actor":"anna{{{escaped}}}","objection":{"organisation":"acme"}}]}""";
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/facts") { Content = new StringContent(body, System.Text.Encoding.UTF8, "application/json") };
        request.Headers.Authorization = new("Bearer", _key);
        using var response = await _guarded.Server.Http.SendAsync(request, Token);
        var answer = await response.Content.ReadAsStringAsync(Token);
        Assert.True(!response.IsSuccessStatusCode || answer.Contains("OUTCOME_REFUSED", StringComparison.Ordinal), answer);
        Assert.DoesNotContain("anna", answer, StringComparison.Ordinal);
    }

    private static bool IsRefused(Outcome outcome) => outcome switch
    {
        { Status: StatusCode.InvalidArgument or StatusCode.NotFound } => true,
        { Answer: RecordFactsResponse answer } => answer.Results.All(result => result.Outcome == FactResult.Types.Outcome.Refused),
        { Answer: ImportFactsResponse answer } => answer is { Recorded: 0, Unchanged: 0, Refused.Count: > 0 } or { RefusedBlocks.Count: > 0 },
        _ => false,
    };

    private static bool IsKnown(Outcome outcome) => outcome.Status is StatusCode.OK or StatusCode.FailedPrecondition;

    // Every way to a string field, through every message and each choice of a oneof.
    private static IEnumerable<FieldDescriptor[]> Paths(MessageDescriptor message)
    {
        foreach (var field in message.Fields.InDeclarationOrder())
        {
            if (field.FieldType == FieldType.String)
            {
                yield return [field];
            }

            if (field.FieldType != FieldType.Message || field.MessageType.File.Package != "lookup.v1")
            {
                continue;
            }

            foreach (var path in Paths(field.MessageType))
            {
                yield return [field, .. path];
            }
        }
    }

    private static IMessage With(IMessage message, FieldDescriptor[] path, string bad)
    {
        var changed = message.Descriptor.Parser.ParseFrom(message.ToByteArray());
        var at = changed;
        foreach (var step in path[..^1])
        {
            if (step.IsRepeated)
            {
                var list = (IList)step.Accessor.GetValue(at);
                if (list.Count == 0)
                {
                    list.Add(Sample(step.MessageType));
                }

                at = (IMessage)list[0]!;
                continue;
            }

            if (step.Accessor.GetValue(at) is not IMessage inner)
            {
                step.Accessor.SetValue(at, inner = Sample(step.MessageType));
            }

            at = (IMessage)step.Accessor.GetValue(at);
        }

        var last = path[^1];
        if (last.IsRepeated)
        {
            var list = (IList)last.Accessor.GetValue(at);
            list.Clear();
            list.Add("x" + bad);
        }
        else
        {
            last.Accessor.SetValue(at, last.Accessor.GetValue(at) + bad);
        }

        return changed;
    }

    // Another kind of fact, or a part that the request leaves out, as it is in order.
    private static IMessage Sample(MessageDescriptor type) => type.Name switch
    {
        "Registration" => new Registration { Register = "nl-bmnr" },
        "Objection" => new Objection { Organisation = "acme" },
        "Relation" => new Relation { Organisation = "acme", Relation_ = RelationKind.Customer },
        "Subscriber" => new Subscriber { Type = SubscriberType.Consumer },
        "Attempt" => new Attempt { Organisation = "acme" },
        "Refusal" => new Refusal { Organisation = "acme" },
        _ => type.Parser.ParseFrom(ByteString.Empty),
    };

    private static List<IMessage> Requests(Method method)
    {
        var fact = Samples.Consent(Number);
        fact.Consent.Evidence.Sha256 = new string('a', 64);
        fact.Consent.ProductGroup = "tv";
        return $"{method.Service.Name}.{method.Name}" switch
        {
            "FactService.RecordFacts" => [Samples.Record(fact)],
            "FactService.RecordOutcome" => [Samples.Outcome(Number, CallOutcome.Objection)],
            "FactService.ImportFacts" => [new ImportFactsRequest { Sequence = 1, Facts = { fact }, Import = new ImportDescription { FileName = "a.csv", Actor = "anna", Source = "crm" } }],
            "FactService.EraseNumber" => [new EraseNumberRequest { Number = Number, Source = "letter" }],
            "FactService.ApplyRetention" => [new ApplyRetentionRequest { DryRun = true, Actor = "anna", Reason = "monthly" }],
            "ImportService.RevertImport" => [new RevertImportRequest { ImportId = "20240101-000000-0000", DryRun = true, Actor = "anna", Reason = "wrong" }],
            "RegistryService.LoadSnapshot" =>
            [
                new LoadSnapshotRequest
                {
                    Open = new LoadSnapshotOpen
                    {
                        Register = "nl-bmnr",
                        SnapshotDate = Timestamp.FromDateTimeOffset(ShiftedClock.Afternoon.AddDays(-1)),
                        Import = new ImportDescription { FileName = "a.csv", Actor = "anna", Source = "keeper" },
                    },
                },
                new LoadSnapshotRequest { Numbers = new LoadSnapshotNumbers { Numbers = { 31612300078 } } },
                new LoadSnapshotRequest { Compare = new LoadSnapshotCompare() },
            ],
            "RegistryService.RecordSnapshot" =>
                [new RecordSnapshotRequest { Register = "nl-bmnr", SnapshotDate = Timestamp.FromDateTimeOffset(ShiftedClock.Afternoon.AddDays(-1)) }],
            "AccessService.CreateCredential" =>
            [
                new CreateCredentialRequest
                {
                    Credential = new Credential { CredentialId = $"c{Guid.NewGuid():n}", Kind = CredentialKind.Token, Roles = { Role.Check }, Subject = "crm", Note = "floor 2" },
                },
            ],
            _ => [.. AccessRpcs.All[$"{method.Service.Name}.{method.Name}"].Requests("acme")],
        };
    }
}
