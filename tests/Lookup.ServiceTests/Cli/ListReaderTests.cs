using System.Text;
using CsCheck;
using Lookup.Cli.Files;
using Lookup.Cli.Lists;
using Lookup.Core.Numbers;

namespace Lookup.ServiceTests.Cli;

/// <summary>How the bytes of a list become records.</summary>
public class ListReaderTests
{
    private static readonly Gen<string> Value = Gen.OneOf(
        Gen.Const("+31612345678"), Gen.Const(""), Gen.Const("a,b"), Gen.Const("say \"hi\""), Gen.Const("two\nlines"), Gen.Const("two\r\nlines"),
        Gen.Const("\""), Gen.Const("é"), Gen.Char['a', 'z'].Array[0, 30].Select(chars => new string(chars)));

    [Fact]
    public void Read_WellFormedCsv_GivesTheValuesBack() =>
        Gen.Select(Value.Array[3].Array[1, 40], Gen.Bool, Gen.Bool, Gen.Int[1, 50]).Sample((rows, crlf, finalNewLine, piece) =>
        {
            var end = crlf ? "\r\n" : "\n";
            var text = string.Join(end, rows.Select(row => string.Join(',', row.Select(Quote)))) + (finalNewLine ? end : "");

            for (var column = 0; column < 3; column++)
            {
                var records = Read(text, piece, new ListLayout { Format = ImportFormat.Csv, Columns = 3, Column = column });

                Assert.Equal(rows.Select(row => row[column]), records.Select(record => record.Field.Replace("\"\"", "\"", StringComparison.Ordinal)));
                Assert.All(records, record => Assert.Equal(ListFault.None, record.Fault));
            }
        });

    [Fact]
    public void Split_WellFormedLine_GivesTheValuesBack() =>
        Gen.Select(Value.Array[1, 6], Gen.Int[0, 7]).Sample((values, room) =>
        {
            var content = Encoding.UTF8.GetBytes(string.Join(',', values.Select(Quote)));
            var ranges = new Range[room];

            var count = CsvScanner.Split(content, (byte)',', ranges);

            Assert.Equal(values.Length, count);
            Assert.Equal(values.Take(room), ranges.Take(Math.Min(room, count)).Select(range => Encoding.UTF8.GetString(content[range]).Replace("\"\"", "\"", StringComparison.Ordinal)));
            Assert.Equal(values, CsvScanner.Values(content, (byte)',').Select(value => Encoding.UTF8.GetString(value).Replace("\"\"", "\"", StringComparison.Ordinal)));
        });

    [Fact]
    public void Read_SingleLines_EndAtTheFirstLineEnd()
    {
        var records = Read("1,\"a\n2\",b\n3,\"c\"\n\"d\n\"\n", 3, new ListLayout { Format = ImportFormat.Csv, Columns = 0, IsSingleLine = true });

        Assert.Equal(
            [("1,\"a", ListFault.Quote, 1), ("2\",b", ListFault.None, 2), ("3,\"c\"", ListFault.None, 3), ("\"d", ListFault.Quote, 4), ("\"", ListFault.Quote, 5)],
            records.Select(record => (record.Content, record.Fault, record.Line)));
    }

    [Fact]
    public void Read_AnyBytes_DoesNotDependOnThePiecesTheyComeIn() =>
        Gen.Select(OneOf("\"", ",", "\n", "\r\n", "a", "\"\"", " ", "1").Array[0, 200], Gen.Int[1, 7], Gen.Int[1, 3]).Sample((parts, piece, columns) =>
        {
            var text = string.Concat(parts);
            var layout = new ListLayout { Format = ImportFormat.Csv, Columns = columns, Column = columns - 1 };

            var whole = Read(text, int.MaxValue, layout);
            Assert.Equal(whole, Read(text, piece, layout));
            // Nothing but blank lines is lost.
            Assert.Equal(
                text.Where(c => !char.IsWhiteSpace(c)),
                string.Concat(whole.Select(record => record.Content)).Where(c => !char.IsWhiteSpace(c)));
        });

    [Fact]
    public void Read_QuoteNeverClosed_CostsItsLineOnly()
    {
        var records = Read("1,\"a\n2,b\n3,\"c\"\n4,d\n", int.MaxValue, new ListLayout { Format = ImportFormat.Csv, Columns = 2 });

        Assert.Equal(
            [("1", ListFault.Quote, 1), ("2", ListFault.None, 2), ("3", ListFault.None, 3), ("4", ListFault.None, 4)],
            records.Select(record => (record.Content[..1], record.Fault, record.Line)));
    }

    [Fact]
    public void Read_QuoteNeverClosedBeforeALongFile_CostsItsLineOnly()
    {
        var rest = string.Concat(Enumerable.Range(0, 200_000).Select(i => $"{i},x{i}\n"));

        var records = Read("1,\"a\n" + rest, 100_000, new ListLayout { Format = ImportFormat.Csv, Columns = 2 });

        Assert.Equal(200_001, records.Count);
        Assert.Equal(ListFault.Quote, Assert.Single(records, record => record.Fault != ListFault.None).Fault);
    }

    [Theory]
    [InlineData("a,b,c\n", ListFault.Columns)]
    [InlineData("a\n", ListFault.Columns)]
    [InlineData("\"a\"b,c\n", ListFault.Quote)]
    [InlineData("a,b\"c\n", ListFault.None)]
    [InlineData("\"a\",\"b\"", ListFault.None)]
    public void Read_Line_HasFault(string text, object fault) =>
        Assert.Equal((ListFault)fault, Assert.Single(Read(text, int.MaxValue, new ListLayout { Format = ImportFormat.Csv, Columns = 2 })).Fault);

