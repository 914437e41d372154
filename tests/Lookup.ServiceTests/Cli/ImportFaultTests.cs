using System.Text;

namespace Lookup.ServiceTests.Cli;

/// <summary>
/// Files and settings that are wrong, each with the sentence that names what and where. All with --dry-run, so that the
/// checks of the service are made without one.
/// </summary>
public sealed class ImportFaultTests : IDisposable
{
    private const string Objection = "--set kind=objection --set organisation=acme";

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    // Options.
    [InlineData("number\n", "--set kind", "--set 'kind' is not of the form field=value.")]
    [InlineData("number\n", "--map =phone", "--map '=phone' is not of the form field=column.")]
    [InlineData("number\n", "--map telephone=phone", "--map names 'telephone', which is not a field. The fields are: number, region,")]
    [InlineData("number\n", "--set kind=objection --set organisation=a --set kind=consent", "--set names the field 'kind' twice.")]
    [InlineData("number\n", "--map number=a --map number=b", "--map gives the field 'number' two columns, 'a' and 'b'.")]
    [InlineData("number\n", "--map number=a --map region=a", "--map names the column 'a' twice.")]
    [InlineData("number;;\n+31612345678;;\n", "--set kind=objection --set organisation=a", "a.csv, line 1: a column has no name: give it one, or skip every column without a name with --ignore ''.")]
    [InlineData("number\n", "--map number=a --ignore a", "The column 'a' is named by both --map and --ignore: drop one.")]
    [InlineData("number\n", "--map kind=a --set kind=consent", "The field 'kind' has both the column 'a' (--map) and a fixed value (--set): drop one.")]
    [InlineData("number\n", "--set kind=complaint", "--set kind: 'complaint' is not a kind of fact; use one of registration, objection,")]
    [InlineData("number\n", "--set kind=objection --set organisation=a --set register=nl-bmnr", "--set register: an objection has no field 'register'.")]
    [InlineData("number\n+31612345678\n", "--set kind=consent --set organisation=a --set since=yesterday", "--set since: 'yesterday' is not a time; write it like 2024-03-12T14:00:00+01:00.")]
    [InlineData("number\n", "--set kind=objection --set organisation=a --timezone Mars/Olympus", "--timezone 'Mars/Olympus' is not a known time zone; try Europe/Amsterdam or UTC.")]
    [InlineData("number\n", "--set kind=objection --set organisation=a --delimiter ,,", "--delimiter ',,' is not valid; use one character such as ',' or ';', or 'tab'.")]
    [InlineData("number\n", "--set kind=objection --set organisation=a --format xml", "--format 'xml' is not valid; use one of csv, ndjson, ftc-dnc, lnnte, tps, ctps, dncm, lista-robinson, bloctel, nix, rpo, rnd, vicidial-dnc.")]
    [InlineData("number\n", "--set kind=objection --set organisation=a --format ndjson --no-header", "--no-header applies only to CSV, but a.csv is read as NDJSON: drop it, or add --format csv.")]
    [InlineData("number\n", "--set kind=objection --set organisation=a --max-rejects -1", "--max-rejects -1 is out of range: 0 to 1000000000.")]
    [InlineData("number\n", "--set kind=objection --set organisation=a --max-rejects many", "--max-rejects 'many' is not a number.")]
    [InlineData("number\n", "--set kind=objection --set organisation=a --data d --redis r", "--data and --redis exclude each other: drop one.")]
    [InlineData("number\n", "--set kind=objection --set organisation=a --data d --address http://127.0.0.1:7500", "--address names a service, --data and --redis name a store: use only one.")]
    // Headers.
    [InlineData("telephone\n", Objection, "a.csv, line 1: column 'telephone' is not a field: use --map field=telephone or --ignore telephone.")]
    [InlineData("number,withdrwan\n", Objection, "a.csv, line 1: column 'withdrwan' is not a field; did you mean 'withdrawn'?")]
    [InlineData("phone\n", Objection + " --ignore phone", "a.csv, line 1: no column for the number: use --map number=COLUMN; the columns are: phone.")]
    [InlineData("number\n", "", "a.csv, line 1: no column for the kind of fact: use --set kind=KIND")]
    [InlineData("number,phone\n", Objection + " --map number=phone", "a.csv, line 1: columns 'number' and 'phone' both map to the field 'number': ignore one with --ignore")]
    [InlineData("number,number\n", Objection, "a.csv, line 1: two columns are named 'number': rename one.")]
    [InlineData("number,organisation\n", Objection, "a.csv, line 1: the field 'organisation' has both the column 'organisation' and a fixed value (--set): ignore the column with --ignore organisation, or drop --set.")]
    [InlineData("number\n", Objection + " --map reason=why", "a.csv has no column 'why', which --map names; its columns are: number.")]
    [InlineData("number\n+31612345678\n", "--set kind=consent --set organisation=a", "a.csv has no column for the time, which a consent requires because it can permit calls: use --map since=COLUMN or --set since=TIME.")]
    [InlineData("number\n+31612345678\n", "--set kind=subscriber --set subscriber=sole_trader", "a.csv has no column for the time, which a subscriber requires")]
    [InlineData("number\n+31612345678\n", Objection + " --set withdrawn=yes", "a.csv has no column for the time, which an objection that is withdrawn requires because it can permit calls: use --map effective=COLUMN or --set effective=TIME.")]
    [InlineData("+31612345678,x\n", Objection + " --no-header --map number=1", "a.csv: column 2 is not mapped: use --map field=2 or --ignore 2.")]
    public async Task Settings_Wrong_AreUsageErrorsBeforeAnythingIsRead(string content, string options, string expected)
    {
        var path = _folder.Write("a.csv", content);

        var run = await CliRun.Async(["import", path, "--dry-run", .. options.Split(' ', StringSplitOptions.RemoveEmptyEntries)]);

        Assert.Equal(2, run.ExitCode);
        Assert.Contains("lookup: " + expected, run.Error, StringComparison.Ordinal);
        Assert.EndsWith("See 'lookup import --help'.", run.Error.TrimEnd(), StringComparison.Ordinal);
        Assert.Equal("", run.Output);
    }

