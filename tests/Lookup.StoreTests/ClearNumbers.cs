using System.Buffers.Binary;
using System.Globalization;

namespace Lookup.StoreTests;

/// <summary>Finds known numbers in bytes: as digits, in international and national form, and as an integer of 8 bytes either way round.</summary>
internal sealed class ClearNumbers
{
    private const int NationalDigits = 10;
    private const int Digits = 11;

    private readonly HashSet<ulong> _numbers;
    private readonly HashSet<ulong> _national;

    /// <param name="numbers">Dutch mobile numbers as integers.</param>
    internal ClearNumbers(IEnumerable<ulong> numbers)
    {
        _numbers = [.. numbers];
        _national = [.. _numbers.Select(n => n - 31_000_000_000)];
    }

    /// <summary>The first place with one, and how it stands there; null where there is none.</summary>
    internal string? Find(string what, ReadOnlySpan<byte> bytes)
    {
        for (var at = 0; at < bytes.Length; at++)
        {
            if (at + sizeof(ulong) <= bytes.Length)
            {
                var little = BinaryPrimitives.ReadUInt64LittleEndian(bytes[at..]);
                if (_numbers.Contains(little) || _numbers.Contains(BinaryPrimitives.ReverseEndianness(little)))
                {
                    return Told(what, at, "an integer");
                }
            }

            if (Number(bytes, at, Digits) is { } whole && _numbers.Contains(whole))
            {
                return Told(what, at, "its digits");
            }

            if (bytes[at] == '0' && Number(bytes, at, NationalDigits) is { } national && _national.Contains(national))
            {
                return Told(what, at, "its national digits");
            }
        }

        return null;
    }

    private static ulong? Number(ReadOnlySpan<byte> bytes, int at, int digits)
    {
        if (at + digits > bytes.Length)
        {
            return null;
        }

        var value = 0UL;
        foreach (var digit in bytes.Slice(at, digits))
        {
            if (digit is < (byte)'0' or > (byte)'9')
            {
                return null;
            }

            value = (value * 10) + (ulong)(digit - '0');
        }

        return value;
    }

    private static string Told(string what, int at, string form) => string.Create(CultureInfo.InvariantCulture, $"{what}, byte {at}: a number as {form}");
}
