namespace Lookup.Core.Facts;

/// <summary>
/// The stored bytes of a timeline where they lie in a buffer, or that there is none. An empty value is not none: it is
/// one that cannot be read.
/// </summary>
public readonly struct StoredValue
{
    private readonly byte[]? _buffer;
    private readonly int _start;
    private readonly int _length;

    /// <summary>A value within a buffer.</summary>
    /// <param name="buffer">The buffer; null for none.</param>
    /// <param name="start">First byte.</param>
    /// <param name="length">Number of bytes.</param>
    /// <exception cref="ArgumentOutOfRangeException">It does not lie within the buffer.</exception>
    public StoredValue(byte[]? buffer, int start, int length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)start + (ulong)(uint)length, (ulong)(buffer?.Length ?? 0), nameof(length));
        (_buffer, _start, _length) = (buffer, start, length);
    }

    /// <summary>There is none.</summary>
    public bool IsNull => _buffer is null;

    /// <summary>The bytes; empty where there is none.</summary>
    public ReadOnlySpan<byte> Span => new(_buffer, _start, _length);

    /// <summary>A copy of the bytes; null where there is none.</summary>
    public byte[]? ToArray() => _buffer is null ? null : Span.ToArray();

    /// <summary>A whole array, or none.</summary>
    public static implicit operator StoredValue(byte[]? value) => new(value, 0, value?.Length ?? 0);
}
