using System.Text;
using Lookup.Cli.Commands;
using Lookup.Cli.Output;

namespace Lookup.ServiceTests.Cli;

/// <summary>A folder with the files that people bring, a service, and nothing else.</summary>
public sealed class MistakeFixture : IAsyncLifetime
{
    private readonly TempFolder _folder = new();
    private readonly RunningService _service = new();

    public string Folder => _folder.Path;

    public RunningService Service => _service;

    public async ValueTask InitializeAsync()
    {
        await _service.InitializeAsync();
        foreach (var (name, content) in new (string, string)[]
        {
            ("num.csv", "number\n+31612345678\n"),
            ("two.csv", "+31612345678,+31612345679\n+31612345670,+31612345671\n"),
            ("none.csv", "a,b\nx,y\n"),
            ("customers.csv", "klantnr;tel\n201234567;\n201234568;\n"),
            ("empty.csv", ""),
            ("head.csv", "number\n"),
            ("typo.csv", "number,withdrwan\n+31612345678,yes\n"),
            ("twice.csv", "number,number\n+31612345678,1\n"),
            ("dates.csv", "number,since,kind,organisation,purposes\n+31612345678,03/11/2026,consent,acme,commercial\n"),
            ("array.json", "[{\"number\":\"+31612345678\"}]"),
            ("lines.ndjson", "{\"number\":\"+31612345678\"}\n"),
            ("page.html", "<html><body></body></html>"),
            ("list.pdf", "%PDF-1.4"),
            ("damaged.xlsx", "PK\u0003\u0004garbage"),
            ("damaged.gz", "garbage"),
            ("damaged.parquet", "PAR1garbagePAR1"),
            ("dnc.txt", "202,5550101\n202,5550102\n"),
            ("answers.csv", "phone,date,answer\n2025550101,2026-01-15,yes\n2025550102,2026-01-15,no\n"),
            ("changes.txt", "202,5550101,2024-03-05,D\n"),
            ("ringas.csv", "Namn;Telefon;F\u00e5r ringas\nA;0701740605;ja\nB;0701740606;nej\n"),
            ("allowed.csv", "number\n+31612345678\n"),
        })
        {
            _folder.Write(name, content);
        }

        Directory.CreateDirectory(Path.Combine(Folder, "folder"));
    }

    public async ValueTask DisposeAsync()
    {
        await _service.DisposeAsync();
        _folder.Dispose();
    }
}

/// <summary>What the tool says about each mistake: one sentence, with the option, field, file or address that is wrong.</summary>
public sealed class MistakeTests(MistakeFixture fixture) : IClassFixture<MistakeFixture>
{
    private const string Ask = "+31612345678 --org acme --purpose commercial";
    private const string Objection = "--set kind=objection --set organisation=acme";

