using Lookup.V1;

namespace Lookup.Cli.Options;

/// <summary>
/// The contract's enums as users write them: "sole_trader" for SUBSCRIBER_TYPE_SOLE_TRADER, in any case, with hyphens
/// or underscores, or the contract's full name.
/// </summary>
internal static class Words
{
    public static readonly WordSet<Purpose> Purposes = new("PURPOSE_");
    public static readonly WordSet<CallKind> CallKinds = new("CALL_KIND_");
    public static readonly WordSet<DiallingMode> DiallingModes = new("DIALLING_MODE_");
    public static readonly WordSet<LineType> LineTypes = new("LINE_TYPE_");
    public static readonly WordSet<Sector> Sectors = new("SECTOR_");
    public static readonly WordSet<SubscriberType> SubscriberTypes = new("SUBSCRIBER_TYPE_");
    public static readonly WordSet<RelationKind> RelationKinds = new("RELATION_KIND_");
    public static readonly WordSet<ConsentForm> ConsentForms = new("CONSENT_FORM_");
    public static readonly WordSet<Layer> Layers = new("LAYER_");
    public static readonly WordSet<CallOutcome> CallOutcomes = new("CALL_OUTCOME_");
    public static readonly WordSet<Verdict> Verdicts = new("VERDICT_");
    public static readonly WordSet<ImportState> ImportStates = new("IMPORT_STATE_");
    public static readonly WordSet<Role> Roles = new("ROLE_");
    public static readonly WordSet<CredentialKind> CredentialKinds = new("CREDENTIAL_KIND_");
    public static readonly WordSet<ReasonCode> Reasons = new("REASON_CODE_");
}

/// <summary>The words of one enum of the contract. The zero value, "not stated", is not a word.</summary>
internal sealed class WordSet<T>
    where T : struct, Enum
{
    private readonly Dictionary<string, T> _byWord = new(StringComparer.OrdinalIgnoreCase);
    private readonly Dictionary<T, string> _byValue = [];

    public WordSet(string prefix)
    {
        foreach (var value in Enum.GetValues<T>())
        {
            var member = typeof(T).GetField(value.ToString())!;
            var original = ((Google.Protobuf.Reflection.OriginalNameAttribute)Attribute.GetCustomAttribute(
                member, typeof(Google.Protobuf.Reflection.OriginalNameAttribute))!).Name;
            var word = original[prefix.Length..].ToLowerInvariant();
            _byValue.Add(value, word);
            if (!EqualityComparer<T>.Default.Equals(value, default))
            {
                _byWord.Add(word, value);
                _byWord.Add(original, value);
            }
        }

        All = [.. _byValue.Where(pair => !EqualityComparer<T>.Default.Equals(pair.Key, default)).Select(pair => pair.Value)];
    }

    /// <summary>All words, in the contract's order.</summary>
    public IReadOnlyList<string> All { get; }

    /// <summary>The words, separated by commas, for messages.</summary>
    public string List => string.Join(", ", All);

    public bool TryParse(string text, out T value) => _byWord.TryGetValue(text.Trim().Replace('-', '_'), out value);

    public string WordFor(T value) => _byValue.TryGetValue(value, out var word) ? word : value.ToString();
}
