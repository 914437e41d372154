using System.Globalization;
using System.IO.Compression;
using System.Text;
using DocumentFormat.OpenXml;
using DocumentFormat.OpenXml.Packaging;
using DocumentFormat.OpenXml.Spreadsheet;

namespace Lookup.Cli.Files;

/// <summary>
/// Reads a sheet of an Excel workbook as CSV, row n as line n. A number keeps its digits, a date becomes ISO 8601, and a cell with
/// an error or without a calculated value keeps a text that no field accepts.
/// </summary>
internal sealed class SheetStream : TextStream
{
    // Read as blank, the cell could lose a withdrawal.
    private const string NotCalculated = "#NOT-CALCULATED";

    // The limits of Excel.
    private const int MaxRows = 1_048_576;
    private const int MaxColumns = 16_384;

    // A longer line is rejected in any case.
    private const int MaxRow = 1 << 20;

    // The parts that are read as a whole: the names of the sheets, and the styles.
    private const long MaxPart = 32 << 20;
    private const int MaxParts = 100_000;

    private readonly SpreadsheetDocument _document;
    private readonly OpenXmlReader _reader;
    private readonly SharedTexts _texts;
    private readonly CellDates _dates;
    private readonly List<string> _cells = [];
    private readonly int _sheets;
    private long _row;
    private long _rowNumber;
    private int _rowLength;
    private int _width;
    private bool _ended;

    private SheetStream(SpreadsheetDocument document, string name, OpenXmlReader reader, SharedTexts texts, CellDates dates, int sheets)
    {
        _document = document;
        Name = name;
        _reader = reader;
        _texts = texts;
        _dates = dates;
        _sheets = sheets;
    }

    /// <summary>The sheet's name.</summary>
    public string Name { get; }

    /// <summary>Opens the named sheet, or the first visible one with data.</summary>
    /// <exception cref="CliException">The workbook cannot be read, or has no such sheet.</exception>
    public static SheetStream Open(Stream file, string fileName, string? wanted)
    {
        SpreadsheetDocument? document = null;
        try
        {
            document = SpreadsheetDocument.Open(file, isEditable: false, new OpenSettings { MaxCharactersInPart = MaxPart });
            return Choose(document, fileName, wanted);
        }
        catch (Exception exception) when (exception is not CliException)
        {
            document?.Dispose();
            throw new CliException($"{fileName} is a workbook that cannot be read: open it in Excel and save it again, or save it as CSV.", inner: exception);
        }
        catch
        {
            document?.Dispose();
            throw;
        }
    }

    /// <summary>Refuses a workbook whose parts without rows are too large to be read as a whole.</summary>
    /// <exception cref="CliException">A part is too large.</exception>
    public static void CheckParts(ZipArchive archive, string fileName)
    {
        // The length that the archive states is where reading ends, so a false one hides nothing.
        var large = archive.Entries.FirstOrDefault(entry => entry.Length > MaxPart
            && (entry.FullName.EndsWith(".rels", StringComparison.OrdinalIgnoreCase) || entry.FullName.Equals("[Content_Types].xml", StringComparison.OrdinalIgnoreCase)));
        if (large is not null || archive.Entries.Count > MaxParts)
        {
            throw new CliException($"{fileName} is a workbook whose parts are too large or too many: it is not a list. Save it as CSV.");
        }
    }

