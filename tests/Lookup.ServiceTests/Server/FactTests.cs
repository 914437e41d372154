using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Lookup.V1;
using Outcome = Lookup.V1.FactResult.Types.Outcome;

namespace Lookup.ServiceTests.Server;

public sealed class FactTests(LookupServer server) : IClassFixture<LookupServer>
{
    private const string N = "+31612345678";

    /// <summary>Facts that are refused, and the field that the result must name.</summary>
    public static TheoryData<string, string> Refused => new()
    {
        { "{}", "number" },
        { "{}", "kind" },
        { "{\"number\":\"" + N + "\",\"source\":\"t\"}", "kind" },
        { "{\"source\":\"t\",\"objection\":{\"organisation\":\"a\"}}", "number" },
        { "{\"number\":\"06\",\"defaultRegion\":\"NL\",\"source\":\"t\",\"objection\":{\"organisation\":\"a\"}}", "number" },
        { "{\"number\":\"" + N + "\",\"objection\":{\"organisation\":\"a\"}}", "source" },
        { "{\"number\":\"x\",\"objection\":{\"organisation\":\"a\"}}", "source" },
        { "{\"number\":\"" + N + "\",\"source\":\"t\",\"objection\":{}}", "objection.organisation" },
        { "{\"number\":\"" + N + "\",\"source\":\"t\",\"objection\":{\"organisation\":\"A\"}}", "objection.organisation" },
        { "{\"number\":\"" + N + "\",\"source\":\"t\",\"effective\":\"2199-12-31T00:00:00Z\",\"withdrawn\":true,\"objection\":{\"organisation\":\"a\"}}", "effective" },
        { "{\"number\":\"" + N + "\",\"source\":\"t\",\"withdrawn\":true,\"objection\":{\"organisation\":\"a\"}}", "effective" },
        { "{\"number\":\"" + N + "\",\"source\":\"t\",\"effective\":\"1960-01-01T00:00:00Z\",\"objection\":{\"organisation\":\"a\"}}", "effective" },
        { "{\"number\":\"" + N + "\",\"source\":\"t\",\"registration\":{\"register\":\"none\"}}", "registration.register" },
        { "{\"number\":\"" + N + "\",\"source\":\"t\",\"registration\":{\"register\":\"nl-bmnr\",\"categories\":[\"no-such\"]}}", "registration.categories" },
        { "{\"number\":\"" + N + "\",\"source\":\"t\",\"registration\":{\"register\":\"nl-bmnr\",\"registeredSince\":\"0001-01-01T00:00:00Z\"}}", "registration.registered_since" },
        { "{\"number\":\"" + N + "\",\"source\":\"t\",\"consent\":{\"organisation\":\"a\"}}", "consent.purposes" },
        { "{\"number\":\"" + N + "\",\"source\":\"t\",\"consent\":{\"organisation\":\"a\",\"purposes\":[257]}}", "consent.purposes" },
        { "{\"number\":\"" + N + "\",\"source\":\"t\",\"consent\":{\"purposes\":[1]}}", "consent.organisation" },
        { "{\"number\":\"" + N + "\",\"source\":\"t\",\"consent\":{\"organisation\":\"*\",\"purposes\":[1]}}", "consent.organisation" },
        { "{\"number\":\"" + N + "\",\"source\":\"t\",\"consent\":{\"organisation\":\"a\",\"purposes\":[1],\"captured\":\"2024-02-02T00:00:00Z\",\"expires\":\"2024-02-01T00:00:00Z\"}}", "consent.expires" },
        { "{\"number\":\"" + N + "\",\"source\":\"t\",\"consent\":{\"organisation\":\"a\",\"purposes\":[1],\"expires\":\"9999-01-01T00:00:00Z\"}}", "consent.expires" },
        { "{\"number\":\"" + N + "\",\"source\":\"t\",\"consent\":{\"organisation\":\"a\",\"purposes\":[1],\"firstContactMonths\":121}}", "consent.first_contact_months" },
        { "{\"number\":\"" + N + "\",\"source\":\"t\",\"consent\":{\"organisation\":\"a\",\"purposes\":[1],\"evidence\":{}}}", "consent.evidence.reference" },
        { "{\"number\":\"" + N + "\",\"source\":\"t\",\"consent\":{\"organisation\":\"a\",\"purposes\":[1],\"evidence\":{\"reference\":\"r\",\"sha256\":\"zz\"}}}", "consent.evidence.sha256" },
        { "{\"number\":\"" + N + "\",\"source\":\"t\",\"relation\":{\"organisation\":\"a\"}}", "relation.relation" },
        { "{\"number\":\"" + N + "\",\"source\":\"t\",\"relation\":{\"organisation\":\"a\",\"relation\":300}}", "relation.relation" },
        { "{\"number\":\"" + N + "\",\"source\":\"t\",\"subscriber\":{}}", "subscriber.type" },
        { "{\"number\":\"" + N + "\",\"source\":\"t\",\"attempt\":{\"organisation\":\"a\",\"productGroup\":\"A B\"}}", "attempt.product_group" },
        { "{\"number\":\"" + N + "\",\"source\":\"t\",\"refusal\":{}}", "refusal.organisation" },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public async Task RecordFacts_FaultyItem_IsRefusedWithTheFieldAndTheOthersAreStored(string fact, string field)
    {
        var good = Samples.Objection(Samples.NewNumber());
        var request = Samples.Record(Google.Protobuf.JsonParser.Default.Parse<Fact>(fact), good);
        var response = await server.Facts.RecordFactsAsync(request);
        Assert.Equal([Outcome.Refused, Outcome.Recorded], response.Results.Select(r => r.Outcome));
        Assert.Contains(field, response.Results[0].Errors.Select(e => e.Field));
        Leaks.AssertNone(response.Results[0].ToString());
    }

    [Fact]
    public async Task RecordFacts_MessageTooLarge_IsExhausted()
    {
        var objection = Samples.Objection(Samples.NewNumber());
        objection.Reason = new string('r', server.Options.MaxMessageBytes);
        var error = await Assert.ThrowsAsync<RpcException>(() => server.Facts.RecordFactsAsync(Samples.Record(objection)).ResponseAsync);
        Assert.Equal(StatusCode.ResourceExhausted, error.StatusCode);
        Leaks.AssertNone(error.Status.Detail);
    }

    [Fact]
    public async Task RecordFacts_SentAgain_IsUnchanged()
    {
        var consent = Samples.Consent(Samples.NewNumber());
        Assert.Equal(Outcome.Recorded, (await server.Facts.RecordFactsAsync(Samples.Record(consent))).Results[0].Outcome);
        Assert.Equal(Outcome.Unchanged, (await server.Facts.RecordFactsAsync(Samples.Record(consent))).Results[0].Outcome);
    }

    [Fact]
    public async Task ListFacts_AfterHistory_GivesEachVersionTheNewestFirst()
    {
        var number = Samples.NewNumber();
        var consent = Samples.Consent(number);
        consent.Consent.ProductGroup = "energy";
        await server.Facts.RecordFactsAsync(Samples.Record(consent, Samples.Objection(number, "*")));
        var withdrawal = new Fact { Number = number, Source = "letter", Withdrawn = true, Consent = new Consent { Organisation = "acme", ProductGroup = "energy" } };
        await server.Facts.RecordFactsAsync(Samples.Record(withdrawal));

        var listed = await server.Facts.ListFactsAsync(new ListFactsRequest { Number = number });
        Assert.Equal(number, listed.Number);
        Assert.NotEmpty(listed.ConsistencyToken);
        Assert.All(listed.Facts, f => Assert.Empty(f.Fact.Number));
        var objection = Assert.Single(listed.Facts, f => f.Fact.Objection is not null);
        Assert.Equal("*", objection.Fact.Objection.Organisation);
        Assert.Equal("call 4711", objection.Fact.Source);

        var commercial = listed.Facts.Where(f => f.Fact.Consent is { } c && c.Purposes[0] == Purpose.Commercial).ToList();
        Assert.Equal([true, false], commercial.Select(f => f.Fact.Withdrawn));
        Assert.Equal([true, false], commercial.Select(f => f.Current));
        var first = commercial[1].Fact;
        Assert.Equal(("acme", "energy"), (first.Consent.Organisation, first.Consent.ProductGroup));
        Assert.Equal(consent.Consent.Expires, first.Consent.Expires);
        Assert.Equal(consent.Consent.Evidence, first.Consent.Evidence);
        Assert.Equal(("web form 12", "anna", "asked for offers"), (first.Source, first.Actor, first.Reason));
        // The withdrawal without purposes took back every purpose.
        Assert.Contains(listed.Facts, f => f.Fact.Withdrawn && f.Fact.Consent.Purposes[0] == Purpose.Survey && f.Current);
    }

    [Fact]
    public async Task ListFacts_FormAndAppointment_ComeBackAsRecorded()
    {
        var number = Samples.NewNumber();
        var written = Samples.Consent(number);
        written.Consent.Form = ConsentForm.Written;
        var appointment = Samples.Consent(number);
        appointment.Consent.Form = ConsentForm.Appointment;
        appointment.Consent.Appointment = appointment.Consent.Captured + Duration.FromTimeSpan(TimeSpan.FromDays(3));
        await server.Facts.RecordFactsAsync(Samples.Record(written, appointment));

        var listed = (await server.Facts.ListFactsAsync(new ListFactsRequest { Number = number })).Facts.Select(f => f.Fact.Consent).ToList();
        Assert.Equal(2 * written.Consent.Purposes.Count, listed.Count);
        foreach (var purpose in written.Consent.Purposes)
        {
            var of = listed.Where(c => c.Purposes[0] == purpose).OrderBy(c => c.Form).ToList();
            Assert.Equal([(ConsentForm.Written, null), (ConsentForm.Appointment, appointment.Consent.Appointment)], of.Select(c => (c.Form, (Timestamp?)c.Appointment)));
        }
    }

    [Fact]
    public async Task EraseNumber_KnownNumber_LeavesOnlyAnObjectionToAll()
    {
        var number = Samples.NewNumber();
        await server.Facts.RecordFactsAsync(Samples.Record(Samples.Consent(number)));
        var erased = await server.Facts.EraseNumberAsync(new EraseNumberRequest { Number = number, Source = "request 9", Reason = "asked to be erased" });
        Assert.Equal(2u, erased.ErasedFacts);

        var left = await server.Facts.ListFactsAsync(new ListFactsRequest { Number = number });
        Assert.All(left.Facts, fact => Assert.Equal("*", fact.Fact.Objection.Organisation));
        Assert.Single(left.Facts, fact => fact.Current);
        var request = Samples.Check(number, "another");
        request.Consistency = new Consistency { AtLeastAsFresh = erased.ConsistencyToken };
        var answer = await server.Lookup.CheckAsync(request);
        Assert.Equal(Verdict.Deny, answer.Decision.Verdict);
        Assert.Equal(ReasonCode.Objection, answer.Decision.Reasons[0].Code);
    }

    [Fact]
    public async Task EraseNumber_CallTimeBefore_IsForbiddenAsWell()
    {
        var number = Samples.NewNumber();
        var before = DateTime.UtcNow.AddSeconds(-2);
        await server.Facts.RecordFactsAsync(Samples.Record(Samples.Objection(number)));
        await server.Facts.EraseNumberAsync(new EraseNumberRequest { Number = number, Source = "request 9" });

        var request = Samples.Check(number);
        request.Consistency = new Consistency { Exact = true };
        request.WhatIf = new WhatIf { CallTime = Timestamp.FromDateTime(before) };
        var answer = await server.Lookup.CheckAsync(request);

        // A check that was under way while the number was erased, or a clock that is behind.
        Assert.Equal(ReasonCode.Objection, answer.Decision.Reasons[0].Code);
    }

    [Fact]
    public async Task ImportFacts_Batches_AreAcknowledgedOneByOne()
    {
        using var call = server.Facts.ImportFacts();
        for (ulong sequence = 3; sequence <= 9; sequence += 3)
        {
            var batch = new ImportFactsRequest { Sequence = sequence };
            batch.Facts.Add(Enumerable.Range(0, 50).Select(_ => Samples.Objection(Samples.NewNumber())));
            batch.Facts.Insert(7, new Fact { Source = "t" });
            batch.Facts.Add(batch.Facts[0]);
            await call.RequestStream.WriteAsync(batch);
            Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None));
            var answer = call.ResponseStream.Current;
            Assert.Equal(sequence, answer.Sequence);
            Assert.Equal(7u, Assert.Single(answer.Refused).Index);
            Assert.Equal(51u, answer.Recorded + answer.Unchanged);
            Assert.NotEmpty(answer.ConsistencyToken);
        }

