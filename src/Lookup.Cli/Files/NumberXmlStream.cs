using System.Text;
using System.Xml;

namespace Lookup.Cli.Files;

/// <summary>
/// Reads the XML lists of the FTC and the CRTC as CSV: a line "area,number" for each <c>ph</c> element, and in a change list the
/// change (A or D) and its date behind them.
/// </summary>
internal sealed class NumberXmlStream : TextStream
{
    private readonly XmlReader _reader;
    private string _area = "";
    private bool? _isChange;

    public NumberXmlStream(Stream xml, string name) => _reader = XmlReader.Create(
        new XmlBound(xml, name), new XmlReaderSettings { DtdProcessing = DtdProcessing.Prohibit, IgnoreComments = true, IgnoreWhitespace = true, CloseInput = false });

    /// <summary>Whether the content is such a list.</summary>
    public static bool Fits(ReadOnlySpan<byte> head)
    {
        var text = head.StartsWith((ReadOnlySpan<byte>)[0xef, 0xbb, 0xbf]) ? head[3..] : head;
        return text.TrimStart(" \t\r\n"u8) is [(byte)'<', ..] && text.IndexOf("<list "u8) >= 0 && text.IndexOf("<ph "u8) >= 0;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _reader.Dispose();
        }

        base.Dispose(disposing);
    }

    protected override void Write(StringBuilder text)
    {
        try
        {
            while (text.Length < Piece && _reader.Read())
            {
                if (_reader.NodeType == XmlNodeType.Element)
                {
                    Add(text);
                }
            }
        }
        catch (XmlException exception)
        {
            throw new InvalidDataException(exception.Message, exception);
        }
    }

    private void Add(StringBuilder text)
    {
        switch (_reader.Name)
        {
            case "list":
                _isChange = _reader.GetAttribute("type") switch
                {
                    "full" => false,
                    "change" => true,
                    var other => throw new CliException($"The XML list is of the type '{other}', which is neither 'full' nor 'change'."),
                };
                _area = _reader.GetAttribute("level") is null or "ac" ? Value() : "";
                break;
            case "ac":
                _area = Value();
                break;
            case "ph" when _isChange is { } isChange:
                text.Append(_area).Append(',').Append(Value());
                if (isChange)
                {
                    AddChange(text);
                }

                text.Append('\n');
                break;
            default:
                throw new CliException($"The XML list has an element '{_reader.Name}', which is not known: get the list as text.");
        }
    }

    // The names of the attributes are not published; their values cannot be confused.
    private void AddChange(StringBuilder text)
    {
        var (change, date) = ("", "");
        for (var i = 0; i < _reader.AttributeCount; i++)
        {
            _reader.MoveToAttribute(i);
            if (_reader.Name == "val")
            {
                continue;
            }

            if (_reader.Value is "A" or "D" && change.Length == 0)
            {
                change = _reader.Value;
            }
            else if (date.Length == 0)
            {
                date = Clean(_reader.Value);
            }
            else
            {
                throw new CliException($"The XML list has an attribute '{_reader.Name}', which is not known: get the list as text.");
            }
        }

        _reader.MoveToElement();
        text.Append(',').Append(change).Append(',').Append(date);
    }

    private string Value() => Clean(_reader.GetAttribute("val") ?? "");

    // A value must not end its column or its line.
    private static string Clean(string value) => value.AsSpan().IndexOfAny(",\"\r\n") < 0 ? value : "?";
}
