using System.Buffers;
using System.Buffers.Text;
using System.Text;
using Lookup.Embedded.Engine;

namespace Lookup.Embedded.Protocol;

/// <summary>A command and its arguments, which are in the reader's buffer. One caller at a time.</summary>
internal sealed class Command
{
    private const int MaxName = 16;

    private static readonly Dictionary<string, CommandKind>.AlternateLookup<ReadOnlySpan<char>> Kinds = Enum.GetValues<CommandKind>()
        .ToDictionary(kind => kind.ToString(), StringComparer.OrdinalIgnoreCase).GetAlternateLookup<ReadOnlySpan<char>>();

    private readonly List<(int Start, int Length)> _parts = [];
    private byte[] _buffer = [];

    /// <summary>Number of arguments, including the name.</summary>
    internal int Count => _parts.Count;

    /// <summary>The kind of command.</summary>
    internal CommandKind Kind { get; private set; }

    /// <summary>Its name, for a message.</summary>
    internal string Name => Encoding.ASCII.GetString(this[0][..Math.Min(this[0].Length, MaxName)]);

    /// <summary>Returns an argument; 0 is the name.</summary>
    /// <exception cref="CommandFault">There is none.</exception>
    internal ReadOnlySpan<byte> this[int index] => index < _parts.Count
        ? _buffer.AsSpan(_parts[index].Start, _parts[index].Length)
        : throw new CommandFault("ERR wrong number of arguments");

    internal void Reset(byte[] buffer)
    {
        _buffer = buffer;
        Kind = CommandKind.Unknown;
        _parts.Clear();
    }

    /// <summary>Returns the position of an argument in the buffer.</summary>
    internal (int Start, int Length) Part(int index) => _parts[index];

    internal void Add(int start, int length)
    {
        _parts.Add((start, length));
        if (_parts.Count > 1)
        {
            return;
        }

        Span<char> name = stackalloc char[MaxName];
        Kind = length <= MaxName && Ascii.ToUtf16(this[0], name, out var letters) == OperationStatus.Done && Kinds.TryGetValue(name[..letters], out var kind)
            ? kind
            : CommandKind.Unknown;
    }

    /// <summary>Parses an argument as a number.</summary>
    /// <exception cref="CommandFault">It is not a number.</exception>
    internal long Number(int index) =>
        Utf8Parser.TryParse(this[index], out long number, out var length) && length == this[index].Length
            ? number
            : throw new CommandFault("ERR value is not an integer or out of range");

    /// <summary>Compares an argument with a word, ignoring case.</summary>
    internal bool Is(int index, ReadOnlySpan<byte> upper) => index < Count && Ascii.EqualsIgnoreCase(this[index], upper);
}
