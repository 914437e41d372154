using Lookup.Cli.Options;
using Lookup.Core;

namespace Lookup.Cli.Import;

/// <summary>Fields that a column of an import file can hold, described in docs/guide/import.md.</summary>
internal enum Field
{
    Number,
    Region,
    Kind,
    Effective,
    Withdrawn,
    Source,
    Actor,
    Reason,
    Organisation,
    Register,
    Categories,
    Purposes,
    ProductGroup,
    Relation,
    Subscriber,
    Since,
    Until,
    Evidence,
    EvidenceSha256,
    EvidenceTextVersion,
    EvidenceChannel,
    EvidenceLocale,
    EvidenceClaimBy,
    EvidenceClaimed,
    Verified,
    InLedger,
    ObtainedAtSale,
    OptOutOffered,
    FirstContactMonths,
    Form,
    Appointment,
    LastTransaction,
    Abandoned,
}

/// <summary>Names of the fields, and which kinds of facts have them.</summary>
internal static class Fields
{
    public const int Count = (int)Field.Abandoned + 1;

    private const int Every = -1;

    // The contract's names are accepted as well, so that facts in the form of the JSON API can be imported.
    private static readonly (Field Field, string Name, int Kinds, string[] Aliases)[] Table =
    [
        (Field.Number, "number", Every, []),
        (Field.Region, "region", Every, ["default_region"]),
        (Field.Kind, "kind", Every, []),
        (Field.Effective, "effective", Every, []),
        (Field.Withdrawn, "withdrawn", Every, []),
        (Field.Source, "source", Every, []),
        (Field.Actor, "actor", Every, []),
        (Field.Reason, "reason", Every, []),
        (Field.Organisation, "organisation",
            Kinds(FactKind.Objection, FactKind.Consent, FactKind.Relation, FactKind.Attempt, FactKind.Refusal), []),
        (Field.Register, "register", Kinds(FactKind.Registration), []),
        (Field.Categories, "categories", Kinds(FactKind.Registration), []),
        (Field.Purposes, "purposes", Kinds(FactKind.Consent), []),
        (Field.ProductGroup, "product_group",
            Kinds(FactKind.Consent, FactKind.Relation, FactKind.PublishedForOffers, FactKind.Attempt), []),
        (Field.Relation, "relation", Kinds(FactKind.Relation), []),
        (Field.Subscriber, "subscriber", Kinds(FactKind.Subscriber), ["subscriber.type"]),
        (Field.Since, "since", Kinds(FactKind.Registration, FactKind.Consent, FactKind.Relation),
            ["registered_since", "captured"]),
        (Field.Until, "until", Kinds(FactKind.Consent, FactKind.Relation), ["expires"]),
        (Field.Evidence, "evidence", Kinds(FactKind.Consent), ["evidence.reference"]),
        (Field.EvidenceSha256, "evidence_sha256", Kinds(FactKind.Consent), ["evidence.sha256"]),
        (Field.EvidenceTextVersion, "evidence_text_version", Kinds(FactKind.Consent), ["evidence.text_version"]),
        (Field.EvidenceChannel, "evidence_channel", Kinds(FactKind.Consent), ["evidence.channel"]),
        (Field.EvidenceLocale, "evidence_locale", Kinds(FactKind.Consent), ["evidence.locale"]),
        (Field.EvidenceClaimBy, "evidence_claim_by", Kinds(FactKind.Consent), ["evidence.claim_by"]),
        (Field.EvidenceClaimed, "evidence_claimed", Kinds(FactKind.Consent), ["evidence.claimed"]),
        (Field.Verified, "verified", Kinds(FactKind.Consent), []),
        (Field.InLedger, "in_ledger", Kinds(FactKind.Consent), []),
        (Field.ObtainedAtSale, "obtained_at_sale", Kinds(FactKind.Relation), ["number_obtained_at_sale"]),
        (Field.OptOutOffered, "opt_out_offered", Kinds(FactKind.Relation), []),
        (Field.FirstContactMonths, "first_contact_months", Kinds(FactKind.Consent), []),
        (Field.Form, "form", Kinds(FactKind.Consent), []),
        (Field.Appointment, "appointment", Kinds(FactKind.Consent), []),
        (Field.LastTransaction, "last_transaction", Kinds(FactKind.Relation), []),
        (Field.Abandoned, "abandoned", Kinds(FactKind.Attempt), []),
    ];

    private static readonly Dictionary<string, Field> ByName = BuildNames();

    /// <summary>The names of the fields, in the order of the documentation.</summary>
    public static IEnumerable<string> Names => Table.Select(row => row.Name);

    public static string Name(this Field field) => Table[(int)field].Name;

    /// <summary>Whether facts of this kind have the field.</summary>
    public static bool BelongsTo(this Field field, FactKind kind) => (Table[(int)field].Kinds & (1 << (int)kind)) != 0;

    /// <summary>
    /// Finds a field by its name, in any case and with spaces, hyphens or capitals between the words, or by its path in the
    /// contract ("consent.expires").
    /// </summary>
    public static bool TryFind(string name, out Field field)
    {
        var plain = Plain(name);
        if (ByName.TryGetValue(plain, out field))
        {
            return true;
        }

        var dot = plain.IndexOf('.', StringComparison.Ordinal);
        return dot > 0 && KindNames.TryParse(plain[..dot], out _) && ByName.TryGetValue(plain[(dot + 1)..], out field);
    }

    /// <summary>Suggests a field for a misspelt name, or null.</summary>
    public static string? Closest(string name) => Spelling.Closest(Plain(name), Names);

    private static int Kinds(params ReadOnlySpan<FactKind> kinds)
    {
        var bits = 0;
        foreach (var kind in kinds)
        {
            bits |= 1 << (int)kind;
        }

        return bits;
    }

    private static Dictionary<string, Field> BuildNames()
    {
        var names = new Dictionary<string, Field>(StringComparer.Ordinal);
        foreach (var row in Table)
        {
            names.Add(row.Name, row.Field);
            foreach (var alias in row.Aliases)
            {
                names.Add(alias, row.Field);
            }
        }

        return names;
    }

    /// <summary>"Product Group", "product-group" and "productGroup" as "product_group".</summary>
    private static string Plain(string name)
    {
        var plain = new System.Text.StringBuilder(name.Length + 4);
        foreach (var c in name.Trim())
        {
            if (c is ' ' or '-' or '_')
            {
                plain.Append('_');
            }
            else
            {
                if (char.IsAsciiLetterUpper(c) && plain.Length > 0 && char.IsAsciiLetterLower(plain[^1]))
                {
                    plain.Append('_');
                }

                plain.Append(c);
            }
        }

        // Lower the case last: the loop above splits words by it.
        return plain.ToString().ToLowerInvariant();
    }
}
