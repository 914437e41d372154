using System.Text.Json;
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
    [InlineData("sip:{number}@c", "sip:c", "trunks[0].redirect 'sip:c' is not a SIP URI with {number} or {digits} once")]
    [InlineData("sip:{number}@c", "sip:{number}{digits}@c", "trunks[0].redirect")]
    [InlineData("sip:{number}@c", "sip:{number}@c>\\r\\nX: y", "trunks[0].redirect")]
    [InlineData("sip:{number}@c\"", "sip:{number}@c\", \"unchecked\": [\"31612345678\"]", "trunks[0].unchecked '31612345678' is not an emergency number")]
    [InlineData("sip:{number}@c\"", "sip:{number}@c\", \"unchecked\": [null]", "trunks[0].unchecked")]
    [InlineData("sip:{number}@c\"", "sip:{number}@c\", \"maxPending\": 0", "trunks[0].maxPending 0 is out of range: 1 to 100000.")]
    public void File_NotValid_NamesTheField(string part, string replacement, string expected)
    {
        var json = part.Length == 0 ? "{}" : $$"""{"trunks": [{{Trunk.Replace(part, replacement, StringComparison.Ordinal)}}]}""";
        Assert.Contains(expected, Assert.Throws<CliException>(() => TrunkFile.Read(json)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{\"trunks\": [null]}")]
    [InlineData("{\"trunk\": []}")]
    [InlineData("[]")]
    [InlineData("{\"trunks\": [{\"name\": \"a\", \"name\": \"b\"}]}")]
    public void File_OfAnotherForm_IsRejected(string json) =>
        Assert.True(Record.Exception(() => TrunkFile.Read(json)) is JsonException or CliException);

    [Fact]
    public void File_WithOneTrunk_IsRead()
    {
        var trunk = Assert.Single(TrunkFile.Read($$"""{"trunks": [{{Trunk}}]}"""));
        Assert.Equal("sip:+31612345678@c", trunk.ContactFor("+31612345678"));
        Assert.Equal(TrunkFile.StandardPending, trunk.MaxPending);
    }
}