    [Theory]
    [InlineData(ListReader.MaxLine, 0, ListFault.None)]
    [InlineData(ListReader.MaxLine, 1, ListFault.LineTooLong)]
    [InlineData(ListReader.MaxLine, 2, ListFault.LineTooLong)]
    [InlineData(ListReader.MaxLine, 5_000_000, ListFault.LineTooLong)]
    public void Read_LongLine_IsTakenUpToTheLimit(int limit, int more, object fault)
    {
        foreach (var end in (string[])["\n", "\r\n", ""])
        {
            var text = "1\n" + new string('x', limit + more) + end;
            foreach (var piece in (int[])[int.MaxValue, 65_537])
            {
                var records = Read(text + (end.Length > 0 ? "3" : ""), piece, new ListLayout { Format = ImportFormat.Csv });

                Assert.Equal((ListFault)fault, records[1].Fault);
                Assert.Equal(end.Length > 0 ? 3 : 2, records.Count);
                Assert.Equal(records.Count, records[^1].Line);
            }
        }
    }

    [Theory]
    [InlineData("{\"phone\":\"+31612345678\"}", "phone", 31612345678, ListFault.None)]
    [InlineData(" {\"a\":{\"phone\":\"x\"},\"phone\":\"\\u002b31612345678\"} \t", "phone", 31612345678, ListFault.None)]
    [InlineData("{\"a\":[{\"phone\":1}],\"contact\":{\"phone\":\"+31 6 1234 5678\"}}", "contact.phone", 31612345678, ListFault.None)]
    [InlineData("{\"phone\":\"+31612345678\",\"phone\":\"+31612345679\"}", "phone", 0, ListFault.Twice)]
    [InlineData("{\"phone\":\"+31612345678\"}{}", "phone", 0, ListFault.NotJson)]
    [InlineData("{\"phone\":\"+31612345678\"", "phone", 0, ListFault.NotJson)]
    [InlineData("{\"phone\":\"+31612345678\",}", "phone", 0, ListFault.NotJson)]
    [InlineData("[]", "phone", 0, ListFault.NotJson)]
    [InlineData("{}", "phone", 0, ListFault.NoMember)]
    [InlineData("{\"phone\":null}", "phone", 0, ListFault.NoMember)]
    [InlineData("{\"phone\":31612345678.0}", "phone", 0, (ListFault)NumberFault.Fraction)]
    [InlineData("{\"phone\":3.1612345678e10}", "phone", 0, (ListFault)NumberFault.ScientificNotation)]
    [InlineData("{\"phone\":-31612345678}", "phone", 0, (ListFault)NumberFault.InvalidCharacter)]
    [InlineData("{\"phone\":\"+31612345678.0\"}", "phone", 0, (ListFault)NumberFault.Fraction)]
    [InlineData("{\"phone\":\"+390549886377\"}", "phone", 3780549886377, ListFault.None)]
    [InlineData("{\"phone\":[\"+31612345678\"]}", "phone", 0, ListFault.NotText)]
    [InlineData("{\"contact\":\"+31612345678\"}", "contact.phone", 0, ListFault.NoMember)]
    public void ReadJson_Line_GivesNumberOrFault(string line, string path, ulong number, object fault)
    {
        var found = NumberReader.ReadJson(Encoding.UTF8.GetBytes(line), [.. path.Split('.').Select(Encoding.UTF8.GetBytes)], null, out var actual);

        Assert.Equal((number, (ListFault)fault), (found, actual));
    }

    [Fact]
    public void ReadNumber_Bytes_IsWhatTheParserReadsFromText() =>
        Gen.OneOf(
            OneOf('+', '0', '1', '3', '6', '9', ' ', '-', 'a', 'é', '(', ')').Array[0, 20].Select(chars => new string(chars)),
            Gen.ULong[10, 999_999_999_999_999_999].Select(value => $"+{value}")).Sample(text =>
        {
            var number = NumberReader.Read(Encoding.UTF8.GetBytes(text), "NL", out var fault);

            var expected = Core.Numbers.NumberParser.Instance.TryParse(text.Trim(' '), "NL", out var parsed, out var why);
            Assert.Equal(expected ? parsed.Value : 0, number);
            Assert.Equal((byte)why, (byte)fault);
        });

    private static List<(string Content, string Field, ListFault Fault, long Line)> Read(string text, int piece, ListLayout layout)
    {
        using var reader = new ListReader(new Pieces(Encoding.UTF8.GetBytes(text), piece), "test", layout);
        var chunk = new ListChunk();
        var records = new List<(string, string, ListFault, long)>();
        while (reader.Read(chunk, CancellationToken.None))
        {
            for (var i = 0; i < chunk.Count; i++)
            {
                var record = chunk.Records[i];
                var field = record.Fault == ListFault.None ? Encoding.UTF8.GetString(chunk.Content(i).Slice(record.FieldStart, record.FieldLength)) : "";
                records.Add((Encoding.UTF8.GetString(chunk.Content(i)), field, record.Fault, chunk.FirstLine + record.Line));
            }
        }

        Assert.Equal(Encoding.UTF8.GetByteCount(text), reader.Position);
        Assert.Equal(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(Encoding.UTF8.GetBytes(text))), reader.Hash());
        return records;
    }

    private static Gen<T> OneOf<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(i => values[i]);

    private static string Quote(string value) =>
        // A line that is nothing but empty values would be blank.
        value.Length == 0 || value.AsSpan().IndexOfAny("\",\r\n") >= 0 ? $"\"{value.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : value;

    /// <summary>A stream that gives so many bytes at once, as a pipe may.</summary>
    private sealed class Pieces(byte[] bytes, int piece) : MemoryStream(bytes)
    {
        public override int Read(byte[] buffer, int offset, int count) => base.Read(buffer, offset, Math.Min(count, piece));
    }
}
