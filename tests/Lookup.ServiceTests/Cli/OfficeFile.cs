using System.IO.Compression;
using System.Text;

namespace Lookup.ServiceTests.Cli;

/// <summary>Makes archives and workbooks for tests.</summary>
internal static class OfficeFile
{
    private const string Main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    private const string Relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    private const string Package = "http://schemas.openxmlformats.org/package/2006";
    private const string Type = "application/vnd.openxmlformats-officedocument.spreadsheetml";

    /// <summary>Style 1 shows a date, 2 a date with a time, 3 an elapsed time, 4 an amount in euros.</summary>
    private const string Styles =
        $"<styleSheet xmlns='{Main}'><numFmts count='2'><numFmt numFmtId='164' formatCode='dd\\/mm\\/yyyy\\ hh:mm'/><numFmt numFmtId='165' formatCode='[$€-2]\\ #,##0.00&quot; per day&quot;'/></numFmts><fonts count='1'><font/></fonts><fills count='1'><fill/></fills><borders count='1'><border/></borders><cellStyleXfs count='1'><xf/></cellStyleXfs><cellXfs count='5'><xf numFmtId='0'/><xf numFmtId='14'/><xf numFmtId='164'/><xf numFmtId='46'/><xf numFmtId='165'/></cellXfs></styleSheet>";

    public static byte[] Zip(params (string Name, string Content)[] members)
    {
        using var bytes = new MemoryStream();
        using (var archive = new ZipArchive(bytes, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach (var (name, content) in members)
            {
                using var entry = archive.CreateEntry(name, CompressionLevel.NoCompression).Open();
                entry.Write(Encoding.UTF8.GetBytes(content));
            }
        }

        return bytes.ToArray();
    }

    public static byte[] Gzip(string content)
    {
        using var bytes = new MemoryStream();
        using (var gzip = new GZipStream(bytes, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write(Encoding.UTF8.GetBytes(content));
        }

        return bytes.ToArray();
    }

    /// <summary>Changes a digit of the first member.</summary>
    public static byte[] Damaged(byte[] zip)
    {
        zip[zip.AsSpan().IndexOf("31612"u8) + 4] ^= 1;
        return zip;
    }

    /// <summary>A workbook from the rows of each sheet; a name that begins with "~" hides its sheet.</summary>
    public static byte[] Workbook(params (string Name, string Rows)[] sheets) => Workbook(from1904: false, sheets);

    public static byte[] Workbook(bool from1904, params (string Name, string Rows)[] sheets)
    {
        var overrides = Each(sheets, (n, _) => $"<Override PartName='/xl/worksheets/sheet{n}.xml' ContentType='{Type}.worksheet+xml'/>");
        var names = Each(sheets, (n, name) => $"<sheet name='{name.TrimStart('~')}' sheetId='{n}'{(name[0] == '~' ? " state='hidden'" : "")} r:id='s{n}'/>");
        var relations = Each(sheets, (n, _) => $"<Relationship Id='s{n}' Type='{Relations}/worksheet' Target='worksheets/sheet{n}.xml'/>");
        return Zip([
            ("[Content_Types].xml", $"<Types xmlns='{Package}/content-types'><Default Extension='rels' ContentType='application/vnd.openxmlformats-package.relationships+xml'/><Default Extension='xml' ContentType='application/xml'/><Override PartName='/xl/workbook.xml' ContentType='{Type}.sheet.main+xml'/><Override PartName='/xl/styles.xml' ContentType='{Type}.styles+xml'/><Override PartName='/xl/sharedStrings.xml' ContentType='{Type}.sharedStrings+xml'/>{overrides}</Types>"),
            ("_rels/.rels", $"<Relationships xmlns='{Package}/relationships'><Relationship Id='r1' Type='{Relations}/officeDocument' Target='xl/workbook.xml'/></Relationships>"),
            ("xl/workbook.xml", $"<workbook xmlns='{Main}' xmlns:r='{Relations}'><workbookPr{(from1904 ? " date1904='1'" : "")}/><sheets>{names}</sheets></workbook>"),
            ("xl/_rels/workbook.xml.rels", $"<Relationships xmlns='{Package}/relationships'><Relationship Id='st' Type='{Relations}/styles' Target='styles.xml'/><Relationship Id='sh' Type='{Relations}/sharedStrings' Target='sharedStrings.xml'/>{relations}</Relationships>"),
            ("xl/styles.xml", Styles),
            ("xl/sharedStrings.xml", $"<sst xmlns='{Main}'><si><t>shared</t></si><si><r><t>ri</t></r><r><t>ch</t></r><rPh sb='0' eb='1'><t>phonetic</t></rPh></si></sst>"),
            .. sheets.Select((sheet, i) => ($"xl/worksheets/sheet{i + 1}.xml", $"<worksheet xmlns='{Main}'><sheetData>{sheet.Rows}</sheetData></worksheet>")),
        ]);
    }

    private static string Each((string Name, string Rows)[] sheets, Func<int, string, string> write) =>
        string.Concat(sheets.Select((sheet, i) => write(i + 1, sheet.Name)));

    /// <summary>Rows of texts.</summary>
    public static string Rows(params string[][] rows) =>
        string.Concat(rows.Select((row, i) => $"<row r='{i + 1}'>{string.Concat(row.Select(text => $"<c t='inlineStr'><is><t>{System.Security.SecurityElement.Escape(text)}</t></is></c>"))}</row>"));
}
