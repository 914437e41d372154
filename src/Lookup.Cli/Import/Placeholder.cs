using System.Collections.Frozen;

namespace Lookup.Cli.Import;

/// <summary>What people and programs write for "none", in the languages of the supported countries.</summary>
internal static class Placeholder
{
    // Letters alone, because people write n.v.t., N/A and k. A.
    private static readonly FrozenSet<string> Words = FrozenSet.Create(
        StringComparer.OrdinalIgnoreCase,
        "n", "na", "nan", "null", "none", "nil", "unknown", "missing", "tbd", "tbc", "todo", "pending", "notavailable", "notapplicable", "notfound", "nodata", "noevidence", "empty", "blank", "undefined",
        "x", "xx", "xxx", "xxxx",
        "nvt", "geen", "onbekend", "ontbreekt", "nietbeschikbaar", "nietvantoepassing", "nietgevonden", "geenbewijs", "leeg", "nb",
        "kein", "keine", "keiner", "keines", "ka", "keineangabe", "unbekannt", "fehlt", "entfällt", "nichtverfügbar", "nichtvorhanden", "leer", "nv",
        "aucun", "aucune", "inconnu", "inconnue", "néant", "neant", "so", "sansobjet", "nonapplicable", "nondisponible", "manquant", "vide", "nc", "nd",
        "ninguno", "ninguna", "desconocido", "desconocida", "nodisponible", "noaplica", "sindatos", "falta", "vacío", "vacio", "pendiente",
        "nessuno", "nessuna", "sconosciuto", "sconosciuta", "nondisponibile", "nonapplicabile", "mancante", "vuoto",
        "nenhum", "nenhuma", "desconhecido", "nãodisponível", "nãoaplicável", "vazio",
        "ingen", "intet", "inget", "inga", "ukendt", "ukjent", "okänd", "mangler", "saknas", "tom",
        "brak", "nieznany", "nieznane", "niedotyczy", "pusty");

    /// <summary>Returns whether a text stands for nothing: a yes or no, an error of a spreadsheet, zeros, marks alone, or a word such as "n/a".</summary>
    public static bool Is(string text)
    {
        if (YesNo.Any.TryParse(text, out _) || IsSpreadsheetError(text))
        {
            return true;
        }

        Span<char> letters = stackalloc char[Math.Min(text.Length, 32)];
        var count = 0;
        foreach (var c in text)
        {
            if (c is >= '1' and <= '9' || (char.IsLetter(c) && count == letters.Length))
            {
                return false;
            }

            if (char.IsLetter(c))
            {
                letters[count++] = c;
            }
        }

        return count == 0 || (!text.Contains('0', StringComparison.Ordinal) && Words.GetAlternateLookup<ReadOnlySpan<char>>().Contains(letters[..count]));
    }

    // #N/A, #NV, #REF!, #WAARDE! or #DIV/0!, in any language.
    private static bool IsSpreadsheetError(string text) => text.Length > 2 && text[0] == '#' && !text.AsSpan().ContainsAnyInRange('1', '9')
        && text.All(c => c is '#' or '/' or '!' or '?' or '.' or '_' or ' ' or '0' || char.IsUpper(c));
}