    /// <summary>Names the sheet, and how many there are.</summary>
    public string Describe() => $"sheet '{Name}'{(_sheets > 1 ? $", one of {_sheets} sheets (--sheet)" : "")}";

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _reader.Dispose();
            _document.Dispose();
        }

        base.Dispose(disposing);
    }

    protected override void Write(StringBuilder text)
    {
        try
        {
            while (!_ended && text.Length < Piece)
            {
                if (!_reader.Read())
                {
                    _ended = true;
                }
                else if (_reader.ElementType == typeof(Row))
                {
                    if (_reader.IsStartElement)
                    {
                        BeginRow();
                    }

                    if (_reader.IsEndElement)
                    {
                        EndRow(text);
                    }
                }
                else if (_reader.ElementType == typeof(Cell) && _reader.IsStartElement)
                {
                    AddCell((Cell)_reader.LoadCurrentElement()!);
                }
            }
        }
        catch (Exception exception) when (exception is not (InvalidDataException or CliException))
        {
            throw new InvalidDataException("The sheet is damaged.", exception);
        }
    }

    private static SheetStream Choose(SpreadsheetDocument document, string fileName, string? wanted)
    {
        var workbook = document.WorkbookPart!;
        List<Sheet> sheets = [.. workbook.Workbook!.Sheets!.Elements<Sheet>()];
        var texts = SharedTexts.Read(workbook.SharedStringTablePart, fileName);
        var dates = new CellDates(workbook);
        foreach (var sheet in sheets)
        {
            var isWanted = wanted is null
                ? sheet.State is null || sheet.State.Value == SheetStateValues.Visible
                : string.Equals(sheet.Name?.Value, wanted, StringComparison.OrdinalIgnoreCase);
            if (!isWanted || workbook.GetPartById(sheet.Id!.Value!) is not WorksheetPart part)
            {
                continue;
            }

            var stream = new SheetStream(document, sheet.Name?.Value ?? "", new OpenXmlPartReader(new XmlBound(part.GetStream(), fileName), part.Features, new OpenXmlPartReaderOptions { CloseStream = true }), texts, dates, sheets.Count);
            if (stream.TryFill() || wanted is not null)
            {
                return stream;
            }

            stream._reader.Dispose();
        }

        throw wanted is null
            ? new CliException($"{fileName} has no sheet with data.")
            : CliException.Usage($"{fileName} has no sheet '{wanted}'; its sheets are {string.Join(", ", sheets.Select(sheet => $"'{sheet.Name?.Value}'"))}.");
    }

    private void BeginRow()
    {
        _cells.Clear();
        _rowLength = 0;
        var number = _reader.Attributes.FirstOrDefault(attribute => attribute is { LocalName: "r", NamespaceUri: "" }).Value;
        _rowNumber = number is null ? _row + 1 : long.Parse(number, NumberStyles.None, CultureInfo.InvariantCulture);
    }

    private void AddCell(Cell cell)
    {
        var column = Column(cell.CellReference?.Value) ?? _cells.Count;
        if (column < _cells.Count || column >= MaxColumns)
        {
            throw new InvalidDataException("The cells of a row are not in order, or too many.");
        }

        while (_cells.Count < column)
        {
            _cells.Add("");
        }

        // Excel's form of a carriage return, pasted from another program.
        var value = Value(cell).Replace("_x000D_", "", StringComparison.Ordinal);
        _rowLength += value.Length;
        if (_rowLength > MaxRow)
        {
            throw new InvalidDataException("A row is too long.");
        }

        _cells.Add(value);
    }

    private void EndRow(StringBuilder text)
    {
        while (_cells is [.., ""])
        {
            _cells.RemoveAt(_cells.Count - 1);
        }

        if (_cells.Count == 0)
        {
            return;
        }

        // Rows without cells may be left out of the file; blank lines keep the row numbers.
        var number = _rowNumber;
        if (number <= _row || number > MaxRows)
        {
            throw new InvalidDataException("The rows are not in order, or too many.");
        }

        text.Append('\n', (int)(number - _row - 1));
        _row = number;
        _width = _width == 0 ? _cells.Count : _width;
        for (var i = 0; i < Math.Max(_width, _cells.Count); i++)
        {
            text.Append(i > 0 ? "," : "");
            AppendValue(text, i < _cells.Count ? _cells[i] : "");
        }

        text.Append('\n');
    }

    private string Value(Cell cell)
    {
        var text = cell.CellValue?.Text;
        var type = cell.DataType?.Value ?? CellValues.Number;
        if (type == CellValues.InlineString)
        {
            return SharedTexts.TextOf(cell.InlineString);
        }

        if (string.IsNullOrEmpty(text))
        {
            return cell.CellFormula is null || type == CellValues.String ? "" : NotCalculated;
        }

        if (type == CellValues.SharedString)
        {
            return _texts[int.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture)];
        }

        if (type == CellValues.Boolean)
        {
            return text is "1" or "true" ? "true" : "false";
        }

        if (type != CellValues.Number)
        {
            return text;
        }

        return !decimal.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? text
            : _dates.TryDate(cell.StyleIndex?.Value ?? 0, number) ?? number.ToString("0.############################", CultureInfo.InvariantCulture);
    }

    /// <summary>The column of a reference such as "AB12", from 0.</summary>
    private static int? Column(string? reference)
    {
        if (reference is null)
        {
            return null;
        }

        var column = 0;
        foreach (var c in reference)
        {
            if (!char.IsAsciiLetterUpper(c))
            {
                break;
            }

            column = (column * 26) + (c - 'A' + 1);
        }

        return column is > 0 and <= MaxColumns ? column - 1 : throw new InvalidDataException("A cell has no column.");
    }
}
