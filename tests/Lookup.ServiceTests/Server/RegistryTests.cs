using Google.Protobuf.WellKnownTypes;
using Lookup.V1;

namespace Lookup.ServiceTests.Server;

public sealed class RegistryTests(LookupServer server) : IClassFixture<LookupServer>
{
    [Fact]
    public async Task PutOrganisation_Put_IsListedAndReplaced()
    {
        var first = new Organisation { Name = "good-cause", Sector = Sector.IdealOrCharity, SwitchedOffLayers = { Layer.Code }, Strict = true };
        var put = await server.Registry.PutOrganisationAsync(new PutOrganisationRequest { Organisation = first });
        Assert.Equal(first, put.Organisation);
        Assert.Contains(first, (await server.Registry.ListOrganisationsAsync(new ListOrganisationsRequest())).Organisations);

        var second = new Organisation { Name = "good-cause", Sector = Sector.CharityLottery };
        await server.Registry.PutOrganisationAsync(new PutOrganisationRequest { Organisation = second });
        var listed = (await server.Registry.ListOrganisationsAsync(new ListOrganisationsRequest())).Organisations;
        Assert.Equal(second, Assert.Single(listed, o => o.Name == "good-cause"));
    }

    [Fact]
    public async Task Check_OrganisationRecord_WinsOverTheSectorAsked()
    {
        var number = Samples.NewNumber();
        await server.Facts.RecordFactsAsync(Samples.Record(new Fact
        {
            Number = number,
            Source = "crm",
            Relation = new Relation
            {
                Organisation = "shelter",
                Relation_ = RelationKind.Volunteer,
                Since = Timestamp.FromDateTimeOffset(ShiftedClock.Afternoon.AddYears(-1)),
                NumberObtainedAtSale = true,
                OptOutOffered = true,
            },
        }));
        var request = Samples.Check(number, "shelter");
        request.Question.Purpose = Purpose.Charity;
        request.Question.Sector = Sector.Other;
        Assert.Equal(Verdict.Deny, (await server.Lookup.CheckAsync(request)).Decision.Verdict);

        await server.Registry.PutOrganisationAsync(
            new PutOrganisationRequest { Organisation = new Organisation { Name = "shelter", Sector = Sector.IdealOrCharity } });
        Assert.Equal(Verdict.Allow, (await server.Lookup.CheckAsync(request)).Decision.Verdict);
    }

    [Fact]
    public async Task RecordSnapshot_Recorded_IsListedAndBindsChecks()
    {
        var request = Samples.Check(Samples.NewNumber());
        request.WhatIf = new WhatIf { CallTime = Timestamp.FromDateTimeOffset(new DateTimeOffset(2015, 3, 10, 14, 0, 0, TimeSpan.FromHours(1))) };
        Assert.Equal(ReasonCode.RegisterNotLoaded, (await server.Lookup.CheckAsync(request)).Decision.Reasons[0].Code);

        var date = Timestamp.FromDateTimeOffset(new DateTimeOffset(2015, 3, 1, 0, 0, 0, TimeSpan.FromHours(1)));
        var recorded = await server.Registry.RecordSnapshotAsync(new RecordSnapshotRequest { Register = "nl-bmnr", SnapshotDate = date });
        Assert.Contains(date, recorded.Register.SnapshotDates);
        var registers = (await server.Registry.ListRegistersAsync(new ListRegistersRequest())).Registers;
        Assert.Contains(date, registers.Single(r => r.Name == "nl-bmnr").SnapshotDates);
        Assert.Equal(Verdict.Allow, (await server.Lookup.CheckAsync(request)).Decision.Verdict);
    }
}
