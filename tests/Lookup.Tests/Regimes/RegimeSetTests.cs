using System.Text;
using Lookup.Core.Numbers;
using Lookup.Core.Regimes;

namespace Lookup.Tests.Regimes;

public sealed class RegimeSetTests
{
    [Fact]
    public void BuiltIn_Loaded_KnowsItsRegisters() =>
        Assert.Equal(
            [
                "au-dncr", "be-dncm", "ca-dncl", "dk-robinson", "fr-bloctel", "ie-ndd", "in-dlt", "it-rpo", "nl-bmnr",
                "no-reservasjon", "pt-dgc", "se-nix", "sg-dnc", "uk-ctps", "uk-tps", "us-dnc", "za-optout",
            ],
            RegimeSet.BuiltIn.Registers.Where(r => !r.IsOptional).Select(r => r.Name).Order());

    [Theory]
    [InlineData("+31612345678", "2009-09-30T23:59:59+02:00", null)]
    [InlineData("+31612345678", "2009-10-01T00:00:00+02:00", "NL-1")]
    [InlineData("+31612345678", "2021-06-30T23:59:59+02:00", "NL-1")]
    [InlineData("+31612345678", "2021-07-01T00:00:00+02:00", "NL-2")]
    [InlineData("+31612345678", "2026-07-01T00:00:00+02:00", "NL-3")]
    [InlineData("+5997171234", "2024-03-12T14:00:00-04:00", null)]
    [InlineData("+13055550123", "2025-03-11T14:00:00-04:00", "US-FL")]
    [InlineData("+12125550123", "2025-03-11T14:00:00-04:00", "US")]
    [InlineData("+14165550123", "2025-03-11T14:00:00-04:00", "CA")]
    [InlineData("+16045550123", "2025-03-11T14:00:00-04:00", "CA-BC")]
    [InlineData("+14165550123", "2008-09-29T23:59:59-04:00", null)]
    [InlineData("+18095550123", "2025-03-11T14:00:00-04:00", null)]
    [InlineData("+18765550123", "2025-03-11T14:00:00-04:00", null)]
    [InlineData("+12423591234", "2025-03-11T14:00:00-04:00", null)]
    [InlineData("+17875550123", "2025-03-11T14:00:00-04:00", null)]
    [InlineData("+18005550123", "2025-03-11T14:00:00-04:00", null)]
    [InlineData("+61255500123", "2025-03-11T14:00:00+11:00", "AU")]
    [InlineData("+61891641234", "2025-03-11T14:00:00+11:00", null)]
    [InlineData("+61891621234", "2025-03-11T14:00:00+11:00", null)]
    [InlineData("+41446681800", "2021-01-01T00:00:00+01:00", "CH")]
    [InlineData("+4232345678", "2025-03-11T14:00:00+01:00", null)]
    [InlineData("+27821234567", "2026-04-14T23:59:59+02:00", "ZA-1")]
    [InlineData("+27821234567", "2026-04-15T00:00:00+02:00", "ZA-2")]
    [InlineData("+441534123456", "2025-03-11T14:00:00Z", null)]
    [InlineData("+442071234567", "2025-03-11T14:00:00Z", "UK")]
    [InlineData("+48601000101", "2014-12-24T23:59:59+01:00", null)]
    [InlineData("+48601000101", "2024-11-09T23:59:59+01:00", "PL-1")]
    [InlineData("+48601000101", "2024-11-10T00:00:00+01:00", "PL-2")]
    [InlineData("+436641234101", "2021-10-31T23:59:59+01:00", "AT-1")]
    [InlineData("+436641234101", "2021-11-01T00:00:00+01:00", "AT-2")]
    [InlineData("+4740612101", "2017-12-31T23:59:59+01:00", "NO-1")]
    [InlineData("+4740612101", "2018-01-01T00:00:00+01:00", "NO-2")]
    [InlineData("+46701234101", "2008-06-30T23:59:59+02:00", null)]
    [InlineData("+46701234101", "2008-07-01T00:00:00+02:00", "SE")]
    [InlineData("+4520123101", "2017-06-30T23:59:59+02:00", "DK-1")]
    [InlineData("+4520123101", "2017-07-01T00:00:00+02:00", "DK-2")]
    [InlineData("+35312345101", "2026-12-01T14:00:00Z", "IE")]
    [InlineData("+353818123456", "2026-12-01T14:00:00Z", "IE-mobile")]
    public void Find_NumberAndTime_GivesTheRowInForce(string number, string time, string? regime)
    {
        Assert.True(PhoneNumber.TryParse(number, out var parsed, out var fault), fault.ToString());
        var at = DateTimeOffset.Parse(time, System.Globalization.CultureInfo.InvariantCulture).ToUnixTimeMilliseconds();
        Assert.Equal(regime, RegimeSet.BuiltIn.Find(parsed, at)?.Id);
    }

