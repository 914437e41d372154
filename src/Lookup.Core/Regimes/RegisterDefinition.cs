using System.Collections.Frozen;

namespace Lookup.Core.Regimes;

/// <summary>
/// A do-not-call register as a regime file defines it. A registration may be limited to categories of offers, stored as bits in the order
/// of <see cref="Categories"/>.
/// </summary>
public sealed class RegisterDefinition
{
    /// <summary>The most categories of a register: they are bits of one 32-bit word.</summary>
    public const int MaxCategories = 32;

    private readonly FrozenDictionary<string, uint> _bits;
    private readonly uint[] _byPurpose;

    internal RegisterDefinition(
        int index, string name, string title, bool isOptional, IReadOnlyList<string> categories, IReadOnlyDictionary<Purpose, uint> byPurpose)
    {
        IsOptional = isOptional;
        (Index, Name, Title, Categories) = (index, name, title, categories);
        NotLoaded = new RuleText(
            Layer.Strict,
            RuleText.OwnPolicy,
            $"The optional register {name} is not loaded for this time, so the answer does not take it into account. Load it if it binds the organisation.");
        Scope = Facts.Scope.FromName(name);
        _bits = categories.Select((c, i) => (c, i)).ToFrozenDictionary(p => p.c, p => 1u << p.i);
        _byPurpose = [.. Enumerable.Range(0, 16).Select(p => byPurpose.GetValueOrDefault((Purpose)p, uint.MaxValue))];
    }

    /// <summary>Index among the registers of the regime set.</summary>
    public int Index { get; }

    /// <summary>Name, for example "nl-bmnr".</summary>
    public string Name { get; }

    /// <summary>Title for people.</summary>
    public string Title { get; }

    /// <summary>
    /// Whether calls are decided without the register until a snapshot of it is loaded, except for organisations bound by the strict layer.
    /// Recorded registrations forbid in any case.
    /// </summary>
    public bool IsOptional { get; }

    /// <summary>What an ALLOW says that was decided without the register because it is optional and not loaded.</summary>
    internal RuleText NotLoaded { get; }

    /// <summary>The categories of offers that can be blocked separately; empty if a registration always blocks all.</summary>
    public IReadOnlyList<string> Categories { get; }

    /// <summary>Scope of its registrations.</summary>
    public ulong Scope { get; }

    /// <summary>
    /// Returns the categories that an offer can belong to: the one with the name of its product group if the register has it, otherwise all
    /// that its purpose can mean, so that doubt blocks.
    /// </summary>
    public uint OfferMask(Purpose purpose, string productGroup) =>
        _bits.TryGetValue(productGroup, out var bit) ? bit : _byPurpose[(int)purpose];
}