        await call.RequestStream.CompleteAsync();
        Assert.False(await call.ResponseStream.MoveNext(CancellationToken.None));
    }

    [Fact]
    public async Task ImportFacts_SequenceNotRising_IsInvalid()
    {
        using var call = server.Facts.ImportFacts();
        for (var i = 0; i < 2; i++)
        {
            await call.RequestStream.WriteAsync(new ImportFactsRequest { Sequence = 5, Facts = { Samples.Objection(Samples.NewNumber()) } });
        }

        Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None));
        var error = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(CancellationToken.None));
        Assert.Equal(StatusCode.InvalidArgument, error.StatusCode);
        Assert.Equal("sequence", error.GetRpcStatus()!.GetDetail<Google.Rpc.BadRequest>().FieldViolations[0].Field);
    }

    [Fact]
    public async Task ImportFacts_MoreStreamsThanAllowed_IsExhaustedAndFreedAgain()
    {
        var calls = new List<AsyncDuplexStreamingCall<ImportFactsRequest, ImportFactsResponse>>();
        for (var i = 0; i < server.Options.MaxImportStreams; i++)
        {
            var open = server.Facts.ImportFacts();
            calls.Add(open);
            await open.RequestStream.WriteAsync(new ImportFactsRequest { Sequence = 1, Facts = { Samples.Objection(Samples.NewNumber()) } });
            Assert.True(await open.ResponseStream.MoveNext(CancellationToken.None));
        }

        using (var more = server.Facts.ImportFacts())
        {
            var error = await Assert.ThrowsAsync<RpcException>(() => more.ResponseStream.MoveNext(CancellationToken.None));
            Assert.Equal(StatusCode.ResourceExhausted, error.StatusCode);
            Assert.NotNull(error.GetRpcStatus()!.GetDetail<Google.Rpc.RetryInfo>());
        }

        foreach (var open in calls)
        {
            await open.RequestStream.CompleteAsync();
            Assert.False(await open.ResponseStream.MoveNext(CancellationToken.None));
            open.Dispose();
        }

        using var again = server.Facts.ImportFacts();
        await again.RequestStream.WriteAsync(new ImportFactsRequest { Sequence = 1, Facts = { Samples.Objection(Samples.NewNumber()) } });
        Assert.True(await again.ResponseStream.MoveNext(CancellationToken.None));
    }
}
