using System.IO.Compression;
using System.Text;
using Lookup.Cli;
using Lookup.Cli.Files;

namespace Lookup.ServiceTests.Cli;

/// <summary>A small file that expands to gigabytes costs neither the memory nor minutes: it is refused with one sentence.</summary>
public sealed class FileBoundTests : IDisposable
{
    private const long Megabyte = 1 << 20;

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("a.zip", "a.zip expands to more than 200 times its size, which no list of numbers does: get a new copy of the file.")]
    [InlineData("a.gz", "a.gz expands to more than 200 times its size, which no list of numbers does: get a new copy of the file.")]
    public void Archive_ThatExpandsWithoutEnd_IsRefused(string name, string expected)
    {
        var path = _folder.PathOf(name);
        using (var file = File.Create(path))
        {
            if (name.EndsWith(".gz", StringComparison.Ordinal))
            {
                using var gzip = new GZipStream(file, CompressionLevel.Optimal);
                Fill(gzip, "\n", 300 * Megabyte);
            }
            else
            {
                using var archive = new ZipArchive(file, ZipArchiveMode.Create);
                using var entry = archive.CreateEntry("a.txt", CompressionLevel.Optimal).Open();
                Fill(entry, "\n", 300 * Megabyte);
            }
        }

        Refuses(path, expected);
    }

    [Theory]
    [InlineData("xl/sharedStrings.xml", "<sst xmlns='http://schemas.openxmlformats.org/spreadsheetml/2006/main'><si><t>", "x", "a.xlsx has a text or a tag of more than 1 MiB: it is not a list. Save it again, or as CSV.")]
    [InlineData("xl/sharedStrings.xml", "<sst xmlns='http://schemas.openxmlformats.org/spreadsheetml/2006/main'>", "<si><t>[30000]</t></si>", "a.xlsx has more than 256 MiB of shared texts: save it as CSV.")]
    [InlineData("xl/sharedStrings.xml", "<sst xmlns='http://schemas.openxmlformats.org/spreadsheetml/2006/main'><si><t><![CDATA[", "<a", "a.xlsx has a CDATA section: save it again as .xlsx, or as CSV.")]
    [InlineData("xl/worksheets/sheet1.xml", "<worksheet xmlns='http://schemas.openxmlformats.org/spreadsheetml/2006/main'><sheetData><row><c t='str'><v>", "x", "a.xlsx has a text or a tag of more than 1 MiB: it is not a list. Save it again, or as CSV.")]
    [InlineData("xl/worksheets/sheet1.xml", "<worksheet xmlns='http://schemas.openxmlformats.org/spreadsheetml/2006/main'><sheetData><row>", "<c><v>612345678</v></c>", "a.xlsx is a workbook that cannot be read: open it in Excel and save it again, or save it as CSV.")]
    [InlineData("xl/styles.xml", "<styleSheet xmlns='http://schemas.openxmlformats.org/spreadsheetml/2006/main'><numFmts>", "<numFmt numFmtId='1' formatCode='d'/>", "a.xlsx is a workbook that cannot be read: open it in Excel and save it again, or save it as CSV.")]
    [InlineData("_rels/.rels", "<Relationships xmlns='http://schemas.openxmlformats.org/package/2006/relationships'>", "<Relationship/>", "a.xlsx is a workbook whose parts are too large or too many: it is not a list. Save it as CSV.")]
    public void Workbook_WithAPartWithoutEnd_IsRefused(string part, string start, string repeated, string expected)
    {
        var path = _folder.Write("a.xlsx", OfficeFile.Workbook(("A", OfficeFile.Rows(["number"], ["0612345678"]))));
        using (var archive = ZipFile.Open(path, ZipArchiveMode.Update))
        {
            archive.GetEntry(part)!.Delete();
            using var entry = archive.CreateEntry(part, CompressionLevel.Fastest).Open();
            entry.Write(Encoding.UTF8.GetBytes(start));
            var isLarge = repeated.Contains("[30000]", StringComparison.Ordinal);
            Fill(entry, repeated.Replace("[30000]", new string('6', 30_000), StringComparison.Ordinal), (isLarge ? 260 : 34) * Megabyte);
        }

        Refuses(path, expected, repeated.Contains("[30000]", StringComparison.Ordinal) ? 3_000 * Megabyte : 400 * Megabyte);
    }

    [Fact]
    public void Xml_WithATextWithoutEnd_IsRefused() => Refuses(
        _folder.Write("a.xml", "<list type='full' level='all' val=''><ac val='202'><ph val='" + new string('1', (int)(3 * Megabyte)) + "'/></ac></list><ph />"),
        "a.xml has a text or a tag of more than 1 MiB: it is not a list. Save it again, or as CSV.");

    private static void Refuses(string path, string expected, long most = 64 * Megabyte)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();

        var refused = Assert.Throws<CliException>(() =>
        {
            using var input = InputFile.Open(path, Stream.Null);
            var buffer = new byte[1 << 16];
            while (input.Stream.Read(buffer) > 0)
            {
            }
        });

        Assert.Equal(expected, refused.Message);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, most);
    }

    private static void Fill(Stream stream, string repeated, long bytes)
    {
        var block = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat(repeated, (int)(Megabyte / repeated.Length))));
        for (long written = 0; written < bytes; written += block.Length)
        {
            stream.Write(block);
        }
    }
}