    [Fact]
    public void Load_ManyFaults_ListsEachWithItsPlace()
    {
        const string Json = """
            {
              "country": "XX", "title": "X", "version": "1", "zones": ["Mars/Olympus"], "prefixes": ["31x"], "colour": "red",
              "calendars": { "public": ["easter*1"] },
              "regimes": [
                { "id": "X-1", "from": "2020-13-01", "otherwise": { "layer": "law", "article": "1", "text": "t" },
                  "rules": [
                    { "rule": "hours", "layer": "lore", "article": "1", "text": "t", "windows": { "mon-fri": ["22:00-09:00"] } },
                    { "rule": "register", "layer": "law", "article": "1", "text": "t", "register": "nowhere" },
                    { "rule": "attempts", "layer": "law", "article": "1", "text": "t", "max": 99 },
                    { "rule": "permission", "layer": "law", "article": "1", "source": "act", "text": "t", "unless": [{ "by": "magic" }] }
                  ] }
              ]
            }
            """;
        var e = Assert.Throws<RegimeException>(() => Load(("xx.json", Json), ("yy.json", "{\n  \"country\": }")));
        foreach (var expected in new[]
        {
            "xx.json.zones: \"Mars/Olympus\"", "xx.json.prefixes: \"31x\"", "xx.json.colour: is not known", "xx.json.calendars.public: \"easter*1\"",
            "xx.json.regimes[0].from: must be a date", "rules[0].layer: \"lore\"", "rules[0].windows.mon-fri: \"22:00-09:00\"",
            "rules[0].windows: must list every day", "rules[1].register: \"nowhere\"", "rules[2].max: must be a whole number from 1 to 7",
            "rules[2].withinHours: give either", "rules[3].unless[0].by: \"magic\"", "xx.json.regimes[0].rules: must have a rule on objections",
            "yy.json: is not valid JSON at line 2, byte",
        })
        {
            Assert.Contains(expected, e.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(new byte[] { 0xe6, 0x64 })]
    [InlineData(new byte[] { (byte)'\\', (byte)'u', (byte)'d', (byte)'8', (byte)'0', (byte)'0' })]
    public void Load_TextThatIsNotUnicode_IsAFaultOfItsFile(byte[] text)
    {
        byte[] file = [.. "{\"country\": \""u8, .. text, .. "\", \"title\": \"x\"}"u8];
        var e = Assert.Throws<RegimeException>(() => RegimeSet.Load([KeyValuePair.Create("odd.json", (ReadOnlyMemory<byte>)file)]));
        Assert.Contains(e.Faults, f => f.StartsWith("odd.json: ", StringComparison.Ordinal) && f.Contains("not valid Unicode", StringComparison.Ordinal));
    }

    // A limit that the permit does not look at would permit what it means to forbid.
    [Theory]
    [InlineData("""{"by": "relation", "relations": ["customer"], "limits": [{"monthsFromCapture": 12}]}""", "limits[0].limits: monthsFromCapture, firstContactMonths and")]
    [InlineData("""{"by": "relation", "relations": ["customer"], "limits": [{"firstContactMonths": 6, "monthsAfterEnd": 36}]}""", "limits[0].limits: monthsFromCapture, firstContactMonths and")]
    [InlineData("""{"by": "consent", "limits": [{"monthsAfterEnd": 36}]}""", "limits[0].limits: monthsFromCapture, firstContactMonths and")]
    [InlineData("""{"by": "published", "limits": [{"monthsFromCapture": 12}]}""", "limits[0].limits: monthsFromCapture, firstContactMonths and")]
    [InlineData("""{"by": "relation", "relations": ["customer"], "limits": [{"needsForm": ["written", "signed"]}]}""", "limits[0].limits: monthsFromCapture, firstContactMonths and")]
    [InlineData("""{"by": "consent", "needsForm": ["written"]}""", "needsForm: must be")]
    [InlineData("""{"by": "consent", "needsForm": ["signed", "appointment"]}""", "needsForm: must be")]
    [InlineData("""{"by": "consent", "needsForm": []}""", "needsForm: must be")]
    [InlineData("""{"by": "relation", "relations": ["customer"], "needsForm": ["signed"]}""", "needsForm: is not known here")]
    [InlineData("""{"by": "consent", "limits": [{}]}""", "limits[0].limits: a limit must limit something")]
    public void Load_LimitThatIsNotOfItsPermit_IsAFault(string permit, string fault)
    {
        var e = Assert.Throws<RegimeException>(() => Load(("xx.json", File(
            $$"""{ "rule": "permission", "layer": "law", "article": "1", "source": "act", "text": "t", "unless": [{{permit}}] }"""))));
        Assert.Contains(e.Faults, f => f.Contains(fault, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("""{ "rule": "hours", "layer": "law", "article": "1", "source": "act", "text": "t", "windows": { "mon-sun": ["09:00-20:00"], "eve": [] } }""", "windows: eve is the day before a holiday")]
    [InlineData("""{ "rule": "withheld", "layer": "law", "article": "1", "source": "act", "text": "t", "exemptAreas": ["nowhere"] }""", "rules: \"nowhere\" is not defined under areas")]
    [InlineData("""{ "rule": "callerNumber", "layer": "law", "article": "1", "source": "act", "text": "t" }""", "prefixes: is missing")]
    [InlineData("""{ "rule": "callerNumber", "layer": "law", "article": "1", "source": "act", "text": "t", "notPrefixes": ["06"] }""", "notPrefixes: \"06\" is not a prefix")]
    [InlineData("""{ "rule": "automated", "layer": "law", "article": "1", "source": "act", "text": "t", "modes": ["predictive"] }""", "modes: must name a mode together with")]
    [InlineData("""{ "rule": "automated", "layer": "law", "article": "1", "source": "act", "text": "t", "modes": ["preview", "no_human"] }""", "modes: must name a mode together with")]
    [InlineData("""{ "rule": "withheld", "layer": "law", "article": "1", "source": "act", "text": "t", "modes": [] }""", "modes: must name a mode together with")]
    [InlineData("""{ "rule": "withheld", "layer": "law", "article": "1", "source": "act", "text": "t", "lines": [] }""", "lines: must name at least one")]
    [InlineData("""{ "rule": "withheld", "layer": "law", "article": "1", "source": "act", "text": "t", "lines": ["fax"] }""", "lines: \"fax\"")]
    [InlineData("""{ "rule": "withheld", "layer": "law", "article": "1", "source": "act", "text": "t", "unplaced": true, "exemptAreas": ["nowhere"] }""", "unplaced: contradicts areas")]
    public void Load_RuleThatNamesWhatIsNotThere_IsAFault(string rule, string fault)
    {
        var e = Assert.Throws<RegimeException>(() => Load(("xx.json", File(rule))));
        Assert.Contains(e.Faults, f => f.Contains(fault, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("""{ "rule": "withheld", "layer": "law", "article": "1", "text": "t" }""", "rules[1].source: is missing")]
    [InlineData("""{ "rule": "withheld", "layer": "code", "article": "1", "text": "t" }""", "rules[1].source: is missing")]
    [InlineData("""{ "rule": "withheld", "layer": "law", "article": "1", "source": "other", "text": "t" }""", "rules[1].source: \"other\" is not defined under sources")]
    [InlineData("""{ "rule": "withheld", "layer": "law", "article": "1", "source": "act", "text": "t", "unless": [{ "by": "consent", "article": "2" }] }""", "unless[0].source: is missing")]
    public void Load_LawThatNamesNoSource_IsAFault(string rule, string fault)
    {
        var e = Assert.Throws<RegimeException>(() => Load(("xx.json", File(rule))));
        Assert.Contains(e.Faults, f => f.Contains(fault, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("""{ "rule": "withheld", "layer": "policy", "article": "own policy", "text": "t" }""")]
    [InlineData("""{ "rule": "permission", "layer": "law", "article": "1", "source": "act", "text": "t", "unless": [{ "by": "consent", "text": "u" }] }""")]
    public void Load_PolicyAndTextOfTheSameArticle_NeedNoSource(string rule) => Load(("xx.json", File(rule)));

    [Theory]
    [InlineData(""" "url": "http://example.org/act", "verified": "2026-11-30" """, "sources.act.url: \"http://example.org/act\" is not a valid https:// address")]
    [InlineData(""" "url": "act.html", "verified": "2026-11-30" """, "sources.act.url: \"act.html\" is not a valid https:// address")]
    [InlineData(""" "url": "https://example.org/act" """, "sources.act.verified: is missing")]
    public void Load_SourceWithoutLinkOrDate_IsAFault(string members, string fault)
    {
        var file = File("""{ "rule": "withheld", "layer": "policy", "article": "own policy", "text": "t" }""")
            .Replace(""" "url": "https://example.org/act", "verified": "2026-11-30" """, members, StringComparison.Ordinal);
        var e = Assert.Throws<RegimeException>(() => Load(("xx.json", file)));
        Assert.Contains(e.Faults, f => f.Contains(fault, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("""{ "NL": "x" }""", "local.NL: is not a language tag")]
    [InlineData("""{ "nl": "" }""", "local.nl: must be a non-empty text")]
    public void Load_LocalTextThatIsNone_IsAFault(string local, string fault)
    {
        var e = Assert.Throws<RegimeException>(() => Load(("xx.json", File(
            $$"""{ "rule": "withheld", "layer": "policy", "article": "own policy", "text": "t", "local": {{local}} }"""))));
        Assert.Contains(e.Faults, f => f.Contains(fault, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("2027-11-30", null)]
    [InlineData("2027-12-01", "Rules of XX rest on 1 source(s) not checked for 12 months, the oldest on 2026-11-30: Act.")]
    public void DescribeUnverified_AYearAfterTheCheck_NamesTheSource(string today, string? expected)
    {
        var regimes = Load(("xx.json", File("""{ "rule": "withheld", "layer": "policy", "article": "own policy", "text": "t" }""")));
        Assert.Equal(expected, regimes.DescribeUnverified(DateTimeOffset.Parse(today + "T12:00:00Z", System.Globalization.CultureInfo.InvariantCulture)));
    }

    [Fact]
    public void Load_NoFile_IsAFault() => Assert.Throws<RegimeException>(() => RegimeSet.Load([]));

    [Fact]
    public void Load_SamePrefixTwice_IsAFault()
    {
        var nl = RegimeSet.BuiltInFiles().Single(f => f.Key == "nl.json");
        var copy = Encoding.UTF8.GetString(nl.Value.Span).Replace("nl-bmnr", "nl-other", StringComparison.Ordinal);
        var e = Assert.Throws<RegimeException>(() => RegimeSet.Load([nl, KeyValuePair.Create("nl2.json", (ReadOnlyMemory<byte>)Encoding.UTF8.GetBytes(copy))]));
        Assert.Contains("nl2.json: the prefix \"31\" is a duplicate", e.Message, StringComparison.Ordinal);
    }

    private static string File(string rule) => $$"""
        {
          "country": "XX", "title": "X", "version": "1", "zones": ["Europe/Paris"], "prefixes": ["999"],
          "sources": { "act": { "title": "Act", "url": "https://example.org/act", "verified": "2026-11-30" } },
          "regimes": [{ "id": "X", "from": "2020-01-01", "otherwise": { "layer": "law", "article": "1", "source": "act", "text": "t" },
            "rules": [{ "rule": "objection", "layer": "law", "article": "1", "source": "act", "text": "t" }, {{rule}}] }]
        }
        """;

    private static RegimeSet Load(params (string Name, string Json)[] files) =>
        RegimeSet.Load(files.Select(f => KeyValuePair.Create(f.Name, (ReadOnlyMemory<byte>)Encoding.UTF8.GetBytes(f.Json))));
}