    [Theory]
    [InlineData("number,withdrawn\n+31612345678,no\n+31612345679,perhaps\n", Objection, 3, "withdrawn", "'perhaps' is not a boolean; use true or false")]
    [InlineData("number\n+31612345678\n\n\n0612345679\n", Objection, 5, "number", "")]
    [InlineData("number\n+31612345678\n+316123456789012345\n", Objection, 3, "number", "")]
    [InlineData("phone\n+31612345678\nnone\n", Objection + " --map number=phone", 3, "phone", "")]
    [InlineData("number,x\n+31612345678,\n,1\n", Objection + " --ignore x", 3, "number", "the number is missing")]
    [InlineData("number,kind\n+31612345678,objection\n+31612345679,complaint\n", "--set organisation=acme", 3, "kind", "'complaint' is not a kind of fact; use one of registration,")]
    [InlineData("number,organisation\n+31612345678,acme\n+31612345679,Acme Ltd\n", "--set kind=objection", 3, "organisation", "")]
    [InlineData("number,effective\n+31612345678,2024-03-12T14:00:00Z\n+31612345679,2024-03-12\n", Objection, 3, "effective", "'2024-03-12' has no offset; write it like 2024-03-12T14:00:00+01:00, or set --timezone")]
    [InlineData("number,effective\n+31612345678,2024-03-12\n+31612345679,12/03/24\n", Objection + " --timezone UTC", 3, "effective", "'12/03/24' is not a time; write it like")]
    [InlineData("number,effective\n+31612345678,2024-03-12\n+31612345679,2924-03-12\n", "--set kind=attempt --set organisation=acme --timezone UTC", 3, "effective", "")]
    [InlineData("number,register\n+31612345678,nl-bmnr\n+31612345679,nl-nothing\n", "--set kind=registration", 3, "register", "")]
    [InlineData("number,purposes\n+31612345678,commercial\n+31612345679,fun\n", "--set kind=consent --set organisation=acme --set since=2024-01-01T00:00:00Z", 3, "purposes", "'fun' is not a purpose; use one of commercial, charity, political, survey, service")]
    [InlineData("number,since,expires\n+31612345678,2024-01-01,2025-01-01\n+31612345679,2024-01-01,2023-01-01\n", "--set kind=consent --set organisation=acme --set purposes=survey --timezone UTC", 3, "expires", "")]
    [InlineData("number,relation\n+31612345678,customer\n+31612345679,\n", "--set kind=relation --set organisation=acme --set since=2024-01-01T00:00:00Z", 3, "relation", "the relation is missing; use one of customer, donor,")]
    [InlineData("number,subscriber\n+31612345678,legal_person\n+31612345679,robot\n", "--set kind=subscriber --set effective=2024-01-01T00:00:00Z", 3, "subscriber", "'robot' is not a valid subscriber; use one of consumer,")]
    [InlineData("number,first_contact_months\n+31612345678,12\n+31612345679,a year\n", "--set kind=consent --set organisation=acme --set purposes=survey --set since=2024-01-01T00:00:00Z", 3, "first_contact_months", "'a year' is not a whole number of months")]
    [InlineData("number,kind,register\n+31612345678,objection,\n+31612345679,objection,nl-bmnr\n", "--set organisation=acme", 3, "register", "an objection has no field 'register'; leave it empty")]
    [InlineData("number,reason\n+31612345678,\n+31612345679,a,b\n", Objection, 3, "", "the line has 3 values; the first line has 2")]
    [InlineData("number,reason\n+31612345678,\n+31612345679,\"never closed\n", Objection, 3, "", "a quote is not closed on its line")]
    [InlineData("number,reason\n+31612345678,\n+31612345679,\"say\" no\n", Objection, 3, "", "a quote is not closed on its line, or text follows a closing quote")]
    [InlineData("number,since\n+31612345678,2024-01-01\n+31612345679,\n", "--set kind=consent --set organisation=acme --set purposes=survey --timezone UTC", 3, "since", "Required: when the consent was given.")]
    [InlineData("number,source\n+31612345678,form\n+31612345679,LONG\n", Objection, 3, "source", "")]
    public async Task Csv_OneBadLine_IsListedAndTheOthersCount(string content, string options, int line, string column, string reason)
    {
        var path = _folder.Write("a.csv", content.Replace("LONG", new string('x', 257), StringComparison.Ordinal));

        var run = await CliRun.Async(["import", path, "--dry-run", .. options.Split(' ')]);

        Assert.Equal(3, run.ExitCode);
        Assert.Contains("1 would be recorded, 1 rejected", run.Output, StringComparison.Ordinal);
        Assert.Contains(column.Length > 0 ? $"line {line}, {column}: {reason}" : $"line {line}: {reason}", run.Output, StringComparison.Ordinal);
        var rejects = await File.ReadAllLinesAsync(path + ".rejects.csv", TestContext.Current.CancellationToken);
        Assert.Equal("line,column,reason,content", rejects[0]);
        Assert.StartsWith($"{line},{column},", rejects[1], StringComparison.Ordinal);
        Assert.Equal(2, rejects.Length);
        Assert.Equal("", run.Error);
    }

