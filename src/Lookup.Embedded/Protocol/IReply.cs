namespace Lookup.Embedded.Protocol;

/// <summary>Receives the parts of the answer to one command.</summary>
internal interface IReply
{
    /// <summary>Writes a word, for example OK.</summary>
    internal void Status(string text);

    /// <summary>Writes a whole number.</summary>
    internal void Number(long value);

    /// <summary>Writes a string of bytes.</summary>
    internal void Bytes(ReadOnlySpan<byte> value);

    /// <summary>Writes the null string.</summary>
    internal void Null();

    /// <summary>Starts an array of this many elements, which follow.</summary>
    internal void Array(int count);
}
