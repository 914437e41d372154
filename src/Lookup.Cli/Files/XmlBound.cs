namespace Lookup.Cli.Files;

/// <summary>
/// Passes XML on while its parts are small. A reader keeps each text and each tag in memory as a whole, so a short archive with one
/// text of gigabytes would exhaust the memory.
/// </summary>
/// <param name="xml">The XML.</param>
/// <param name="name">Name of the file, for messages.</param>
/// <param name="maxLength">Maximum bytes of the whole.</param>
internal sealed class XmlBound(Stream xml, string name, long maxLength = long.MaxValue) : ForwardStream
{
    // Texts of cells have at most 32,767 characters.
    private const int MaxPart = 1 << 20;

    private long _length;
    private int _part;
    private int _opening;

    public override int Read(Span<byte> buffer)
    {
        var read = xml.Read(buffer);
        _length += read;
        var rest = (ReadOnlySpan<byte>)buffer[..read];
        while (!rest.IsEmpty)
        {
            if (_opening > 0)
            {
                // Behind "<![", the text may contain any "<".
                _opening = rest[0] == "!["[_opening - 1] ? _opening + 1 : 0;
                if (_opening > 2)
                {
                    throw new CliException($"{name} has a CDATA section: save it again as .xlsx, or as CSV.");
                }

                _part++;
                rest = rest[1..];
                continue;
            }

            var next = rest.IndexOf((byte)'<');
            _part += next < 0 ? rest.Length : next;
            Check();
            if (next < 0)
            {
                break;
            }

            (_part, _opening) = (0, 1);
            rest = rest[(next + 1)..];
        }

        return _length <= maxLength ? read
            : throw new CliException($"{name} has more than {maxLength >> 20:N0} MiB of shared texts: save it as CSV.");
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            xml.Dispose();
        }

        base.Dispose(disposing);
    }

    private void Check()
    {
        if (_part > MaxPart)
        {
            throw new CliException($"{name} has a text or a tag of more than {MaxPart >> 20} MiB: it is not a list. Save it again, or as CSV.");
        }
    }
}