    /// <summary>The command line ("@" names the folder of files), the exit code, and the message.</summary>
    public static TheoryData<string, int, string> Mistakes => new()
    {
        // Words.
        { "chek +31612345678", 2, "Unknown command 'chek'; did you mean 'check'?" },
        { "helpp", 2, "Unknown command 'helpp'; did you mean 'help'?" },
        { "register lst", 2, "Unknown command 'lst'; did you mean 'list'?" },
        { "key", 2, "" },
        { "check", 2, "NUMBER and --org are missing." },
        { "record", 2, "KIND is missing." },
        { "record objection", 2, "NUMBER is missing: the phone number that the fact is about." },
        { "key create", 2, "ID and --role are missing." },
        { "scrub num.csv", 2, "--out-dir and --org are missing." },
        { $"check {Ask} --jsonn", 2, "Unknown option '--jsonn'; did you mean '--json'?" },
        { $"check {Ask} 0612345678", 2, "Unexpected argument '0612345678'." },
        { "check +31612345678 --org --purpose commercial", 2, "--org has no value." },
        { $"check {Ask} --org other", 2, "--org is set 2 times; set it once." },
        { "serve --log xml", 2, "--log 'xml' is not valid; use one of text, json, none." },
        { "serve --receipts-for some", 2, "--receipts-for 'some' is not valid; use one of all, " },
        { "bench --org acme --purpose commercial --rate fast", 2, "--rate 'fast' is not a number." },
        // Questions.
        { "check abc --org acme --purpose commercial", 2, "NUMBER: Not a phone number: contains letters" },
        { "check 0612345678 --org acme --purpose commercial", 2, "NUMBER: Not an international phone number: add + and the country calling code or set --region, for example --region NL." },
        { "check 112 --region NL --org acme --purpose commercial", 2, "NUMBER: Not a subscriber's phone number: an emergency or short number." },
        { "check 0612345678 --region NLD --org acme --purpose commercial", 2, "--region: " },
        { $"check {Ask} --region NLD", 2, "--region: Not a known region: write an ISO 3166 code of two letters such as NL." },
        { "facts +31612345678 --region XX", 2, "--region: Not a known region" },
        { "record objection +31612345678 --org acme --region NLD", 1, "The service rejected the fact: --region: Not a known region" },
        { $"import @/num.csv {Objection} --set region=NLD", 2, "--set region: 'NLD' is not a region; write an ISO 3166 code of two letters such as NL." },
        { $"import @/num.csv {Objection} --rejects @/folder/../num.csv", 2, "--rejects @/folder/../num.csv is the file that is read: it would be replaced. Choose another file." },
        { "scrub @/allowed.csv --out-dir @ --org acme --purpose commercial --restart", 2, "The output @/allowed.csv is the file that is read: it would be replaced." },
        { $"import @/num.csv {Objection} --rejects @/head.csv", 2, "--rejects @/head.csv exists and was not written by this command: it would be replaced. Choose another file, or remove it." },
        { "import @/num.csv --format bloctel --cleaned @/num.csv", 2, "--cleaned @/num.csv is the file that was sent: name the file that came back." },
        { "import @/num.csv --set kind=block --set organisation=acme --set purposes=commercial", 2, "--set purposes: a block has no field 'purposes'." },
        { "import @/ringas.csv --format nix", 2, "" },
        { "check +31612345678 --org ACME --purpose commercial", 2, "--org: Must be 1 to 64 characters of [a-z0-9._-]." },
        { "check +31612345678 --org acme --purpose sales", 2, "--purpose 'sales' is not valid; use one of commercial, charity, political, survey, service." },
        { $"check {Ask} --at 2026-11-30T10:00", 2, "--at '2026-11-30T10:00' has no offset; write it like " },
        { $"check {Ask} --at yesterday", 2, "--at 'yesterday' is not a time; write it like " },
        { $"check {Ask} --without law", 2, "--without law: only code and policy can be left out." },
        { $"check {Ask} --reserve 0", 2, "--reserve: Must be 1 second to 1 hour." },
        { $"check {Ask} --subscriber human", 2, "--subscriber 'human' is not valid; use one of consumer, sole_trader, legal_person." },
        { $"check {Ask} --token x", 2, "--token: The token is malformed or truncated" },
        { $"check {Ask} --timeout 0", 2, "--timeout 0 is out of range: 0.001 to 600 seconds." },
        { $"check {Ask} --ca none.crt", 2, "--ca: file 'none.crt' does not exist." },
        { $"check {Ask} --address ftp://x", 2, "--address 'ftp://x' is not an http:// or https:// address; write it like http://127.0.0.1:7500." },
        { $"check {Ask} --address http://127.0.0.1:1", 1, "No service is reachable at http://127.0.0.1:1/. Start one with 'lookup serve', or set its address with --address." },
        { $"check {Ask} --address http://no-such-host.invalid:7500", 1, "No service is reachable at http://no-such-host.invalid:7500/." },
        { $"check {Ask} --address [tls]", 1, "The service at [tls] does not use TLS: use an http:// address." },
        { $"check {Ask} --address [json]", 1, "The service at [json] does not speak gRPC on this port: use its gRPC port." },
        { "watch --org zzz", 2, "--org: No organisation of this name has a record or a fact: create one with 'lookup org put'." },
        { "watch --from abc", 2, "--from: The token is malformed or truncated" },
        { "facts abc", 2, "NUMBER: Not a phone number: contains letters" },
        { "receipt get abc", 1, "This service keeps no receipts; start it with --receipts." },
        { "health --address http://127.0.0.1:1", 1, "No service is reachable at http://127.0.0.1:1/." },
        // Facts.
        { "record complaint +31612345678", 2, "KIND: 'complaint' is not a kind of fact; use one of registration, " },
        { "record objection +31612345678", 2, "--org: the organisation is missing; '*' means all." },
        { "record registration +31612345678", 2, "--register: the register is missing." },
        { "record subscriber +31612345678 --subscriber alien", 2, "--subscriber: 'alien' is not a valid subscriber; use one of " },
        { "record objection +31612345678 --org acme --effective yesterday", 2, "--effective: 'yesterday' is not a time; write it like " },
        { "record consent +31612345678 --org acme --purposes commercial --evidence x", 2, "--since is missing: a fact that can permit calls requires a time" },
        { "record consent +31612345678 --org acme --since now --evidence x", 1, "The service rejected the fact: --purposes: Required: the purposes of the consent." },
        { "record consent +31612345678 --org acme --purposes commercial --since 2024-05-01T10:00:00+02:00 --until 2024-04-01T10:00:00+02:00 --evidence x", 1, "The service rejected the fact: --until: Must be after --since." },
        { "record registration +31612345678 --register nl-bmnrr", 1, "The service rejected the fact: --register: No regime defines this register. The opt-out is NOT recorded; this person can still be called." },
        { "outcome +31612345678 --org acme --result maybe", 2, "--result 'maybe' is not valid; use one of answered, no_answer, refused, objection, abandoned." },
        { "erase +31612345678", 2, "Erasure cannot be undone: confirm it with --yes." },
        { "revert 20261124-141502-7f3a", 2, "Reverting can permit calls that the import forbade: preview it with --dry-run, then confirm it with --yes." },
        { "revert 20261124-141502-7f3a --yes", 1, "There is no import with this id in this store; 'lookup imports' lists them." },
        { "key revoke none", 1, "No credential has this id; 'lookup key list' lists them." },
        { "grant add none acme", 1, "No credential has this id; 'lookup key list' lists them." },
        { "org put acme --sector bank", 2, "--sector 'bank' is not valid; use one of " },
        { "org put acme --without law", 2, "--without: Only code and policy can be switched off." },
        { "register snapshot nl-bmnrr --date 2015-03-01 --timezone Europe/Amsterdam", 2, "REGISTER: No regime has a register of this name; 'lookup register list' lists them." },
        { "register snapshot nl-bmnr --date 2015-03-01", 2, "--date '2015-03-01' has no offset; " },
        // Files.
        { $"import none.txt {Objection}", 1, "File 'none.txt' does not exist." },
        { $"import @/folder {Objection}", 1, "'@/folder' is a folder: name a file." },
        { "import @/num.csv", 2, "num.csv, line 1: no column for the kind of fact: use --set kind=KIND (registration, " },
        { "import @/num.csv --set kind=optout --set organisation=acme", 2, "--set kind: 'optout' is not a kind of fact; use one of " },
        { "import @/num.csv --set kind=objection", 2, "num.csv has no column for the organisation, which an objection requires: use --map organisation=COLUMN or --set organisation=NAME; '*' means all." },
        { "import @/num.csv --set kind=consent --set organisation=acme", 2, "num.csv has no column for the time, which a consent requires because it can permit calls: use --map since=COLUMN or --set since=TIME." },
        { $"import @/num.csv {Objection} --map number=Phone", 2, "num.csv has no column 'Phone', which --map names; its columns are: number." },
        { "import @/num.csv --set kind", 2, "--set 'kind' is not of the form field=value." },
        { "import @/num.csv --set knd=objection", 2, "--set names 'knd', which is not a field; did you mean 'kind'?" },
        { $"import @/num.csv {Objection} --format tsv", 2, "--format 'tsv' is not valid; use one of csv, ndjson, ftc-dnc, " },
        { $"import @/num.csv {Objection} --delimiter ab", 2, "--delimiter 'ab' is not valid; use one character such as ',' or ';', or 'tab'." },
        { $"import @/num.csv {Objection} --encoding latin1", 2, "--encoding 'latin1' is not valid; use utf-8 or windows-1252." },
        { $"import @/num.csv {Objection} --timezone Amsterdam", 2, "--timezone 'Amsterdam' is not a known time zone; try Europe/Amsterdam or UTC." },
        { $"import @/num.csv {Objection} --date-format dd-mm-yy", 2, "--date-format 'dd-mm-yy' is not valid; write day (dd or d), " },
        { $"import @/num.csv {Objection} --max-rejects -1", 2, "--max-rejects -1 is out of range: 0 to 1000000000." },
        { $"import @/num.csv {Objection} --sheet A", 2, "--sheet applies only to an Excel workbook (.xlsx), which num.csv is not. Drop the option." },
        { $"import @/num.csv {Objection} --only listed", 2, "num.csv has no column 'listed', which --ignore names; its columns are: number." },
        { $"import @/num.csv {Objection} --cleaned none.csv", 1, "File 'none.csv' does not exist." },
        { $"import @/num.csv {Objection} --cleaned @/head.csv", 1, "head.csv has no valid number: every number would count as listed." },
        { "import @/dates.csv", 2, "dates.csv, line 2, since: '03/11/2026' is 3 November 2026 or 11 March 2026: set --date-format d/M/yyyy or --date-format M/d/yyyy." },
        { $"import @/empty.csv {Objection}", 1, "empty.csv is empty: there is nothing to import." },
        { $"import @/head.csv {Objection}", 1, "head.csv has no lines after its header: nothing was recorded." },
        { $"import @/array.json {Objection}", 1, "array.json is a JSON array: write one object per line instead, for example with jq -c '.[]'." },
        { $"import @/list.pdf {Objection}", 1, "list.pdf is a PDF: get the list as CSV." },
        { $"import @/page.html {Objection}", 1, "page.html is XML or HTML: convert it to CSV or NDJSON." },
        { $"import @/damaged.xlsx {Objection}", 1, "damaged.xlsx is truncated or damaged: get a new copy of the file." },
        { $"import @/damaged.gz {Objection}", 1, "damaged.gz is not a valid gzip file: rename it without '.gz', or compress it again." },
        { $"import @/damaged.parquet {Objection}", 1, "damaged.parquet is a Parquet file that cannot be read (encrypted or damaged): write it again, or save it as CSV." },
        { $"import @/typo.csv {Objection}", 2, "typo.csv, line 1: column 'withdrwan' is not a field; did you mean 'withdrawn'? Use --map withdrawn=withdrwan or --ignore withdrwan." },
        { $"import @/twice.csv {Objection}", 2, "twice.csv, line 1: two columns are named 'number': rename one." },
        { $"import @/lines.ndjson {Objection} --no-header", 2, "--no-header applies only to CSV, but lines.ndjson is read as NDJSON: drop it, or add --format csv." },
        { $"import @/lines.ndjson {Objection} --only x", 2, "--only and --cleaned apply only to CSV and tables, but lines.ndjson is read as NDJSON" },
        { $"import @/num.csv {Objection} --data x --address http://127.0.0.1:1", 2, "--address names a service, --data and --redis name a store: use only one." },
        { "import @/num.csv --register nl-bmnrr --snapshot 2015-03-01", 2, "--register 'nl-bmnrr' is unknown; did you mean 'nl-bmnr'? 'lookup register list' lists all." },
        { "import @/num.csv --register nl-bmnr", 2, "--register requires --snapshot DATE." },
        { "import @/num.csv --snapshot 2015-03-01", 2, "--snapshot requires --register NAME." },
        { "import @/num.csv --register nl-bmnr --snapshot 2015-03-01", 2, "--snapshot '2015-03-01' has no offset; " },
        { "import @/num.csv --register nl-bmnr --snapshot 2099-03-01 --timezone Europe/Amsterdam", 2, "--snapshot: Must not be in the future." },
        { "import @/changes.txt --format ftc-dnc --snapshot 2024-03-20", 2, "changes.txt is a change list, not the register's complete content: import it without --snapshot." },
        { "import @/answers.csv --format bloctel --snapshot 2024-03-20", 2, "answers.csv does not have the layout of --format bloctel: a column with numbers and one with yes or no whose name says that yes means listed, such as 'Inscrit'; if another column does, name it with --only COLUMN." },
        { "import @/dnc.txt --set kind=registration", 2, "dnc.txt has an area code and a number on each line: add --format ftc-dnc (United States) or --format lnnte (Canada)." },
        { $"scrub none.txt --org acme --purpose commercial --out-dir @/out", 1, "File 'none.txt' does not exist." },
        { $"scrub @/two.csv --org acme --purpose commercial --out-dir @/out", 2, "two.csv: the columns 1 '+31612345678' and 2 '+31612345679' hold numbers: select one with --column." },
        { $"scrub @/none.csv --org acme --purpose commercial --out-dir @/out", 2, "none.csv: no column clearly holds the number: select it with --column; the columns are 1 'a', 2 'b'." },
        { $"scrub @/customers.csv --region NL --org acme --purpose commercial --out-dir @/out", 2, "customers.csv: column 1 'klantnr' holds what could be numbers, but column 2 'tel' is named like numbers: select one with --column." },
        { $"scrub @/num.csv --org acme --purpose commercial --out-dir @/out --column tel", 2, "num.csv has no column 'tel'; the columns are 1 'number'." },
        { $"scrub @/num.csv --org acme --purpose commercial --out-dir @/out --wait 99999", 2, "--wait 99999 is out of range: " },
        { $"preview @/num.csv --org acme --purpose commercial --sample some", 2, "--sample 'some' is not a number." },
        // The service and its stores.
        { "serve --data @/num.csv", 1, "The data folder @/num.csv is a file; name a folder." },
        { "serve --data @/nothing", 1, "There is no store in @/nothing: correct the path, or set up a new, empty store with 'lookup init --data @/nothing'" },
        { "serve --listen 999:1", 2, "--listen '999:1' is not an IP address with a port from 0 to 65535; write it like 127.0.0.1:7500." },
        { "agi --listen 127.1:4573", 2, "--listen '127.1:4573' is not an IP address with a port from 0 to 65535; write it like 127.0.0.1:4573." },
        { "agi --peer 10.1", 2, "--peer '10.1' is not an IP address or network; write it like 10.0.0.0/24." },
        { "agi --peer 010.0.0.0/24", 2, "--peer '010.0.0.0/24' is not an IP address or network; write it like 10.0.0.0/24." },
        { "serve --listen localhost", 2, "--listen 'localhost' is not an IP address with a port from 0 to 65535; write it like 127.0.0.1:7500." },
        { "serve --listen 0.0.0.0:7500", 2, "--listen: 0.0.0.0 can be reached from other machines, so TLS is required." },
        { "serve --set Foo=1", 2, "--set 'Foo=1': 'Foo' is not a setting; 'lookup serve --help' lists them." },
        { "serve --set FreshnesBoundMs=300", 2, "--set 'FreshnesBoundMs=300': 'FreshnesBoundMs' is not a setting; did you mean FreshnessBoundMs?" },
        { "serve --set FreshnessBoundMs=soon", 2, "--set 'FreshnessBoundMs=soon': 'soon' is not a whole number; " },
        { "serve --json-port 7980 --listen 127.0.0.1:7980", 2, "--json-port: 7980 is also the port of --listen; each protocol needs its own port." },
        { "serve --tls-cert @/num.csv", 2, "--tls-cert and --tls-key must be set together." },
        { "serve --tls-cert @/none.crt --tls-key @/none.key", 2, "--tls-cert '@/none.crt' cannot be read: the file does not exist." },
        { "serve --tls-cert @/num.csv --tls-key @/num.csv", 2, "--tls-cert '@/num.csv' is not a PEM file with a certificate." },
        { "serve --jwt-issuer http://x --jwt-audience lookup", 2, "--jwt-issuer: \"http://x\" is not an https:// address." },
        { "serve --receipts x", 2, "--receipts requires --receipt-key FILE: create a key with 'lookup receipt key FILE'." },
        { "serve --regimes @/nothing", 1, "Folder '@/nothing' does not exist; 'lookup regimes export @/nothing' creates it with the built-in rules." },
        { "serve --fake --data x", 2, "--fake cannot be combined with --data, " },
        { "serve --redis 127.0.0.1:1", 1, "No encryption key: the environment variable LOOKUP_NUMBER_KEY is not set, and no key file is named: set it, or name a file with --key-file" },
        { "doctor --redis redis://127.0.0.1:6379", 2, "--redis must not be a URL; write host:port" },
        { "init --data @/folder/..", 1, "Folder '@' is not empty: name another one, or inspect it with 'lookup doctor --data'." },
        { "rekey", 2, "Name a store: --data FOLDER or --redis CONNECTION." },
        { "regimes show ZZ", 2, "COUNTRY 'ZZ' has no rules; use one of AT, " },
        { "receipt key @/nothing/k", 1, "@/nothing/k.pub cannot be written: " },
    };

