using System.Globalization;
using Lookup.Core.Facts;

namespace Lookup.Redis.Writing;

/// <summary>
/// The text form of a source. The lengths of source and actor mark their ends, so no text can be read as another. Earlier
/// versions wrote no lengths and relied on the separator; it is still written between the parts, so that they find the import.
/// </summary>
internal static class SourceText
{
    private const char Separator = '\u001f';

    internal static string Write(StoredSource source) => string.Create(
        CultureInfo.InvariantCulture, $"{source.Source.Length}:{source.Actor.Length}:{Plain(source)}{(source.ImportId.Length == 0 ? "" : Separator + source.ImportId)}");

    /// <summary>
    /// Returns the text that earlier versions wrote for a source without an import; empty if it is the new text of another
    /// source, whose number it must not get.
    /// </summary>
    internal static string WriteOld(StoredSource source) => Plain(source) is var text && TryReadLengths(text, out _) ? "" : text;

    /// <summary>Parses either form.</summary>
    /// <param name="id">The number of the source: odd for sources of imports.</param>
    /// <param name="text">The text.</param>
    /// <param name="source">The source; if it is uncertain, the text in a form fit to display.</param>
    /// <returns>True if the source and its import are certain.</returns>
    internal static bool TryRead(uint id, string text, out StoredSource source)
    {
        if (TryReadLengths(text, out source!) && source.ImportId.Length > 0 == FactSource.IsImport(id))
        {
            return true;
        }

        var parts = text.Split(Separator);
        var isImport = FactSource.IsImport(id);
        // The import is the last part, and only sources of imports have odd numbers. The parts between may contain separators.
        var isCertain = isImport ? parts.Length >= 3 : parts.Length == 2;
        source = new StoredSource(
            Shown(parts[0]), Shown(string.Join(' ', isImport && isCertain ? parts[1..^1] : parts[1..])), isImport && isCertain ? parts[^1] : "");
        return isCertain;
    }

    private static string Shown(string text) => PlainText.IsPlain(text) ? text : string.Concat(text.Select(one => PlainText.IsPlain([one]) ? one : '\ufffd'));

    private static string Plain(StoredSource source) => source.Source + Separator + source.Actor;

    private static bool TryReadLengths(string text, out StoredSource? source)
    {
        source = null;
        var rest = text.AsSpan();
        if (!TryLength(ref rest, out var first) || !TryLength(ref rest, out var second)
            || rest.Length <= first + second || rest[first] != Separator)
        {
            return false;
        }

        var name = rest[..first];
        var actor = rest.Slice(first + 1, second);
        var import = rest[(first + 1 + second)..];
        if (import.Length == 1 || (import.Length > 0 && import[0] != Separator)
            || !PlainText.IsPlain(name) || !PlainText.IsPlain(actor) || !PlainText.IsPlain(import.IsEmpty ? import : import[1..]))
        {
            return false;
        }

        source = new StoredSource(name.ToString(), actor.ToString(), import.IsEmpty ? "" : import[1..].ToString());
        return true;
    }

    private static bool TryLength(ref ReadOnlySpan<char> rest, out int length)
    {
        length = 0;
        var colon = rest.IndexOf(':');
        if (colon is < 1 or > 5 || !int.TryParse(rest[..colon], NumberStyles.None, CultureInfo.InvariantCulture, out length))
        {
            return false;
        }

        rest = rest[(colon + 1)..];
        return true;
    }
}
