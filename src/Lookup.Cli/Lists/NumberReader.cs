using System.Buffers;
using System.Text.Json;
using System.Text.Unicode;
using Lookup.Core.Numbers;

namespace Lookup.Cli.Lists;

/// <summary>Parses numbers from bytes: E.164 without allocating a string, everything else with <see cref="NumberParser"/>.</summary>
internal static class NumberReader
{
    /// <summary>Maximum bytes of a number: the parser's limit in characters, at 4 bytes each.</summary>
    private const int MaxBytes = NumberParser.MaxInput * 4;

    /// <summary>Parses the text of a column; returns 0 with a fault if it is not a valid number.</summary>
    public static ulong Read(ReadOnlySpan<byte> text, string? region, out ListFault fault)
    {
        text = text.Trim((byte)' ').Trim((byte)'\t');
        if (text.Length is > 1 and <= PhoneNumber.MaxDigits + 1 && text[0] == '+' && text[1] != '0')
        {
            ulong value = 0;
            for (var i = 1; ; i++)
            {
                if (i == text.Length)
                {
                    if (PhoneNumber.TryFrom(value, out _, out _))
                    {
                        fault = ListFault.None;
                        return value;
                    }

                    break;
                }

                var digit = (uint)(text[i] - '0');
                if (digit > 9)
                {
                    break;
                }

                value = (value * 10) + digit;
            }
        }

        return ReadText(text, region, out fault);
    }

    /// <summary>Parses a member of a JSON object.</summary>
    public static ulong ReadJson(ReadOnlySpan<byte> line, byte[][] path, string? region, out ListFault fault)
    {
        try
        {
            var reader = new Utf8JsonReader(line);
            fault = Find(ref reader, path);
            if (fault != ListFault.None)
            {
                return 0;
            }

            var text = reader.ValueSpan;
            if (reader.TokenType == JsonTokenType.Number && text.ContainsAnyExceptInRange((byte)'0', (byte)'9'))
            {
                // A JSON number: its notation has no calling code, and digits may be lost.
                fault = ListFaults.From(text.ContainsAny("eE"u8) ? NumberFault.ScientificNotation : text.Contains((byte)'.') ? NumberFault.Fraction : NumberFault.InvalidCharacter);
                return 0;
            }

            if (!reader.ValueIsEscaped)
            {
                return Read(text, region, out fault);
            }

            Span<byte> unescaped = stackalloc byte[MaxBytes];
            if (text.Length <= MaxBytes)
            {
                return Read(unescaped[..reader.CopyString(unescaped)], region, out fault);
            }

            fault = ListFaults.From(NumberFault.InputTooLong);
            return 0;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            fault = ListFault.NotJson;
            return 0;
        }
    }

    /// <summary>Finds the value; reads the line to its end, because a truncated line may hold another line's number.</summary>
    private static ListFault Find(ref Utf8JsonReader reader, byte[][] path)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            return ListFault.NotJson;
        }

        for (var depth = 0; depth < path.Length; depth++)
        {
            if (reader.TokenType != JsonTokenType.StartObject)
            {
                return ListFault.NoMember;
            }

            var found = default(Utf8JsonReader);
            var times = 0;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var matches = reader.ValueTextEquals(path[depth]);
                reader.Read();
                if (matches)
                {
                    found = reader;
                    times++;
                }

                reader.Skip();
            }

            if (depth == 0 && reader.Read())
            {
                return ListFault.NotJson;
            }

            if (times != 1)
            {
                return times == 0 ? ListFault.NoMember : ListFault.Twice;
            }

            reader = found;
        }

        return reader.TokenType switch
        {
            JsonTokenType.String or JsonTokenType.Number => ListFault.None,
            JsonTokenType.Null => ListFault.NoMember,
            _ => ListFault.NotText,
        };
    }

    private static ulong ReadText(ReadOnlySpan<byte> text, string? region, out ListFault fault)
    {
        if (text.Length > MaxBytes)
        {
            fault = ListFaults.From(NumberFault.InputTooLong);
            return 0;
        }

        text = text.Trim(" \t\r\n"u8);
        if (text.IndexOfAny((byte)'\r', (byte)'\n') >= 0)
        {
            // Two lines in one value would parse as one number.
            fault = ListFaults.From(NumberFault.InvalidCharacter);
            return 0;
        }

        Span<char> chars = stackalloc char[MaxBytes];
        if (Utf8.ToUtf16(text, chars, out _, out var length, replaceInvalidSequences: false) != OperationStatus.Done)
        {
            fault = ListFault.NotUtf8;
            return 0;
        }

        NumberParser.Instance.TryParse(chars[..length], region, out var number, out var why);
        fault = ListFaults.From(why);
        return why == NumberFault.None ? number.Value : 0;
    }
}
