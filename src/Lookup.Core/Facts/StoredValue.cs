namespace Lookup.Core.Facts;

/// <summary>
/// The stored bytes of a timeline within a buffer, or no value. An empty value is not a missing one: it is a value that cannot be read.
/// </summary>
public readonly struct StoredValue
{
    private readonly byte[]? _buffer;
    private readonly int _start;
    private readonly int _length;

    /// <summary>Refers to a value within a buffer.</summary>
    /// <param name="buffer">The buffer; null for no value.</param>
    /// <param name="start">First byte.</param>
    /// <param name="length">Number of bytes.</param>
    /// <exception cref="ArgumentOutOfRangeException">The range is not within the buffer.</exception>
    public StoredValue(byte[]? buffer, int start, int length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)start + (ulong)(uint)length, (ulong)(buffer?.Length ?? 0), nameof(length));
        (_buffer, _start, _length) = (buffer, start, length);
    }

    /// <summary>Whether there is no value.</summary>
    public bool IsNull => _buffer is null;

    /// <summary>The bytes; empty if there is no value.</summary>
    public ReadOnlySpan<byte> Span => new(_buffer, _start, _length);

    /// <summary>Copies the bytes; null if there is no value.</summary>
    public byte[]? ToArray() => _buffer is null ? null : Span.ToArray();

    /// <summary>Refers to a whole array, or to no value.</summary>
    public static implicit operator StoredValue(byte[]? value) => new(value, 0, value?.Length ?? 0);
}
