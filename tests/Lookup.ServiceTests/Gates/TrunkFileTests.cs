using Lookup.Cli;
using Lookup.Cli.Sip;

namespace Lookup.ServiceTests.Gates;

public sealed class TrunkFileTests
{
    private const string Trunk = """{"name": "a", "from": ["10.0.0.5"], "question": {"org": "acme", "purpose": "commercial"}, "redirect": "sip:{number}@c"}""";

    [Theory]
    [InlineData("", "", "the file has no trunk")]
    [InlineData("\"name\": \"a\", ", "", "trunks[0].name is missing")]
    [InlineData("10.0.0.5", "here", "trunks[0].from 'here' is not an IP address or network; write it like 10.0.0.0/24.")]
    [InlineData("[\"10.0.0.5\"]", "[]", "trunks[0].from is missing")]
    [InlineData("[\"10.0.0.5\"]", "[null]", "trunks[0].from")]
    [InlineData("\"org\": \"acme\", ", "", "trunks[0].question: org is missing.")]
    [InlineData("commercial", "fun", "trunks[0].question: purpose 'fun' is not valid")]
    [InlineData("\"commercial\"", "null", "trunks[0].question: purpose is empty.")]
    [InlineData("\"purpose\"", "\"purpse\"", "trunks[0].question: Unknown field 'purpse'")]
    [InlineData("sip:{number}@c", "sip:c", "trunks[0].redirect 'sip:c' is not a SIP URI whose user part is {number} or {digits}")]
    [InlineData("sip:{number}@c", "sip:{number}{digits}@c", "trunks[0].redirect")]
    [InlineData("sip:{number}@c", "sip:{number}@c>\\r\\nX: y", "trunks[0].redirect")]
    // A redirect that calls another number than the one that was decided.
    [InlineData("sip:{number}@c", "sip:+31201234567@c;x={number}", "trunks[0].redirect")]
    [InlineData("sip:{number}@c", "sip:+31201234567@c?To={number}", "trunks[0].redirect")]
    [InlineData("sip:{number}@c", "sip:{number}@c?To=%2B31201234567", "trunks[0].redirect")]
    [InlineData("sip:{number}@c", "sip:+31201234567@c;x={number}@d", "trunks[0].redirect")]
    [InlineData("sip:{number}@c", "sip:31201234567;x={digits}@c", "trunks[0].redirect")]
    [InlineData("sip:{number}@c", "sip:31201234567{digits}@c", "trunks[0].redirect")]
    [InlineData("sip:{number}@c", "sip:{digits}5@c", "trunks[0].redirect")]
    [InlineData("sip:{number}@c", "sip:{number}%35@c", "trunks[0].redirect")]
    [InlineData("sip:{number}@c", "sip:{number};rn=+31201234567@c", "trunks[0].redirect")]
    [InlineData("sip:{number}@c", "sip:+{number}@c", "trunks[0].redirect 'sip:+{number}@c' would call another number")]
    [InlineData("sip:{number}@c", "sip:+31{digits}@c", "trunks[0].redirect")]
    [InlineData("sip:{number}@c", "sip:31{digits}@c", "trunks[0].redirect 'sip:31{digits}@c' would call another number")]
    [InlineData("sip:{number}@c", "sip:0031{digits}@c", "would call another number")]
    [InlineData("sip:{number}@c", "sip:0111{digits}@c", "would call another number")]
    [InlineData("sip:{number}@c", "sip:{number}@", "trunks[0].redirect")]
    [InlineData("sip:{number}@c\"", "sip:{number}@c\", \"unchecked\": [\"31612345678\"]", "trunks[0].unchecked '31612345678' is not an emergency number")]
    [InlineData("sip:{number}@c\"", "sip:{number}@c\", \"unchecked\": [null]", "trunks[0].unchecked")]
    [InlineData("sip:{number}@c\"", "sip:{number}@c\", \"maxPending\": 0", "trunks[0].maxPending 0 is out of range: 1 to 100000.")]
    // A trunk that can match no call hands its calls to the next one.
    [InlineData("\"name\"", "\"host\": \"gate.example:5060\", \"name\"", "trunks[0].host 'gate.example:5060' is not a host; write it without a port")]
    [InlineData("\"name\"", "\"host\": \"\", \"name\"", "trunks[0].host '' is not a host")]
    [InlineData("\"name\"", "\"host\": \".\", \"name\"", "trunks[0].host '.' is not a host")]
    [InlineData("\"name\"", "\"host\": \"sip:gate.example\", \"name\"", "trunks[0].host")]
    [InlineData("\"name\"", "\"host\": \"::1\", \"name\"", "trunks[0].host")]
    [InlineData("\"name\"", "\"header\": {\"name\": \"X-A:\", \"value\": \"b\"}, \"name\"", "trunks[0].header.name 'X-A:' is not the name of a header; write it without a colon")]
    [InlineData("\"name\"", "\"header\": {\"name\": \"\", \"value\": \"b\"}, \"name\"", "trunks[0].header.name ''")]
    [InlineData("\"name\"", "\"header\": {\"name\": \"X A\", \"value\": \"b\"}, \"name\"", "trunks[0].header.name 'X A'")]
    [InlineData("\"name\"", "\"header\": {\"value\": \"b\"}, \"name\"", "trunks[0].header.name ''")]
    [InlineData("\"name\"", "\"header\": {\"name\": \"X-A\", \"value\": \"\"}, \"name\"", "trunks[0].header.value '' is not the value of a header")]
    [InlineData("\"name\"", "\"header\": {\"name\": \"X-A\", \"value\": \"b \"}, \"name\"", "trunks[0].header.value 'b '")]
    [InlineData("acme", "Acme", "trunks[0].question: org must have 1 to 64 characters of a-z, 0-9, '.', '_' and '-', not 'Acme'.")]
    [InlineData("\"org\"", "\"group\": \"Solar panels\", \"org\"", "trunks[0].question: group must have 1 to 64 characters")]
    [InlineData("\"org\"", "\"region\": \"Holland\", \"org\"", "trunks[0].question: region must be an ISO 3166 code of two letters such as NL, not 'Holland'.")]
    [InlineData("\"org\"", "\"caller\": \"12\", \"org\"", "trunks[0].question: caller: ")]
    [InlineData("\"org\"", "\"caller\": 31850000000, \"org\"", "trunks[0].question.caller must be a text in quotes.")]
    public void File_NotValid_NamesTheField(string part, string replacement, string expected)
    {
        var json = part.Length == 0 ? "{}" : $$"""{"trunks": [{{Trunk.Replace(part, replacement, StringComparison.Ordinal)}}]}""";
        Assert.Contains(expected, Assert.Throws<CliException>(() => TrunkFile.Read(json)).Message, StringComparison.Ordinal);
    }

