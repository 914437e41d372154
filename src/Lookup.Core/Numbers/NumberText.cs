using System.Buffers;
using System.Globalization;

namespace Lookup.Core.Numbers;

/// <summary>
/// The digits of a text and their grouping. Separators are those that libphonenumber accepts, white space and invisible characters;
/// every other character is a fault.
/// </summary>
internal ref struct NumberText
{
    private const char LeftToRightMark = '\u200E';
    private const char RightToLeftOverride = '\u202E';
    private const char SoftHyphen = '\u00AD';

    // VALID_PUNCTUATION of libphonenumber without its x, which is more often an extension or a wildcard.
    private static readonly SearchValues<char> Dots = SearchValues.Create(".\uFF0E");
    private static readonly SearchValues<char> Slashes = SearchValues.Create("/\uFF0F~\u2053\u223C\uFF5E");
    private static readonly SearchValues<char> Hyphens = SearchValues.Create("-\u2212\u30FC");
    private static readonly SearchValues<char> Opening = SearchValues.Create("([\uFF08\uFF3B");
    private static readonly SearchValues<char> Closing = SearchValues.Create(")]\uFF09\uFF3D");
    private static readonly SearchValues<char> Wildcards = SearchValues.Create("*?%xX");
    private static readonly SearchValues<char> BeforeWildcards = SearchValues.Create("+0123456789-. ()/");
    private static readonly SearchValues<char> Quantity = SearchValues.Create("0123456789.,");

    private readonly Span<char> _digits;
    private readonly Span<Group> _groups;
    private int _length;
    private int _count;
    private bool _hasPlus;
    private byte _plusParentheses;

    /// <summary>Uses buffers as long as the text.</summary>
    internal NumberText(Span<char> digits, Span<Group> groups)
    {
        _digits = digits;
        _groups = groups;
    }

    /// <summary>
    /// The separator before a group of digits: a line break or a slash among others, otherwise the last character that is not white space.
    /// </summary>
    internal enum Separator : byte
    {
        None,
        Space,
        Dot,
        Slash,
        Hyphen,
        LineBreak,
    }

    /// <summary>A plus if the text has one, and digits 0 to 9.</summary>
    internal readonly ReadOnlySpan<char> Digits => _digits[.._length];

    /// <summary>Whether a plus stands before parentheses around the first group: +(31) 6 12345678.</summary>
    internal readonly bool HasPlusBeforeParenthesis => _hasPlus && _groups[0].Parentheses != _plusParentheses;

    /// <summary>The groups that separators divide the digits into.</summary>
    internal readonly ReadOnlySpan<Group> Groups => _groups[.._count];

    /// <summary>Returns the digits of a group.</summary>
    internal readonly ReadOnlySpan<char> DigitsOf(int group) => _digits[_groups[group].Start..EndOf(group)];

    private readonly int EndOf(int group) => group + 1 < _count ? _groups[group + 1].Start : _length;

    /// <summary>Reads a text.</summary>
    internal NumberFault Read(ReadOnlySpan<char> text)
    {
        text = text.Trim();
        // Spreadsheets mark text with an apostrophe and save it with the value.
        if (text.Length > 0 && text[0] == '\'')
        {
            text = text[1..];
        }

        var between = Separator.None;
        byte parentheses = 0;
        var inside = false;
        var separated = true;
        var hyphen = false;
        foreach (var c in text)
        {
            if (char.IsDigit(c))
            {
                // Spreadsheets take +43-1-5123456 for a formula and save its result, -5123414.
                if (hyphen && _length == 0)
                {
                    return NumberFault.Negative;
                }

                if (separated)
                {
                    _groups[_count++] = new Group((byte)_length, between, inside ? parentheses : (byte)0);
                }

                separated = false;
                between = Separator.None;
                _digits[_length++] = char.IsAsciiDigit(c) ? c : (char)('0' + (int)char.GetNumericValue(c));
                continue;
            }

            if (c is '+' or '\uFF0B' && _length == 0)
            {
                _digits[_length++] = '+';
                (_hasPlus, _plusParentheses) = (true, inside ? parentheses : (byte)0);
                continue;
            }

            var separator = SeparatorOf(c);
            hyphen |= separator == Separator.Hyphen;
            if (separator != Separator.None)
            {
                between = (separator == Separator.Space && between != Separator.None)
                    || (between is Separator.Slash or Separator.LineBreak && separator != Separator.LineBreak) ? between : separator;
            }
            else if (Opening.Contains(c))
            {
                (inside, parentheses) = (true, (byte)(parentheses + 1));
            }
            else if (Closing.Contains(c))
            {
                inside = false;
            }
            else if (!IsInvisible(c))
            {
                return FaultOf(text, c);
            }
            else
            {
                continue;
            }

            separated = true;
        }

        return _length == 0 ? NumberFault.Empty : NumberFault.None;
    }

    private static Separator SeparatorOf(char c) =>
        c is '\r' or '\n' or '\v' or '\f' or '\u0085' or '\u2028' or '\u2029' ? Separator.LineBreak
        : char.IsWhiteSpace(c) ? Separator.Space
        : Dots.Contains(c) ? Separator.Dot
        : Slashes.Contains(c) ? Separator.Slash
        : Hyphens.Contains(c) || CharUnicodeInfo.GetUnicodeCategory(c) is UnicodeCategory.DashPunctuation ? Separator.Hyphen
        : Separator.None;

    // Writing-direction marks and joiners are copied along from web pages. The excluded one displays the digits in reverse.
    private static bool IsInvisible(char c) =>
        c != RightToLeftOverride && (c == SoftHyphen || (c >= LeftToRightMark && CharUnicodeInfo.GetUnicodeCategory(c) is UnicodeCategory.Format)
        || c is '\u200B' or '\u200C' or '\u200D');

    // Prefers the most helpful fault: what spreadsheets and dialers write has its own.
    private static NumberFault FaultOf(ReadOnlySpan<char> text, char c) =>
        IsScientific(text) ? NumberFault.ScientificNotation
        : IsPattern(text) ? NumberFault.Pattern
        : char.IsLetter(c) ? NumberFault.Letters
        : NumberFault.InvalidCharacter;

    // 3.16123E+10, 3,16123e10
    private static bool IsScientific(ReadOnlySpan<char> text)
    {
        var e = text.IndexOfAny('E', 'e');
        return e > 0 && e < text.Length - 1
            && !text[..e].ContainsAnyExcept(Quantity)
            && !text[(e + 1)..].TrimStart("+-").ContainsAnyExceptInRange('0', '9')
            && char.IsAsciiDigit(text[^1]);
    }

    // 202*, 202XXXXXXX, +3120%
    private static bool IsPattern(ReadOnlySpan<char> text)
    {
        var digits = text.LastIndexOfAnyExcept(Wildcards) + 1;
        return digits > 0 && digits < text.Length && !text[..digits].ContainsAnyExcept(BeforeWildcards);
    }

    /// <summary>A group of digits without a separator between them.</summary>
    /// <param name="Start">Index of the first digit in <see cref="NumberText.Digits"/>.</param>
    /// <param name="Before">The separator before the group.</param>
    /// <param name="Parentheses">The pair of parentheses or brackets around the group, counted from 1; 0 for none.</param>
    internal readonly record struct Group(byte Start, Separator Before, byte Parentheses);
}
