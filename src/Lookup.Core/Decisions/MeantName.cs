using Lookup.Core.Facts;
using Lookup.Core.Regimes;

namespace Lookup.Core.Decisions;

/// <summary>
/// Compares the name under which facts were recorded with the name that a question means. A scope is 48 bits of a hash, so another name
/// can have the same scope, by chance or by search; its facts must not count.
/// </summary>
public static class MeantName
{
    /// <summary>Replaces a timeline of another name: a value that cannot be read, so decisions that rest on it are UNKNOWN.</summary>
    public static StoredValue Foreign { get; } = Array.Empty<byte>();

    /// <summary>Returns whether the facts of a timeline count for a question.</summary>
    /// <param name="rules">The rules, which know the names of registers.</param>
    /// <param name="question">The question.</param>
    /// <param name="id">The timeline, one of those that <see cref="Decider.Plan"/> named.</param>
    /// <param name="name">The name that the store has for its scope.</param>
    public static bool Is(Rules rules, in Question question, in FactId id, ReadOnlySpan<char> name)
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
                return name.SequenceEqual(question.GroupName);
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