    // In plain words, with the place and the field, and with what belongs there.
    [Theory]
    [InlineData("", "--trunks: the file is empty; write {\"trunks\":")]
    [InlineData("[]", "--trunks: the file is not a JSON object; write {\"trunks\":")]
    [InlineData("trunks:\n  - name: a", "--trunks: the file is not a JSON object; write {\"trunks\":")]
    [InlineData("{\"trunks\": [null]}", "--trunks: trunks[0].from is missing")]
    [InlineData("{\"trunk\": []}", "--trunks: line 1, column 10: trunk is not a known field; did you mean 'trunks'; the fields are trunks.")]
    [InlineData("{\"trunks\":\n  {}}", "--trunks: line 2, column 4: trunks must be a list of trunks: [{...}, {...}].")]
    [InlineData("{\"trunks\": [5]}", "--trunks: line 1, column 14: trunks[0] must be an object: {\"name\": ...}.")]
    [InlineData("{\"trunks\": [{\"name\": \"é\", \"name\": \"b\"}]}", "trunks[0].name is a duplicate field; write it once.")]
    [InlineData("{\"trunks\": [{\"hosts\": \"b\"}]}", "trunks[0].hosts is not a known field; did you mean 'host'; the fields are name, from, host, header,")]
    [InlineData("{\"trunks\": [{\"header\": {\"nam\": \"b\"}}]}", "trunks[0].header.nam is not a known field; did you mean 'name'; the fields are name, value.")]
    [InlineData("{\"trunks\": [{\"from\": \"10.0.0.5\"}]}", "trunks[0].from must be a list of texts, for example [\"10.0.0.0/24\"].")]
    [InlineData("{\"trunks\": [{\"header\": \"X-A: b\"}]}", "trunks[0].header must be an object, for example {\"name\": \"X-Campaign\", \"value\": \"spring\"}.")]
    [InlineData("{\"trunks\": [{\"question\": \"acme\"}]}", "trunks[0].question must be an object, for example {\"org\": \"acme\",")]
    [InlineData("{\"trunks\": [{\"maxPending\": \"5\"}]}", "trunks[0].maxPending must be a whole number.")]
    [InlineData("{\"trunks\": [{\"unchecked\": [112]}]}", "trunks[0].unchecked[0] must be a text in quotes.")]
    [InlineData("{\"trunks\": [\n{\"name\": \"a\"", "--trunks: line 2, column 13: the file ends before its last bracket or quote is closed.")]
    [InlineData("{\"trunks\": [\n{\"name\": \"é\" x}]}", "--trunks: line 2, column 14, in trunks[0]: ")]
    [InlineData("{\"trunks\": [{\"question\": {\"org\": \"a\", \"org\": \"b\"}}]}", "trunks[0].question.org is a duplicate field; write it once.")]
    [InlineData("{\"trunks\": [\n{\"name\": \"a\" x}]}", "this is not JSON; a quote, comma, colon or bracket is missing or superfluous.")]
    public void File_OfAnotherForm_SaysWhereAndWhatIsExpected(string json, string expected)
    {
        var message = Assert.Throws<CliException>(() => TrunkFile.Read(json)).Message;
        Assert.Contains(expected, message, StringComparison.Ordinal);
        Assert.DoesNotContain("System.", message, StringComparison.Ordinal);
        Assert.DoesNotContain("Lookup.", message, StringComparison.Ordinal);
    }

