using Lookup.Core.Facts;
using Lookup.Core.Regimes;

namespace Lookup.Core.Decisions;

/// <summary>
/// Compares the name under which facts were recorded with the name in a question. A scope is 48 bits of a hash, so two names can share
/// one, by chance or by a deliberate search; facts of the other name must not count.
/// </summary>
public static class MeantName
{
    /// <summary>Replaces a timeline of another name: an unreadable value, so decisions that need it are UNKNOWN.</summary>
    public static StoredValue Foreign { get; } = Array.Empty<byte>();

    /// <summary>Returns whether the facts of a timeline count for a question.</summary>
    /// <param name="id">A timeline that <see cref="Decider.Plan"/> listed.</param>
    /// <param name="name">The name that the store holds for its scope.</param>
    public static bool Matches(Rules rules, in Question question, in FactId id, ReadOnlySpan<char> name)
    {
        ArgumentNullException.ThrowIfNull(rules);
        switch (id.Kind)
        {
            case FactKind.Registration:
                foreach (var register in rules.Registers)
                {
                    if (register.Scope == id.Scope)
                    {
                        return name.SequenceEqual(register.Name);
                    }
                }

                return false;
            case FactKind.PublishedForOffers:
                return name.SequenceEqual(question.GroupName) || Scope.IsNameOfAnySpelling(question.GroupName, name);
            case FactKind.Attempt or FactKind.Consent or FactKind.Relation when id.Scope != question.Organisation && Scope.IsNameOfAnySpelling(question.OrganisationName, question.GroupName, name):
                return true;
            default:
                return question.GroupName.Length == 0 || id.Scope == question.Organisation
                    ? name.SequenceEqual(question.OrganisationName)
                    : name.Length == question.OrganisationName.Length + 1 + question.GroupName.Length
                        && name.StartsWith(question.OrganisationName)
                        && name[question.OrganisationName.Length] == Scope.GroupSeparator
                        && name.EndsWith(question.GroupName);
        }
    }
}
