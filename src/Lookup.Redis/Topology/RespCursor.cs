using System.Text;

namespace Lookup.Redis.Topology;

/// <summary>
/// Parses answers of the server from the bytes received so far. Each Try method returns false if more bytes are needed, and
/// throws on invalid protocol: once out of step, an answer would be assigned to the wrong command.
/// </summary>
internal ref struct RespCursor(ReadOnlySpan<byte> bytes)
{
    private readonly ReadOnlySpan<byte> _bytes = bytes;

    /// <summary>Number of bytes parsed.</summary>
    internal int Position { get; private set; }

    /// <summary>Parses the head of an array of a known length, or an error in its place.</summary>
    /// <param name="length">Number of elements that it must have.</param>
    /// <param name="error">The server's error; null if there is none.</param>
    internal bool TryArray(int length, out StoreUnavailableException? error)
    {
        if (!TryError(out error))
        {
            return false;
        }

        if (error is not null)
        {
            return true;
        }

        if (!TryNumber((byte)'*', out var found))
        {
            return false;
        }

        if (found != length)
        {
            throw RedisFaults.Damaged();
        }

        return true;
    }

    /// <summary>Parses a string.</summary>
    /// <param name="value">Its bytes.</param>
    /// <param name="isNull">True for the null reply.</param>
    internal bool TryBulk(out ReadOnlySpan<byte> value, out bool isNull)
    {
        value = default;
        isNull = false;
        if (!TryNumber((byte)'$', out var length))
        {
            return false;
        }

        if (length < 0)
        {
            isNull = true;
            return true;
        }

        if (_bytes.Length - Position < (long)length + 2)
        {
            return false;
        }

        value = _bytes.Slice(Position, length);
        if (_bytes[Position + length] != '\r' || _bytes[Position + length + 1] != '\n')
        {
            throw RedisFaults.Damaged();
        }

        Position += length + 2;
        return true;
    }

    /// <summary>Parses a number.</summary>
    internal bool TryInteger(out int number) => TryNumber((byte)':', out number);

    /// <summary>Parses an error if one comes next.</summary>
    internal bool TryError(out StoreUnavailableException? error)
    {
        error = null;
        if (Position == _bytes.Length)
        {
            return false;
        }

        if (_bytes[Position] != '-')
        {
            return true;
        }

        var rest = _bytes[Position..];
        var end = rest.IndexOf((byte)'\n');
        if (end < 0)
        {
            return false;
        }

        error = RedisFaults.Map(Encoding.ASCII.GetString(rest[1..end]).TrimEnd());
        Position += end + 1;
        return true;
    }

    // Parses a length or number from -1 upwards.
    private bool TryNumber(byte type, out int number)
    {
        const int MaxDigits = 9;
        number = 0;
        var at = Position;
        if (at == _bytes.Length)
        {
            return false;
        }

        if (_bytes[at++] != type)
        {
            throw RedisFaults.Damaged();
        }

        var isNegative = at < _bytes.Length && _bytes[at] == '-';
        if (isNegative)
        {
            at++;
        }

        var first = at;
        for (; at < _bytes.Length && (uint)(_bytes[at] - '0') <= 9; at++)
        {
            if (at - first == MaxDigits)
            {
                throw RedisFaults.Damaged();
            }

            number = (number * 10) + (_bytes[at] - '0');
        }

        if (at + 1 >= _bytes.Length)
        {
            if (at < _bytes.Length && _bytes[at] != '\r')
            {
                throw RedisFaults.Damaged();
            }

            return false;
        }

        if (at == first || _bytes[at] != '\r' || _bytes[at + 1] != '\n' || (isNegative && number != 1))
        {
            throw RedisFaults.Damaged();
        }

        if (isNegative)
        {
            number = -1;
        }

        Position = at + 2;
        return true;
    }
}
