using System.Text;
using DocumentFormat.OpenXml;
using DocumentFormat.OpenXml.Packaging;
using DocumentFormat.OpenXml.Spreadsheet;

namespace Lookup.Cli.Files;

/// <summary>The texts of a workbook that its cells refer to by number, as UTF-8 in one piece: a string each would need several times the memory.</summary>
internal sealed class SharedTexts
{
    /// <summary>Maximum bytes of the table in the workbook.</summary>
    public const long MaxLength = 256 << 20;

    private readonly List<int> _ends = [0];
    private byte[] _bytes = new byte[4096];

    private SharedTexts()
    {
    }

    /// <exception cref="ArgumentOutOfRangeException">The table has no text of this number.</exception>
    public string this[int index] => Encoding.UTF8.GetString(_bytes, _ends[index], _ends[index + 1] - _ends[index]);

    /// <summary>Reads the table; an absent one has no texts.</summary>
    public static SharedTexts Read(SharedStringTablePart? part, string fileName)
    {
        var texts = new SharedTexts();
        if (part is null)
        {
            return texts;
        }

        using var reader = new OpenXmlPartReader(new XmlBound(part.GetStream(), fileName, MaxLength), part.Features, new OpenXmlPartReaderOptions { CloseStream = true });
        while (reader.Read())
        {
            if (reader.ElementType == typeof(SharedStringItem) && reader.IsStartElement)
            {
                texts.Add(TextOf((SharedStringItem)reader.LoadCurrentElement()!));
            }
        }

        return texts;
    }

    /// <summary>Returns the text of an item, without the phonetic text of Japanese cells.</summary>
    public static string TextOf(RstType? item) => item is null ? ""
        : string.Concat(item.ChildElements.Select(child => child is Text or Run ? child.InnerText : ""));

    private void Add(string text)
    {
        var start = _ends[^1];
        var length = Encoding.UTF8.GetByteCount(text);
        if (start + length > _bytes.Length)
        {
            Array.Resize(ref _bytes, checked((int)Math.Max(start + length, Math.Min(_bytes.Length * 2L, MaxLength))));
        }

        Encoding.UTF8.GetBytes(text, _bytes.AsSpan(start));
        _ends.Add(start + length);
    }
}
