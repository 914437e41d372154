using System.Text.Json.Nodes;
using Lookup.Cli.Files;
using ParquetSharp;
using Encoding = System.Text.Encoding;

namespace Lookup.ServiceTests.Cli;

/// <summary>What is read from Parquet files that another library, Apache's own, wrote.</summary>
public sealed class ParquetTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(Compression.Uncompressed)]
    [InlineData(Compression.Snappy)]
    [InlineData(Compression.Gzip)]
    [InlineData(Compression.Zstd)]
    public void Column_OfAnyType_KeepsItsValue(Compression compression)
    {
        var path = _folder.PathOf("a.parquet");
        var time = new DateTime(2024, 3, 12, 10, 0, 0, DateTimeKind.Unspecified);
        Column[] columns =
        [
            new Column<string>("text"), new Column<long?>("whole"), new Column<double?>("fraction"), new Column<bool?>("flag"), new Column<Date?>("day"),
            new Column<DateTime?>("utc", LogicalType.Timestamp(isAdjustedToUtc: true, TimeUnit.Micros)), new Column<DateTime?>("local", LogicalType.Timestamp(isAdjustedToUtc: false, TimeUnit.Millis)),
            new Column<int>("plain"), new Column<decimal?>("amount", LogicalType.Decimal(20, 3)), new Column<string[]>("many"),
        ];
        using (var file = new ParquetFileWriter(path, columns, compression))
        {
            for (var group = 0; group < 2; group++)
            {
                using var rows = file.AppendRowGroup();
                Write(rows, "a,\"b\"\nc", null);
                Write<long?>(rows, 31612345678, null);
                Write<double?>(rows, 31612345678.0, null);
                Write<bool?>(rows, true, null);
                Write<Date?>(rows, new Date(2024, 3, 12), null);
                Write<DateTime?>(rows, time, null);
                Write<DateTime?>(rows, time.AddMilliseconds(250), null);
                Write(rows, 7, -1);
                Write<decimal?>(rows, 612345678.000m, null);
                Write<string[]>(rows, ["x", "y"], []);
            }

            file.Close();
        }

        using var input = InputFile.Open(path, Stream.Null);
        using var reader = new StreamReader(input.Stream, Encoding.UTF8);
        const string Rows = "\"a,\"\"b\"\"⏎c\",31612345678,31612345678,true,2024-03-12,2024-03-12T10:00:00Z,2024-03-12T10:00:00.25,7,612345678,#NESTED\n,,,,,,,-1,,#NESTED\n";
        Assert.Equal("text,whole,fraction,flag,day,utc,local,plain,amount,many.list.item\n" + Rows + Rows, reader.ReadToEnd().Replace("many/list/item", "many.list.item", StringComparison.Ordinal));
        Assert.Equal(["Parquet"], input.Forms);
    }

    [Fact]
    public async Task List_InParquet_IsImportedAndSaysWhatItIs()
    {
        const int Count = 30_000;
        var path = _folder.PathOf("optouts.parquet");
        Save(path, [.. Enumerable.Range(0, Count).Select(i => $"+3161{i:D7}"), "+3120"]);

        var run = await CliRun.Async("import", path, "--set", "kind=objection", "--set", "organisation=acme", "--map", "number=tel", "--dry-run", "--json");

        var summary = JsonNode.Parse(run.Output)!;
        Assert.Equal((3, Count, 1), (run.ExitCode, (int)summary["recorded"]!, (int)summary["rejected"]!));
        Assert.Equal("Parquet, CSV with ',', with a header", (string)summary["read_as"]!);
        Assert.Equal(Count + 2, (int)summary["first_rejects"]![0]!["line"]!);
    }

    [Fact]
    public async Task File_CutOrInAnArchive_IsOneSentence()
    {
        var path = _folder.PathOf("a.parquet");
        Save(path, "+31612345678");
        var bytes = await File.ReadAllBytesAsync(path, TestContext.Current.CancellationToken);
        string[] options = ["--set", "kind=objection", "--set", "organisation=acme", "--map", "number=tel", "--dry-run"];

        var cut = await CliRun.Async(["import", _folder.Write("cut.parquet", bytes[..^20]), .. options]);
        var packed = await CliRun.Async(["import", _folder.Write("a.gz", OfficeFile.Gzip(Encoding.Latin1.GetString(bytes))), .. options]);

        Assert.Equal("lookup: cut.parquet is a Parquet file that cannot be read (encrypted or damaged): write it again, or save it as CSV.\n", cut.Error);
        Assert.Equal("lookup: a.gz is a Parquet file in an archive or a pipe: unpack it and name the file.\n", packed.Error);
        Assert.Equal((1, 1), (cut.ExitCode, packed.ExitCode));
    }

    private static void Save(string path, params string[] numbers)
    {
        using var file = new ParquetFileWriter(path, [new Column<string>("tel")]);
        using (var rows = file.AppendRowGroup())
        {
            using var column = rows.NextColumn().LogicalWriter<string>();
            column.WriteBatch(numbers);
        }

        file.Close();
    }

    private static void Write<T>(RowGroupWriter rows, T first, T second)
    {
        using var column = rows.NextColumn().LogicalWriter<T>();
        column.WriteBatch([first, second]);
    }

    private static void Write(RowGroupWriter rows, string? first, string? second) => Write<string?>(rows, first, second);
}