    [Theory]
    [MemberData(nameof(Mistakes))]
    public async Task Mistake_OfAnyKind_IsOneSentenceThatNamesIt(string line, int exitCode, string expected)
    {
        string[] arguments = [.. line.Replace("@", fixture.Folder, StringComparison.Ordinal).Split(' ').Select(Fill)];
        var asksService = arguments[0] is "check" or "watch" or "facts" or "record" or "outcome" or "revert" or "grant" or "org" or "import" or "scrub" or "preview"
            || (arguments[0] is "key" or "register" or "receipt" && arguments is [_, "revoke" or "snapshot" or "get", ..]);
        string[] to = asksService && !arguments.Contains("--address") && !arguments.Contains("--dry-run") ? ["--address", fixture.Service.Address] : [];

        var run = await CliRun.Async([.. arguments, .. to]);

        if (arguments is ["key"])
        {
            // A group shows its commands.
            Assert.Equal((2, ""), (run.ExitCode, run.Error));
            return;
        }

        Assert.StartsWith("lookup: " + Fill(expected.Replace("@", fixture.Folder, StringComparison.Ordinal)), run.Error, StringComparison.Ordinal);
        Assert.Equal(exitCode, run.ExitCode);
        Assert.Single(run.Error.TrimEnd().Split('\n'));
        Assert.Matches(@"[.?]$", run.Error.TrimEnd());
        Assert.DoesNotMatch(@"Exception|   at |Lookup\.(Cli|Server|Core)\.|System\.|open\.|question\.|organisation\.switched", run.Error);
        Assert.Equal("", run.Output);
    }

