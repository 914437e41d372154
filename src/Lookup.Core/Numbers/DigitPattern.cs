namespace Lookup.Core.Numbers;

/// <summary>
/// Compiles the regular expressions of libphonenumber's metadata to sets of digit strings. Supported are digits, <c>\d</c>, classes,
/// groups, alternatives and repetitions with an upper bound; anything else throws.
/// </summary>
internal ref struct DigitPattern
{
    private readonly ReadOnlySpan<char> _pattern;
    private readonly DigitSets _sets;
    private int _at;

    private DigitPattern(ReadOnlySpan<char> pattern, DigitSets sets)
    {
        _pattern = pattern;
        _sets = sets;
    }

    /// <summary>Returns the strings that match the whole pattern, each followed by a string of <paramref name="rest"/>.</summary>
    /// <exception cref="FormatException">The pattern contains an unsupported construct.</exception>
    internal static int Compile(string pattern, DigitSets sets, int rest = DigitSets.Empty)
    {
        var reader = new DigitPattern(pattern, sets);
        var parsed = reader.ParseAlternatives();
        if (reader._at < pattern.Length)
        {
            throw reader.Unexpected();
        }

        return Build(parsed, sets, rest);
    }

    // Built from the end, since building a part requires what follows it.
    private static int Build(Part part, DigitSets sets, int rest)
    {
        switch (part)
        {
            case OneDigit one:
                return sets.Then(one.Digits, rest);
            case Sequence sequence:
                for (var i = sequence.Parts.Count - 1; i >= 0; i--)
                {
                    rest = Build(sequence.Parts[i], sets, rest);
                }

                return rest;
            case Choice choice:
                var union = DigitSets.None;
                foreach (var alternative in choice.Parts)
                {
                    union = sets.Union(union, Build(alternative, sets, rest));
                }

                return union;
            case Repetition repetition:
                var repeated = rest;
                for (var i = repetition.Most; i > 0; i--)
                {
                    // Repetitions beyond the minimum are optional.
                    var once = Build(repetition.Of, sets, repeated);
                    repeated = i > repetition.Least ? sets.Union(once, rest) : once;
                }

                return repeated;
            default:
                throw new ArgumentOutOfRangeException(nameof(part));
        }
    }

    private Part ParseAlternatives()
    {
        List<Part> choices = [ParseSequence()];
        while (TryConsume('|'))
        {
            choices.Add(ParseSequence());
        }

        return choices.Count == 1 ? choices[0] : new Choice(choices);
    }

    private Sequence ParseSequence()
    {
        List<Part> parts = [];
        while (_at < _pattern.Length && _pattern[_at] is not ('|' or ')'))
        {
            parts.Add(ParseQuantifier(ParseElement()));
        }

        return new Sequence(parts);
    }

    private Part ParseElement()
    {
        var c = _pattern[_at++];
        if (char.IsAsciiDigit(c))
        {
            return new OneDigit(1 << (c - '0'));
        }

        if (c == '\\' && TryConsume('d'))
        {
            return new OneDigit(DigitSets.AllDigits);
        }

        if (c == '[')
        {
            return ParseClass();
        }

        if (c != '(')
        {
            _at--;
            throw Unexpected();
        }

        if (TryConsume('?') && !TryConsume(':'))
        {
            throw Unexpected();
        }

        var inner = ParseAlternatives();
        return TryConsume(')') ? inner : throw Unexpected();
    }

    private OneDigit ParseClass()
    {
        var digits = 0;
        while (!TryConsume(']'))
        {
            if (TryConsume('\\'))
            {
                digits |= TryConsume('d') ? DigitSets.AllDigits : throw Unexpected();
                continue;
            }

            var first = ParseDigit();
            var last = TryConsume('-') ? ParseDigit() : first;
            for (var digit = first; digit <= last; digit++)
            {
                digits |= 1 << digit;
            }
        }

        return new OneDigit(digits);
    }

    private Part ParseQuantifier(Part part)
    {
        if (TryConsume('?'))
        {
            return new Repetition(part, 0, 1);
        }

        if (!TryConsume('{'))
        {
            return part;
        }

        var least = ParseNumber();
        var most = TryConsume(',') ? ParseNumber() : least;
        return TryConsume('}') && least <= most ? new Repetition(part, least, most) : throw Unexpected();
    }

    private int ParseNumber()
    {
        var number = ParseDigit();
        while (_at < _pattern.Length && char.IsAsciiDigit(_pattern[_at]))
        {
            number = (number * 10) + ParseDigit();
        }

        return number;
    }

    private int ParseDigit() =>
        _at < _pattern.Length && char.IsAsciiDigit(_pattern[_at]) ? _pattern[_at++] - '0' : throw Unexpected();

    private bool TryConsume(char c)
    {
        if (_at == _pattern.Length || _pattern[_at] != c)
        {
            return false;
        }

        _at++;
        return true;
    }

    private readonly FormatException Unexpected() =>
        new($"The number pattern '{_pattern}' is not supported at character {_at + 1}.");

    private abstract record Part;

    private sealed record OneDigit(int Digits) : Part;

    private sealed record Sequence(List<Part> Parts) : Part;

    private sealed record Choice(List<Part> Parts) : Part;

    private sealed record Repetition(Part Of, int Least, int Most) : Part;
}