    [Theory]
    [InlineData("""{"number":"+31612345679","kind":"objection","organisation":"acme" """, "", "the line is not valid JSON at character ")]
    [InlineData("""["+31612345679"]""", "", "the line is not a JSON object")]
    [InlineData("""{"number":"+31612345679","kind":"objection","organisation":"acme","reason":"\ud800"}""", "", "a string on the line is not valid Unicode")]
    [InlineData("""{"number":"+31612345679","kind":"objection","organisation":"acme","withdrwan":true}""", "withdrwan", "column 'withdrwan' is not a field; did you mean 'withdrawn'?")]
    [InlineData("""{"number":"+31612345679","kind":"objection","organisation":["acme",1]}""", "organisation", "organisation must be one value or a list of strings, not Array")]
    [InlineData("""{"number":"+31612345679","number":"+31612345670","kind":"objection","organisation":"acme"}""", "", "the line is not valid JSON")]
    [InlineData("""{"number":"+31612345679","objection":{"organisation":"acme"},"refusal":{"organisation":"acme"}}""", "refusal", "the line has more than one kind of fact")]
    [InlineData("""{"number":"+31612345679","organisation":"acme"}""", "kind", "the kind is missing")]
    [InlineData("""{"number":"+31612345679","consent":{"organisation":"acme","purposes":["PURPOSE_FUN"]}}""", "purposes", "'PURPOSE_FUN' is not a purpose")]
    public async Task Ndjson_OneBadLine_IsListedAndTheOthersCount(string bad, string column, string reason)
    {
        var path = _folder.Write("a.ndjson", """{"number":"+31612345678","kind":"objection","organisation":"acme"}""" + "\n" + bad + "\n");

        var run = await CliRun.Async("import", path, "--dry-run");

        Assert.Equal(3, run.ExitCode);
        Assert.Contains("1 would be recorded, 1 rejected", run.Output, StringComparison.Ordinal);
        Assert.Contains(column.Length > 0 ? $"line 2, {column}: {reason}" : $"line 2: {reason}", run.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a.csv", "", "a.csv is empty: there is nothing to import.")]
    [InlineData("a.csv.gz", "number\n", "a.csv.gz is not a valid gzip file: rename it without '.gz', or compress it again.")]
    [InlineData("a.csv", "\u001f\u008b\u0008", "a.csv is truncated or damaged: get a new copy of the file.")]
    [InlineData("a.csv", "PK\u0003\u0004", "a.csv is truncated or damaged: get a new copy of the file.")]
    [InlineData("a.xls", "\u00d0\u00cf\u0011\u00e0", "a.xls is an old Excel workbook (.xls), or one with a password: save it as .xlsx without a password, or as CSV.")]
    [InlineData("a.csv", "\u00ff\u00fe", "a.csv is empty: there is nothing to import.")]
    [InlineData("a.csv", "number\n\0\0\0", "a.csv is not text: save it as CSV or NDJSON.")]
    [InlineData("a.csv", "number,\"org\n", "a.csv, line 1: in the header a quote is not closed on its line, or text follows a closing quote: double a quote that is part of a value.")]
    public async Task File_OfAnotherKind_IsRefusedWithOneSentence(string name, string latin1, string expected)
    {
        var path = _folder.Write(name, Encoding.Latin1.GetBytes(latin1));

        var run = await CliRun.Async("import", path, "--dry-run", "--set", "kind=objection", "--set", "organisation=acme");

        Assert.Equal(1, run.ExitCode);
        Assert.Equal("lookup: " + expected, run.Error.TrimEnd());
    }

    /// <summary>What stands after a gzip member, and whether it can be told from another member.</summary>
    [Theory]
    [InlineData("text")]
    [InlineData("zeros")]
    [InlineData("magic")]
    [InlineData("one")]
    public async Task Gzip_WithOtherBytesAfterAMember_IsRefusedAndNamesTheByte(string kind)
    {
        var member = OfficeFile.Gzip("number\n" + string.Concat(Enumerable.Range(0, 5000).Select(i => $"+3161234{i * 7919 % 10_000:D4}\n")));
        var other = OfficeFile.Gzip("+31612345678\n");
        byte[] rest = kind switch
        {
            "text" => "+31612345678\n"u8.ToArray(),
            "zeros" => [.. new byte[7], .. other],
            "magic" => [0, .. other[1..]],
            _ => [0],
        };
        string[] import = ["--dry-run", "--set", "kind=objection", "--set", "organisation=acme"];

        var whole = await CliRun.Async(["import", _folder.Write("two.csv.gz", [.. member, .. other]), .. import, "--json"]);
        var refused = await CliRun.Async(["import", _folder.Write("a.csv.gz", [.. member, .. rest]), .. import]);

        Assert.True(whole.ExitCode == 0, whole.Error);
        Assert.Equal(5001, (int)System.Text.Json.Nodes.JsonNode.Parse(whole.Output)!["recorded"]!);
        Assert.Equal(1, refused.ExitCode);
        Assert.Equal(
            $"lookup: a.csv.gz has bytes after its gzip content, from byte {member.Length + 1}: a part of the list may be lost. Compress the whole list again.", refused.Error.TrimEnd());
    }

    [Theory]
    [InlineData("afgemeld")]
    [InlineData("1.0")]
    [InlineData("2024-03-12")]
    public async Task Consent_WithAnUnreadableWithdrawal_CountsAsAnOptOutThatIsNotRecorded(string withdrawn)
    {
        var path = _folder.Write("a.csv", $"number,since,withdrawn\n+31612345678,2024-01-01T00:00:00Z,{withdrawn}\n");

        var run = await CliRun.Async("import", path, "--dry-run", "--json", "--set", "kind=consent", "--set", "organisation=acme", "--set", "purposes=survey");

        Assert.Equal(1, (int)System.Text.Json.Nodes.JsonNode.Parse(run.Output)!["rejected_opt_outs"]!);
    }

    [Theory]
    [InlineData("withdrawl", true)]
    [InlineData("Unsubscribed", true)]
    [InlineData("opt_out", true)]
    [InlineData("Opt-Out Date", true)]
    [InlineData("Revoked", true)]
    [InlineData("do not call", true)]
    [InlineData("DNC", true)]
    [InlineData("Afgemeld op", true)]
    [InlineData("Uitgeschreven", true)]
    [InlineData("Ingetrokken", true)]
    [InlineData("Opgezegd per", true)]
    [InlineData("Bezwaar", true)]
    [InlineData("Recht van verzet", true)]
    [InlineData("bel-me-niet", true)]
    [InlineData("Teruggetrek", true)]
    [InlineData("Beswaar", true)]
    [InlineData("Moenie bel", true)]
    [InlineData("Opges\u00ea", true)]
    [InlineData("Abgemeldet am", true)]
    [InlineData("Widerruf", true)]
    [InlineData("Widersprochen", true)]
    [InlineData("Gek\u00fcndigt am", true)]
    [InlineData("K\u00fcndigung", true)]
    [InlineData("Gesperrt", true)]
    [InlineData("Zur\u00fcckgezogen", true)]
    [InlineData("Nicht anrufen", true)]
    [InlineData("D\u00e9sinscrit le", true)]
    [InlineData("De\u0301sinscrit le", true)]
    [InlineData("D\u00e9sabonn\u00e9", true)]
    [InlineData("Retir\u00e9", true)]
    [InlineData("Date de retrait", true)]
    [InlineData("R\u00e9voqu\u00e9", true)]
    [InlineData("R\u00e9sili\u00e9", true)]
    [InlineData("Opposition", true)]
    [InlineData("Ne pas appeler", true)]
    [InlineData("DESINSCRIT", true)]
    [InlineData("Fecha de baja", true)]
    [InlineData("Revocado", true)]
    [InlineData("Retirado", true)]
    [InlineData("Oposici\u00f3n", true)]
    [InlineData("Desuscrito", true)]
    [InlineData("No llamar", true)]
    [InlineData("Rechazado", true)]
    [InlineData("Baixa", true)]
    [InlineData("Oposici\u00f3", true)]
    [InlineData("Revogado em", true)]
    [InlineData("Oposi\u00e7\u00e3o", true)]
    [InlineData("Cancelado", true)]
    [InlineData("N\u00e3o ligar", true)]
    [InlineData("Recusado", true)]
    [InlineData("Revocato", true)]
    [InlineData("Disiscritto", true)]
    [InlineData("Opposizione", true)]
    [InlineData("Ritirato", true)]
    [InlineData("Disdetta", true)]
    [InlineData("Non chiamare", true)]
    [InlineData("Rifiutato", true)]
    [InlineData("Frameldt", true)]
    [InlineData("Tilbagekaldt", true)]
    [InlineData("Tilbagetrukket", true)]
    [InlineData("Indsigelse", true)]
    [InlineData("Opsagt", true)]
    [InlineData("Sp\u00e6rret", true)]
    [InlineData("Ring ikke", true)]
    [InlineData("Avmeldt", true)]
    [InlineData("Tilbakekalt", true)]
    [InlineData("Trukket tilbake", true)]
    [InlineData("Innsigelse", true)]
    [InlineData("Oppsagt", true)]
    [InlineData("Sperret", true)]
    [InlineData("Reservert", true)]
    [InlineData("Avsl\u00e5tt", true)]
    [InlineData("Avregistrerad", true)]
    [InlineData("Avm\u00e4ld", true)]
    [InlineData("\u00c5terkallad", true)]
    [InlineData("Tillbakadragen", true)]
    [InlineData("Inv\u00e4ndning", true)]
    [InlineData("Uppsagd", true)]
    [InlineData("Sp\u00e4rrad", true)]
    [InlineData("Ring inte", true)]
    [InlineData("Wycofana", true)]
    [InlineData("Wypisany", true)]
    [InlineData("Cofni\u0119ta", true)]
    [InlineData("Odwo\u0142ana", true)]
    [InlineData("Sprzeciw", true)]
    [InlineData("Rezygnacja", true)]
    [InlineData("Wyrejestrowany", true)]
    [InlineData("Zablokowany", true)]
    [InlineData("Nie dzwoni\u0107", true)]
    [InlineData("Tarraingthe siar", true)]
    [InlineData("Ditarik balik", true)]
    [InlineData("\u9000\u8ba2", true)]
    [InlineData("name", false)]
    [InlineData("proposal", false)]
    [InlineData("reservering", false)]
    [InlineData("Naissance", false)]
    [InlineData("Stra\u00dfe", false)]
    public async Task IgnoreAll_WarnsOfAColumnThatMayBeAWithdrawal(string column, bool warns)
    {
        var path = _folder.Write("a.csv", $"number,since,evidence,{column}\n+31612345678,2024-01-01T00:00:00Z,form 1,yes\n");

        var run = await CliRun.Async("import", path, "--dry-run", "--set", "kind=consent", "--set", "organisation=acme", "--set", "purposes=survey", "--ignore", "*");

        Assert.Equal(0, run.ExitCode);
        Assert.Equal(warns, run.Output.Contains($"warning: {column}: the column may say that a fact is withdrawn", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("-", 1)]
    [InlineData("#N/A", 1)]
    [InlineData("null", 1)]
    [InlineData("\\N", 1)]
    [InlineData("n.v.t.", 1)]
    [InlineData("k. A.", 1)]
    [InlineData("aucune", 1)]
    [InlineData("ja", 1)]
    [InlineData("ONWAAR", 1)]
    [InlineData("000", 1)]
    [InlineData("#N/B", 1)]
    [InlineData("#NV", 1)]
    [InlineData("#WAARDE!", 1)]
    [InlineData("#ADR!", 1)]
    [InlineData("#DIV/0!", 1)]
    [InlineData("#NOM?", 1)]
    [InlineData("form 12", 0)]
    [InlineData("#1012", 0)]
    [InlineData("A0", 0)]
    [InlineData("rec", 0)]
    [InlineData("https://forms.example/geen", 0)]
    public async Task Evidence_ThatIsAPlaceholder_IsNone(string evidence, int warnings)
    {
        var path = _folder.Write("a.csv", $"number,since,evidence\n+31612345678,2024-01-01T00:00:00Z,{evidence}\n");

        var run = await CliRun.Async("import", path, "--dry-run", "--json", "--set", "kind=consent", "--set", "organisation=acme", "--set", "purposes=survey");

        Assert.Equal((0, warnings), (run.ExitCode, System.Text.Json.Nodes.JsonNode.Parse(run.Output)!["warnings"]!.AsArray().Count));
    }

    [Fact]
    public async Task Lines_WithADelimiterAtTheEnd_AreReadWithoutIt()
    {
        var path = _folder.Write("a.csv", "number;reason\n+31612345678;called;\n+31612345679;called;more\n");

        var run = await CliRun.Async("import", path, "--dry-run", "--json", "--set", "kind=objection", "--set", "organisation=acme");

        var summary = System.Text.Json.Nodes.JsonNode.Parse(run.Output)!;
        Assert.Equal((1, 1), ((int)summary["recorded"]!, (int)summary["rejected"]!));
    }

    [Fact]
    public async Task File_Missing_IsNamed()
    {
        var path = _folder.PathOf("none.csv");

        var run = await CliRun.Async("import", path, "--dry-run", "--set", "kind=objection");

        Assert.Equal(1, run.ExitCode);
        Assert.Equal($"lookup: File '{path}' does not exist.", run.Error.TrimEnd());
    }

    [Fact]
    public async Task Csv_NotUtf8_IsRefusedByLineUnlessTheColumnIsIgnoredOrTheEncodingIsStated()
    {
        var path = _folder.Write("a.csv", Encoding.Latin1.GetBytes("number,reason\n+31612345678,ok\n+31612345679,caf\u00e9\n"));
        string[] import = ["import", path, "--dry-run", "--set", "kind=objection", "--set", "organisation=acme"];

        var refused = await CliRun.Async(import);
        var ignored = await CliRun.Async([.. import, "--ignore", "reason"]);
        var stated = await CliRun.Async([.. import, "--encoding", "windows-1252"]);
        var wrong = await CliRun.Async([.. import, "--encoding", "latin-1"]);

        Assert.Equal((3, 0, 0, 2), (refused.ExitCode, ignored.ExitCode, stated.ExitCode, wrong.ExitCode));
        Assert.Contains("line 3, reason: the text is not UTF-8: save the file as UTF-8, or set --encoding windows-1252", refused.Output, StringComparison.Ordinal);
        Assert.Contains("read as: Windows-1252, CSV with ','", stated.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a.csv", "number,reason\n+31612345678,{0}\n+31612345679,ok\n")]
    [InlineData("a.ndjson", "{{\"number\":\"+31612345678\",\"reason\":\"{0}\"}}\n{{\"number\":\"+31612345679\"}}\n")]
    public async Task Line_TooLong_IsRefusedAndTheNextIsRead(string name, string format)
    {
        var path = _folder.Write(name, string.Format(null, format, new string('x', 3_000_000)));

        var run = await CliRun.Async("import", path, "--dry-run", "--set", "kind=objection", "--set", "organisation=acme");

        Assert.Equal(3, run.ExitCode);
        Assert.Contains("1 would be recorded, 1 rejected", run.Output, StringComparison.Ordinal);
        Assert.Contains("the line is longer than 65536 bytes", run.Output, StringComparison.Ordinal);
        Assert.True(new FileInfo(path + ".rejects.csv").Length < 200_000);
    }

    [Fact]
    public async Task Input_Standard_IsReadAndCanBeNdjson()
    {
        var rejects = _folder.PathOf("bad.csv");

        var run = await CliRun.WithInputAsync(
            """{"number":"+31612345678","kind":"objection","organisation":"acme"}""", "import", "-", "--dry-run", "--json", "--rejects", rejects);

        Assert.Equal(0, run.ExitCode);
        Assert.Contains("\"recorded\":1", run.Output, StringComparison.Ordinal);
        Assert.False(File.Exists(rejects));
    }
}
