namespace Lookup.Core.Facts;

/// <summary>
/// Compares the names of product groups as people spell them: solar-panels and solar_panel are one subject. A limit on calls about one
/// subject must count the calls under both.
/// </summary>
internal static class GroupSpelling
{
    /// <summary>Returns whether two names differ only in case, in hyphens, underscores and dots, or in a final s.</summary>
    internal static bool IsLike(ReadOnlySpan<char> one, ReadOnlySpan<char> other)
    {
        var (i, k) = (0, 0);
        while (true)
        {
            var a = Next(one, ref i);
            var b = Next(other, ref k);
            if (a == b && a != '\0')
            {
                continue;
            }

            return a == b
                || (a == 's' && b == '\0' && Next(one, ref i) == '\0')
                || (b == 's' && a == '\0' && Next(other, ref k) == '\0');
        }
    }

    /// <summary>Writes the spelling that stands for all names like this one: without these characters, and without the final s.</summary>
    /// <param name="name">The name.</param>
    /// <param name="spelling">Receives the spelling; at least as long as the name.</param>
    /// <returns>The length of the spelling; at least 1 for a name with a letter or digit.</returns>
    internal static int Write(ReadOnlySpan<char> name, Span<char> spelling)
    {
        var length = 0;
        for (var i = 0; Next(name, ref i) is var next and not '\0';)
        {
            spelling[length++] = next;
        }

        while (length > 1 && spelling[length - 1] == 's')
        {
            length--;
        }

        return length;
    }

    // Returns the next letter or digit in lower case; 0 at the end.
    private static char Next(ReadOnlySpan<char> text, ref int at)
    {
        while (at < text.Length && text[at] is '-' or '_' or '.')
        {
            at++;
        }

        return at < text.Length ? char.ToLowerInvariant(text[at++]) : '\0';
    }
}
