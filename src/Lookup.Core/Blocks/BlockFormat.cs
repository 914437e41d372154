using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;

namespace Lookup.Core.Blocks;

/// <summary>
/// The stored text of a block. Its field is "FIRST-LAST|ORGANISATION", or "PREFIX*|ORGANISATION". Its value has an entry after the other,
/// separated by ';', each of the values from, until (0: no end), recorded, source and reason, and after a removal also
/// its time, recording, source and reason, separated by ','. Reasons are percent-encoded. "-" stands for no entry.
/// </summary>
public static class BlockFormat
{
    private const string None = "-";
    private const int Plain = 5;
    private const int Removed = 9;

    /// <summary>Returns the name of a block in the store.</summary>
    public static string FieldOf(string organisation, BlockRange range) => range.IsPrefix
        ? string.Create(CultureInfo.InvariantCulture, $"{range.First}*|{organisation}")
        : string.Create(CultureInfo.InvariantCulture, $"{range.First}-{range.Last}|{organisation}");

    /// <summary>Writes the entries.</summary>
    public static string Write(NumberBlock block)
    {
        ArgumentNullException.ThrowIfNull(block);
        var text = new StringBuilder();
        foreach (var entry in block.Entries)
        {
            text.Append(text.Length > 0 ? ";" : "").Append(
                CultureInfo.InvariantCulture,
                $"{entry.From},{(entry.Until == BlockEntry.Open ? 0 : entry.Until)},{entry.Recorded},{entry.Source},{Uri.EscapeDataString(entry.Reason)}");
            if (entry.Removal is { } removal)
            {
                text.Append(
                    CultureInfo.InvariantCulture,
                    $",{removal.At},{removal.Recorded},{removal.Source},{Uri.EscapeDataString(removal.Reason)}");
            }
        }

        return text.Length == 0 ? None : text.ToString();
    }

    /// <summary>Reads a block.</summary>
    /// <returns>False if it is damaged, or if a newer version wrote it.</returns>
    public static bool TryRead(string field, string value, [NotNullWhen(true)] out NumberBlock? block)
    {
        ArgumentNullException.ThrowIfNull(field);
        ArgumentNullException.ThrowIfNull(value);
        block = null;
        var bar = field.IndexOf('|', StringComparison.Ordinal);
        if (bar < 0 || bar + 1 == field.Length || !TryRange(field.AsSpan(0, bar), out var range))
        {
            return false;
        }

        if (value == None)
        {
            block = NumberBlock.Empty(field[(bar + 1)..], range);
            return true;
        }

        var texts = value.Split(';');
        var entries = new BlockEntry[texts.Length];
        for (var i = 0; i < texts.Length; i++)
        {
            if (!TryEntry(texts[i], out entries[i]))
            {
                return false;
            }
        }

        block = new NumberBlock(field[(bar + 1)..], range, entries);
        return true;
    }

    private static bool TryRange(ReadOnlySpan<char> text, out BlockRange range)
    {
        range = default;
        if (text.EndsWith("*"))
        {
            var isPrefix = TryNumber(text[..^1], out ulong prefix) && prefix > 0;
            range = new BlockRange(prefix, prefix, IsPrefix: true);
            return isPrefix;
        }

        var dash = text.IndexOf('-');
        if (dash < 0 || !TryNumber(text[..dash], out ulong first) || !TryNumber(text[(dash + 1)..], out ulong last) || first > last)
        {
            return false;
        }

        range = new BlockRange(first, last, IsPrefix: false);
        return true;
    }

    private static bool TryEntry(string text, out BlockEntry entry)
    {
        entry = new BlockEntry { From = 0 };
        var parts = text.Split(',');
        if (parts.Length is not (Plain or Removed)
            || !TryNumber(parts[0], out long from) || !TryNumber(parts[1], out long until)
            || !TryNumber(parts[2], out uint recorded) || !TryNumber(parts[3], out uint source))
        {
            return false;
        }

        BlockRemoval? removal = null;
        if (parts.Length == Removed)
        {
            if (!TryNumber(parts[5], out long at) || !TryNumber(parts[6], out uint removed) || !TryNumber(parts[7], out uint remover))
            {
                return false;
            }

            removal = new BlockRemoval(at, removed, remover, Uri.UnescapeDataString(parts[8]));
        }

        entry = new BlockEntry
        {
            From = from,
            Until = until == 0 ? BlockEntry.Open : until,
            Recorded = recorded,
            Source = source,
            Reason = Uri.UnescapeDataString(parts[4]),
            Removal = removal,
        };
        return true;
    }

    private static bool TryNumber<T>(ReadOnlySpan<char> text, out T value)
        where T : struct, System.Numerics.INumber<T> =>
        T.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);
}
