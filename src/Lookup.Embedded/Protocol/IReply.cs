namespace Lookup.Embedded.Protocol;

/// <summary>Takes the answer to one command, in its parts.</summary>
internal interface IReply
{
    /// <summary>A word, for example OK.</summary>
    internal void Status(string text);

    /// <summary>A whole number.</summary>
    internal void Number(long value);

    /// <summary>A string of bytes.</summary>
    internal void Bytes(ReadOnlySpan<byte> value);

    /// <summary>Nothing where a string could be.</summary>
    internal void Nothing();

    /// <summary>So many answers follow, which are one.</summary>
    internal void Array(int count);
}
