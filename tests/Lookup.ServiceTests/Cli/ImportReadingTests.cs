using System.IO.Compression;
using System.Text;
using Lookup.Cli;
using Lookup.Cli.Files;
using Lookup.Cli.Import;
using Lookup.V1;

namespace Lookup.ServiceTests.Cli;

public sealed class ImportReadingTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("number,organisation\n+31612345678,acme\n")]
    [InlineData("number;organisation\n+31612345678;acme\n")]
    [InlineData("number\torganisation\r\n+31612345678\tacme\r\n")]
    [InlineData("number|organisation\n+31612345678|acme")]
    [InlineData("\uFEFFNumber,Organisation\n\"+31612345678\",\"acme\"\n")]
    [InlineData("organisation,number\nacme,+31612345678\n\n")]
    [InlineData("\"number\",\"organisation\"\n\n\n+31612345678 , acme\n")]
    public async Task Csv_AnyUsualForm_YieldsTheFact(string content)
    {
        _folder.Write("a.csv", content);
        var bench = new ImportBench(_folder, "a.csv", "--set", "kind=objection");

        var totals = await bench.RunAsync();

        Assert.Equal((1, 1, 0), (totals.Lines, totals.Recorded, totals.Rejected));
        var fact = Assert.Single(bench.Target.Facts);
        Assert.Equal("+31612345678", fact.Number);
        Assert.Equal("acme", fact.Objection.Organisation);
        Assert.Equal("test file", fact.Source);
    }

    [Fact]
    public async Task Csv_EveryColumn_FillsEveryField()
    {
        _folder.Write("a.csv", """
            number,region,kind,effective,withdrawn,source,actor,reason,organisation,register,categories,purposes,product_group,relation,subscriber,since,until,evidence,evidence_sha256,evidence_text_version,evidence_channel,evidence_locale,verified,in_ledger,obtained_at_sale,opt_out_offered,first_contact_months
            0612345678,NL,consent,2024-03-12T14:00:00+01:00,no,form,anna,asked,acme,,,commercial|charity,energy,,,2024-03-01,2025-03-01T00:00:00Z,rec-1,ab,v2,web,nl,yes,1,,,12
            0612345678,NL,relation,,true,crm,,,acme,,,,energy,customer,,2020-01-01,,,,,,,,,true,false,
            0612345678,NL,registration,,,list,,,,nl-bmnr,energy; finance,,,,,2014-02-01,,,,,,,,,,,
            0612345678,NL,subscriber,,,kvk,,,,,,,,,legal_person,,,,,,,,,,,,
            0612345678,NL,published_for_offers,,,site,,,,,,,energy,,,,,,,,,,,,,,
            0612345678,NL,attempt,,,dialer,,,acme,,,,energy,,,,,,,,,,,,,,
            0612345678,NL,refusal,,,dialer,,,acme,,,,,,,,,,,,,,,,,,
            0612345678,NL,reassignment,2024-05-01,,carrier,,,,,,,,,,,,,,,,,,,,,
            """);
        var bench = new ImportBench(_folder, "a.csv", "--timezone", "Europe/Amsterdam");

        var totals = await bench.RunAsync();

        Assert.Equal((8, 0), (totals.Recorded, totals.Rejected));
        var consent = bench.Target.Facts[0];
        Assert.Equal(("NL", "form", "anna", "asked", false), (consent.DefaultRegion, consent.Source, consent.Actor, consent.Reason, consent.Withdrawn));
        Assert.Equal(DateTimeOffset.Parse("2024-03-12T13:00:00Z"), consent.Effective.ToDateTimeOffset());
        Assert.Equal(DateTimeOffset.Parse("2024-02-29T23:00:00Z"), consent.Consent.Captured.ToDateTimeOffset());
        Assert.Equal([Purpose.Commercial, Purpose.Charity], consent.Consent.Purposes);
        Assert.Equal(new Evidence { Reference = "rec-1", Sha256 = "ab", TextVersion = "v2", Channel = "web", Locale = "nl" }, consent.Consent.Evidence);
        Assert.True(consent.Consent is { Verified: true, InLedger: true, FirstContactMonths: 12 });
        Assert.True(bench.Target.Facts[1] is { Withdrawn: true, Relation: { Relation_: RelationKind.Customer, NumberObtainedAtSale: true, OptOutOffered: false } });
        Assert.Equal(["energy", "finance"], bench.Target.Facts[2].Registration.Categories);
        Assert.Equal(SubscriberType.LegalPerson, bench.Target.Facts[3].Subscriber.Type);
        Assert.Equal("energy", bench.Target.Facts[4].PublishedForOffers.ProductGroup);
        Assert.Equal(("acme", "energy"), (bench.Target.Facts[5].Attempt.Organisation, bench.Target.Facts[5].Attempt.ProductGroup));
        Assert.Equal("acme", bench.Target.Facts[6].Refusal.Organisation);
        Assert.Equal(Fact.KindOneofCase.Reassignment, bench.Target.Facts[7].KindCase);
    }

    [Fact]
    public async Task Csv_FormAndAppointment_AreRead()
    {
        _folder.Write("a.csv", """
            number,kind,organisation,purposes,since,evidence,form,appointment
            +33612345678,consent,acme,commercial,2026-09-01T10:00:00Z,rec-1,Signed,
            +33612345678,consent,acme,commercial,2026-09-01T10:00:00Z,rec-2,appointment,2026-11-28T11:00:00+01:00
            +33612345678,consent,acme,commercial,2026-09-01T10:00:00Z,rec-3,spoken,
            """);
        var bench = new ImportBench(_folder, "a.csv");

        var totals = await bench.RunAsync();

        Assert.Equal((2, 1), (totals.Recorded, totals.Rejected));
        Assert.Equal(ConsentForm.Signed, bench.Target.Facts[0].Consent.Form);
        Assert.Null(bench.Target.Facts[0].Consent.Appointment);
        Assert.Equal(ConsentForm.Appointment, bench.Target.Facts[1].Consent.Form);
        Assert.Equal(DateTimeOffset.Parse("2026-11-28T10:00:00Z"), bench.Target.Facts[1].Consent.Appointment.ToDateTimeOffset());
    }

    [Fact]
    public async Task Ndjson_FlatAndAsTheJsonApiTakesIt_YieldTheSameFact()
    {
        _folder.Write("a.ndjson", """
            {"number":"+31612345678","kind":"consent","organisation":"acme","purposes":["commercial","charity"],"since":"2024-03-01T00:00:00Z","until":"2025-03-01T00:00:00Z","evidence":"rec-1","evidence_channel":"web","verified":true,"first_contact_months":12,"source":"form"}

            {"number":"+31612345678","consent":{"organisation":"acme","purposes":["PURPOSE_COMMERCIAL","PURPOSE_CHARITY"],"captured":"2024-03-01T00:00:00Z","expires":"2025-03-01T00:00:00Z","evidence":{"reference":"rec-1","channel":"web"},"verified":true,"firstContactMonths":12},"source":"form","actor":null}
            """);
        var bench = new ImportBench(_folder, "a.ndjson");

        await bench.RunAsync();

        Assert.Equal(2, bench.Target.Facts.Count);
        Assert.Equal(bench.Target.Facts[0], bench.Target.Facts[1]);
        Assert.Equal([Purpose.Commercial, Purpose.Charity], bench.Target.Facts[0].Consent.Purposes);
    }

    [Fact]
    public async Task Gzip_ByExtension_IsRead()
    {
        using var compressed = new MemoryStream();
        using (var gzip = new GZipStream(compressed, CompressionLevel.Fastest))
        {
            gzip.Write(Encoding.UTF8.GetBytes("number\n+31612345678\n+31612345679\n"));
        }

        _folder.Write("a.csv.gz", compressed.ToArray());
        var bench = new ImportBench(_folder, "a.csv.gz", "--set", "kind=objection", "--set", "organisation=*");

        var totals = await bench.RunAsync();

        Assert.Equal(2, totals.Recorded);
        Assert.All(bench.Target.Facts, fact => Assert.Equal("*", fact.Objection.Organisation));
    }

    [Fact]
    public void Csv_LineOfAQuarterOfAGigabyte_CostsItselfAndNoMemory()
    {
        const int Many = 256;
        const long Little = 16L * 1024 * 1024;
        var megabyte = Enumerable.Repeat((byte)'1', 1024 * 1024).ToArray();
        using var content = new Pieces(["number\n+31612345678\n"u8.ToArray(), .. Enumerable.Repeat(megabyte, Many), "\n+31612345679\n"u8.ToArray()]);
        var before = GC.GetAllocatedBytesForCurrentThread();
        using var input = InputFile.Open("-", content);
        using var reader = new CsvRecordReader(input, new ColumnMap([], ["kind=objection", "organisation=*"], []), null, noHeader: false);
        var record = new ImportRecord();
        var lines = new List<(long, int)>();
        while (reader.Read(record))
        {
            lines.Add((record.Line, record.Faults.Count));
        }

        Assert.Equal([(2, 0), (3, 1), (4, 0)], lines);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, Little);
    }

    [Fact]
    public async Task Csv_WithoutHeader_NamesColumnsByNumber()
    {
        _folder.Write("a.csv", "1,+31612345678,x\n2,+31612345679,x\n");
        var bench = new ImportBench(_folder, "a.csv", "--no-header", "--map", "number=2", "--ignore", "*", "--set", "kind=objection", "--set", "organisation=acme");

        await bench.RunAsync();

        Assert.Equal(["+31612345678", "+31612345679"], bench.Target.Facts.Select(fact => fact.Number));
    }

    [Fact]
    public async Task Rejects_BadLinesAmongGood_ListLineColumnReasonAndContent()
    {
        _folder.Write("a.csv", "phone,withdrawn\n+31612345678,no\n\n+31612345679,maybe\n\"+31\"2,no\n+31612345670\n\"never closed,no\n+31612345671,yes\n");
        var bench = new ImportBench(_folder, "a.csv", "--map", "number=phone", "--set", "kind=objection", "--set", "organisation=acme")
        {
            Target = new RecordingTarget
            {
                Refuse = fact => fact.Number.EndsWith('1') ? new FieldError { Field = "number", Description = "not wanted, here" } : null,
            },
        };

        var totals = await bench.RunAsync();

        Assert.Equal((6, 1, 5), (totals.Lines, totals.Recorded, totals.Rejected));
        Assert.Equal(
            """"
            line,column,reason,content
            4,withdrawn,'maybe' is not a boolean; use true or false,"'+31612345679,maybe"
            5,,"a quote is not closed on its line, or text follows a closing quote: double a quote that is part of a value","""+31""2,no"
            6,,the line has 1 values; the first line has 2,+31612345670
            7,,"a quote is not closed on its line, or text follows a closing quote: double a quote that is part of a value","""never closed,no"
            8,phone,"not wanted, here","'+31612345671,yes"

            """",
            await File.ReadAllTextAsync(bench.RejectPath, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Import_Broken_GoesOnAfterTheCheckpointWithoutRepeatingRejects()
    {
        var lines = Enumerable.Range(0, 2500).Select(i => i % 100 == 7 ? "bad,?" : $"+3165{i:D7},no");
        _folder.Write("a.csv", "number,withdrawn\n" + string.Join('\n', lines) + "\n");
        string[] options = ["--set", "kind=objection", "--set", "organisation=acme"];
        var settings = new ImportSettings { BatchFacts = 100, CheckpointPath = _folder.PathOf("a.csv.checkpoint") };
        var first = new ImportBench(_folder, "a.csv", options) { Settings = settings, Target = new RecordingTarget { BreakAfter = 1200 } };
        await Assert.ThrowsAsync<InvalidOperationException>(first.RunAsync);
        // As a kill would leave it: rejects are written beyond what the checkpoint covers.
        await File.AppendAllTextAsync(first.RejectPath, "9999,half a li", TestContext.Current.CancellationToken);

        var second = new ImportBench(_folder, "a.csv", options) { Settings = settings };
        var totals = await second.RunAsync();

        Assert.True(totals.ResumedAfter > 1000, $"resumed after {totals.ResumedAfter}");
        Assert.Equal((2500, 2475, 25), (totals.Lines, totals.Recorded, totals.Rejected));
        Assert.Equal(2475, first.Target.Facts.Concat(second.Target.Facts).Select(fact => fact.Number).Distinct().Count());
        Assert.False(File.Exists(settings.CheckpointPath));

        var whole = new ImportBench(_folder, "a.csv", options);
        var resumed = await File.ReadAllTextAsync(second.RejectPath, TestContext.Current.CancellationToken);
        await whole.RunAsync();
        Assert.Equal(await File.ReadAllTextAsync(whole.RejectPath, TestContext.Current.CancellationToken), resumed);
    }

    [Theory]
    [InlineData("--set", "organisation=other")]
    [InlineData("--restart", "")]
    [InlineData("file", "")]
    public async Task Import_BrokenAndOtherwiseRepeated_BeginsAnew(string what, string value)
    {
        var content = "number\n" + string.Join('\n', Enumerable.Range(0, 500).Select(i => $"+3165{i:D7}")) + "\n";
        _folder.Write("a.csv", content);
        var settings = new ImportSettings { BatchFacts = 100, CheckpointPath = _folder.PathOf("a.csv.checkpoint") };
        var first = new ImportBench(_folder, "a.csv", "--set", "kind=objection", "--set", "organisation=acme")
        {
            Settings = settings,
            Target = new RecordingTarget { BreakAfter = 250 },
        };
        await Assert.ThrowsAsync<InvalidOperationException>(first.RunAsync);
        Assert.True(File.Exists(settings.CheckpointPath));
        if (what == "file")
        {
            _folder.Write("a.csv", content + "+31659999999\n");
        }

        var second = new ImportBench(_folder, "a.csv", "--set", "kind=objection", "--set", what == "--set" ? value : "organisation=acme")
        {
            Settings = settings with { Restart = what == "--restart" },
        };
        var totals = await second.RunAsync();

        Assert.Equal(0, totals.ResumedAfter);
        Assert.Equal(what == "file" ? 501 : 500, second.Target.Facts.Count);
    }

    [Fact]
    public async Task Import_MoreRejectsThanAllowed_StopsAndSaysWhere()
    {
        _folder.Write("a.csv", "number\n" + string.Join('\n', Enumerable.Repeat("", 1).Concat(Enumerable.Range(0, 500).Select(i => $"\"{i}"))) + "\n");
        var bench = new ImportBench(_folder, "a.csv", "--set", "kind=objection", "--set", "organisation=acme")
        {
            Settings = new ImportSettings { BatchFacts = 50, MaxRejects = 120 },
        };

        var exception = await Assert.ThrowsAsync<CliException>(bench.RunAsync);

        Assert.StartsWith("Stopped at line 152: more than 120 lines were rejected", exception.Message, StringComparison.Ordinal);
        Assert.Equal(ExitCodes.Error, exception.ExitCode);
    }

    // One after the other, none of them copied before it is read.
    private sealed class Pieces(IReadOnlyList<byte[]> pieces) : MemoryStream
    {
        private int _piece;
        private int _at;

        public override int Read(Span<byte> buffer)
        {
            while (_piece < pieces.Count && _at == pieces[_piece].Length)
            {
                (_piece, _at) = (_piece + 1, 0);
            }

            if (_piece == pieces.Count)
            {
                return 0;
            }

            var read = Math.Min(buffer.Length, pieces[_piece].Length - _at);
            pieces[_piece].AsSpan(_at, read).CopyTo(buffer);
            _at += read;
            return read;
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));
    }
}