    [Fact]
    public async Task Reader_Gone_EndsEveryCommandWithOneSentence()
    {
        string[] number = ["+31612349999"];
        foreach (var line in (string[][])
        [
            ["--help"], ["check", "--help"], ["key"], ["check", .. number, "--org", "acme", "--purpose", "survey"], ["explain", .. number, "--org", "acme", "--purpose", "survey"],
            ["record", "objection", .. number, "--org", "acme"], ["facts", .. number], ["dossier", .. number], ["imports"], ["org", "list"], ["key", "list"],
            ["register", "list"], ["regimes", "list"], ["regimes", "show", "NL"], ["health"], ["doctor"], ["erase", .. number, "--yes"],
            ["import", Path.Combine(fixture.Folder, "num.csv"), .. Objection.Split(' '), "--dry-run"],
            ["preview", Path.Combine(fixture.Folder, "num.csv"), "--org", "acme", "--purpose", "survey"],
        ])
        {
            var error = new StringWriter();
            string[] to = line is ["--help"] or [_, "--help"] or ["key"] or ["regimes", ..] or ["import", ..] ? [] : ["--address", fixture.Service.Address];
            using var gone = new GoneWriter();

            var exitCode = await CliApp.RunAsync(
                [.. line, .. to], new Shell(gone, error, Stream.Null, TimeProvider.System, Stream.Null), TestContext.Current.CancellationToken);

            Assert.True(exitCode == 1 && error.ToString().EndsWith("lookup: The program that read the output has ended.\n", StringComparison.Ordinal), $"{string.Join(' ', line)}: {exitCode} {error}");
        }
    }

