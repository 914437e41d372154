using System.Text;

namespace Lookup.Cli.Files;

/// <summary>A stream of text that is written in pieces while it is read.</summary>
internal abstract class TextStream : ForwardStream
{
    /// <summary>Characters after which a piece should end.</summary>
    protected const int Piece = 64 * 1024;

    // Two lines in one value must not join to one number.
    private const char LineBreak = '⏎';

    private readonly StringBuilder _text = new();
    private byte[] _bytes = [];
    private int _given;

    public override int Read(Span<byte> buffer)
    {
        if (_given == _bytes.Length)
        {
            TryFill();
        }

        var length = Math.Min(buffer.Length, _bytes.Length - _given);
        _bytes.AsSpan(_given, length).CopyTo(buffer);
        _given += length;
        return length;
    }

    /// <summary>Appends a value of a CSV line.</summary>
    protected static void AppendValue(StringBuilder text, string value)
    {
        value = value.ReplaceLineEndings("\n").Replace('\n', LineBreak).Replace('\0', ' ');
        if (value.AsSpan().IndexOfAny(',', '"') < 0)
        {
            text.Append(value);
        }
        else
        {
            text.Append('"').Append(value.Replace("\"", "\"\"", StringComparison.Ordinal)).Append('"');
        }
    }

    /// <summary>Makes the next piece; false at the end.</summary>
    protected bool TryFill()
    {
        _text.Clear();
        Write(_text);
        _bytes = Encoding.UTF8.GetBytes(_text.ToString());
        _given = 0;
        return _bytes.Length > 0;
    }

    /// <summary>Appends the next piece; nothing at the end.</summary>
    /// <exception cref="InvalidDataException">The source is damaged.</exception>
    protected abstract void Write(StringBuilder text);
}