    [Fact]
    public void File_AFolder_SaysSo()
    {
        using var folder = new TempFolder();
        Assert.Equal($"--trunks '{folder.Path}' cannot be read: it is a folder; name a JSON file.", Assert.Throws<CliException>(() => TrunkFile.Load(folder.Path)).Message);
    }

    [Theory]
    [InlineData("true", true)]
    [InlineData("false", false)]
    [InlineData("\"yes\"", true)]
    public void Question_Automated_IsYesNoOrBoolean(string value, bool automated)
    {
        var trunk = Assert.Single(TrunkFile.Read($$"""{"trunks": [{{Trunk.Replace("\"org\"", $"\"automated\": {value}, \"org\"", StringComparison.Ordinal)}}]}"""));
        Assert.Equal(automated, trunk.Question.Automated);
    }

    [Theory]
    [InlineData("sip:{number}@carrier.example:5060;user=phone", "sip:+31612345678@carrier.example:5060;user=phone")]
    [InlineData("sips:+{digits}@10.0.0.9;transport=tls", "sips:+31612345678@10.0.0.9;transport=tls")]
    [InlineData("SIP:00{digits}@[2001:db8::1]:5060", "SIP:0031612345678@[2001:db8::1]:5060")]
    [InlineData("sip:9{digits}@c", "sip:931612345678@c")]
    [InlineData("sip:1234%23{digits};tgrp=out-1;trunk-context=+1-201@c", "sip:1234%2331612345678;tgrp=out-1;trunk-context=+1-201@c")]
    public void Redirect_WithTheNumberAlone_IsAccepted(string redirect, string contact)
    {
        var trunk = Assert.Single(TrunkFile.Read($$"""{"trunks": [{{Trunk.Replace("sip:{number}@c", redirect, StringComparison.Ordinal)}}]}"""));
        Assert.Equal(contact, trunk.ContactFor("+31612345678"));
    }

    [Fact]
    public void File_WithOneTrunk_IsRead()
    {
        var trunk = Assert.Single(TrunkFile.Read($$"""{"trunks": [{{Trunk}}]}"""));
        Assert.Equal("sip:+31612345678@c", trunk.ContactFor("+31612345678"));
        Assert.Equal(TrunkFile.StandardPending, trunk.MaxPending);
    }
}