    [Theory]
    [InlineData(false, "lookup: no answer from http://127.0.0.1:1/ yet, waiting up to 6 s (--wait).")]
    [InlineData(true, "{\"note\":\"no answer from http://127.0.0.1:1/ yet, waiting up to 6 s (--wait)\"}")]
    public async Task Service_Away_IsSaidBeforeTheWaitIsOver(bool json, string expected)
    {
        var error = new StringWriter();
        var shell = new Shell(TextWriter.Null, error, Stream.Null, TimeProvider.System, Stream.Null);
        string[] line =
        [
            "scrub", Path.Combine(fixture.Folder, "num.csv"), "--org", "acme", "--purpose", "survey", "--out-dir", Path.Combine(fixture.Folder, "away" + json),
            "--address", "http://127.0.0.1:1", "--wait", "6", .. json ? (string[])["--json"] : [],
        ];

        var exitCode = await CliApp.RunAsync(line, shell, TestContext.Current.CancellationToken);

        Assert.Equal(1, exitCode);
        Assert.StartsWith(expected, error.ToString(), StringComparison.Ordinal);
        Assert.Contains("No service is reachable at http://127.0.0.1:1/", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Service_WithoutItsReplicas_SaysThatItDoesNotServe()
    {
        await using var redis = await RedisServer.StartAsync();
        string[] store = ["--redis", $"127.0.0.1:{redis.Port}", "--key-file", Path.Combine(fixture.Folder, "replicas.key")];
        Assert.Equal(0, (await CliRun.Async(["init", .. store, "--new-key", "--partitions", "2"])).ExitCode);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        using var output = new ReadyWriter();

        var serving = CliApp.RunAsync(
            ["serve", .. store, "--wait-replicas", "1", "--listen", "127.0.0.1:0", "--log", "none"], new Shell(output, new StringWriter(), Stream.Null, TimeProvider.System, Stream.Null), stop.Token);
        await Task.WhenAny(output.Ready, serving);
        await stop.CancelAsync();

        Assert.Equal(0, await serving);
        Assert.Matches("(?m)^Ready, but (NOT_SERVING|it takes no writes): .+ gRPC at http://", output.ToString());
    }

    private string Fill(string word) => word
        .Replace("[tls]", fixture.Service.Address.Replace("http:", "https:", StringComparison.Ordinal), StringComparison.Ordinal)
        .Replace("[json]", fixture.Service.JsonAddress, StringComparison.Ordinal);

    /// <summary>Notices the line that says that the service has started.</summary>
    private sealed class ReadyWriter : StringWriter
    {
        private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Ready => _ready.Task;

        public override void Write(string? value) => Add(() => base.Write(value));

        public override void Write(char[] buffer, int index, int count) => Add(() => base.Write(buffer, index, count));

        private void Add(Action write)
        {
            write();
            if (ToString().Contains("Stop with Ctrl-C", StringComparison.Ordinal))
            {
                _ready.TrySetResult();
            }
        }
    }

    /// <summary>A pipe whose reader has ended.</summary>
    private sealed class GoneWriter : TextWriter
    {
        public override Encoding Encoding => Encoding.UTF8;

        public override void Write(char value) => throw new IOException("Broken pipe", 32);
    }
}
