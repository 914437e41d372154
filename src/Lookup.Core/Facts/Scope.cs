using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;

namespace Lookup.Core.Facts;

/// <summary>
/// The subject of a fact other than the number (an organisation, a register, a product group), as a 48-bit hash of its name: the first
/// six bytes of SHA-256. Names are hashed rather than numbered, so that an instance can read facts of an organisation that it has never
/// seen without a round trip. The store's registry keeps one name per scope: another name with the same scope is rejected, and facts
/// count only for the name that they were recorded under.
/// </summary>
public static class Scope
{
    /// <summary>The scope "all".</summary>
    public const ulong All = 0;

    /// <summary>The name of the scope "all" in requests and files.</summary>
    public const string AllName = "*";

    /// <summary>Separates an organisation from its product group; names cannot contain it.</summary>
    public const char GroupSeparator = '/';

    /// <summary>Length of a stored scope in bytes.</summary>
    public const int Size = 6;

    // A few names are used again and again, and a hash costs as much as the rest of a check. The cache is cleared when it is full, for
    // example after a flood of invented names.
    private const int MaxKnown = 4096;

    // Two names of 64 characters and the separator.
    private const int MaxStackName = 129;

    private static readonly ConcurrentDictionary<string, ulong> Known = new(StringComparer.Ordinal);
    private static readonly ConcurrentDictionary<string, ulong>.AlternateLookup<ReadOnlySpan<char>> KnownParts =
        Known.GetAlternateLookup<ReadOnlySpan<char>>();

    private static int _known;

    /// <summary>Returns the scope of a register or an organisation. Does not allocate for a cached name.</summary>
    public static ulong FromName(string name) =>
        name == AllName ? All : Known.TryGetValue(name, out var scope) ? scope : HashAndCache(name);

    /// <summary>Returns the scope of an organisation's product group; an empty group means the organisation itself.</summary>
    public static ulong FromName(string organisation, string productGroup)
    {
        if (productGroup.Length == 0)
        {
            return FromName(organisation);
        }

        Span<char> name = stackalloc char[MaxStackName];
        return name.TryWrite($"{organisation}/{productGroup}", out var length)
            && KnownParts.TryGetValue(name[..length], out var scope)
                ? scope
                : HashAndCache(NameOf(organisation, productGroup));
    }

    /// <summary>
    /// Returns one scope for an organisation's product group in all spellings, see <see cref="GroupSpelling"/>: that of its attempts, and
    /// of withdrawals. It is the scope of the group if its name is spelled so; an empty group means the organisation itself.
    /// </summary>
    public static ulong OfAnySpelling(string organisation, string productGroup)
    {
        Span<char> name = stackalloc char[MaxStackName];
        return productGroup.Length > 0 && TryWriteSpelled(organisation, productGroup, name, out var length)
            ? KnownParts.TryGetValue(name[..length], out var scope) ? scope : HashAndCache(name[..length].ToString())
            : FromName(organisation, productGroup);
    }

    /// <summary>Returns one scope for a product group of any organisation in all spellings; an empty group means all.</summary>
    public static ulong OfAnySpelling(string productGroup)
    {
        Span<char> name = stackalloc char[MaxStackName];
        return productGroup.Length == 0 ? All
            : productGroup.Length <= name.Length && GroupSpelling.Write(productGroup, name) is > 0 and var length
                ? KnownParts.TryGetValue(name[..length], out var scope) ? scope : HashAndCache(name[..length].ToString())
                : FromName(productGroup);
    }

    /// <summary>Returns the name of <see cref="OfAnySpelling(string)"/> in the store's registry.</summary>
    public static string NameOfAnySpelling(string productGroup)
    {
        Span<char> name = stackalloc char[MaxStackName];
        return productGroup.Length <= name.Length && GroupSpelling.Write(productGroup, name) is > 0 and var length ? name[..length].ToString() : productGroup;
    }

    /// <summary>Returns whether a name is that of <see cref="OfAnySpelling(string)"/>.</summary>
    internal static bool IsNameOfAnySpelling(string productGroup, ReadOnlySpan<char> name)
    {
        Span<char> expected = stackalloc char[MaxStackName];
        return productGroup.Length <= expected.Length && name.SequenceEqual(expected[..GroupSpelling.Write(productGroup, expected)]);
    }

    /// <summary>Returns the name of <see cref="OfAnySpelling(string, string)"/> in the store's registry.</summary>
    public static string NameOfAnySpelling(string organisation, string productGroup)
    {
        Span<char> name = stackalloc char[MaxStackName];
        return productGroup.Length > 0 && TryWriteSpelled(organisation, productGroup, name, out var length)
            ? name[..length].ToString()
            : NameOf(organisation, productGroup);
    }

    /// <summary>Returns whether a name is that of <see cref="OfAnySpelling(string, string)"/>.</summary>
    internal static bool IsNameOfAnySpelling(string organisation, string productGroup, ReadOnlySpan<char> name)
    {
        Span<char> expected = stackalloc char[MaxStackName];
        return TryWriteSpelled(organisation, productGroup, expected, out var length) && name.SequenceEqual(expected[..length]);
    }

    // False for names that are not valid anyway: too long, or without a letter or digit.
    private static bool TryWriteSpelled(string organisation, string productGroup, Span<char> name, out int length)
    {
        length = 0;
        if (organisation.Length + 1 + productGroup.Length > name.Length)
        {
            return false;
        }

        organisation.CopyTo(name);
        name[organisation.Length] = GroupSeparator;
        var spelled = GroupSpelling.Write(productGroup, name[(organisation.Length + 1)..]);
        length = organisation.Length + 1 + spelled;
        return spelled > 0;
    }

    /// <summary>Returns the name under which the store's registry keeps an organisation's product group.</summary>
    public static string NameOf(string organisation, string productGroup) =>
        productGroup.Length == 0 ? organisation : organisation + GroupSeparator + productGroup;

    /// <summary>Returns the organisation in a name that <see cref="NameOf"/> made.</summary>
    public static string OrganisationOf(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        var end = name.IndexOf(GroupSeparator, StringComparison.Ordinal);
        return end < 0 ? name : name[..end];
    }

    private static ulong HashAndCache(string name)
    {
        var scope = Hash(name);
        if (name.Length > MaxStackName)
        {
            return scope;
        }

        if (Interlocked.Increment(ref _known) > MaxKnown)
        {
            Known.Clear();
            Volatile.Write(ref _known, 1);
        }

        Known[name] = scope;
        return scope;
    }

    private static ulong Hash(string name)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(name), hash);
        ulong scope = 0;
        for (var i = 0; i < Size; i++)
        {
            scope = (scope << 8) | hash[i];
        }

        // Zero means "all".
        return scope == All ? 1 : scope;
    }
}
