using System.Buffers;

namespace Lookup.Core.Facts;

/// <summary>The rule for names of organisations, product groups, registers and credentials.</summary>
public static class NameRule
{
    /// <summary>Most characters of a name.</summary>
    public const int MaxLength = 64;

    /// <summary>What a name must have, for messages.</summary>
    public const string Text = "1 to 64 characters of a-z, 0-9, '.', '_' and '-'";

    private static readonly SearchValues<char> Characters = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789._-");

    /// <summary>Returns whether a text is a name.</summary>
    public static bool IsName(ReadOnlySpan<char> text) => text.Length is > 0 and <= MaxLength && !text.ContainsAnyExcept(Characters);
}
