using System.Collections.Frozen;

namespace Lookup.Cli.Import;

/// <summary>The words for yes and no: of people and spreadsheets in the languages of the supported countries, or of one list.</summary>
internal sealed class YesNo
{
    private readonly FrozenDictionary<string, bool> _words;

    /// <param name="yes">Words for yes.</param>
    /// <param name="no">Words for no.</param>
    public YesNo(IEnumerable<string> yes, IEnumerable<string> no) =>
        _words = yes.Select(word => KeyValuePair.Create(word, true)).Concat(no.Select(word => KeyValuePair.Create(word, false)))
            .DistinctBy(pair => pair.Key).ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);

    /// <summary>English, Dutch, Afrikaans, German, French, Spanish, Italian, Portuguese, Danish, Norwegian, Swedish and Polish.</summary>
    public static YesNo Any { get; } = new(
        ["true", "yes", "y", "1", "waar", "ja", "j", "wahr", "vrai", "oui", "verdadero", "sí", "si", "vero", "sì", "verdadeiro", "sim", "sand", "sann", "sant", "prawda", "tak"],
        ["false", "no", "n", "0", "onwaar", "nee", "falsch", "nein", "faux", "non", "falso", "não", "nao", "falsk", "usann", "nej", "nei", "falskt", "fałsz", "nie"]);

    public bool TryParse(string text, out bool value) => _words.TryGetValue(text, out value);
}
