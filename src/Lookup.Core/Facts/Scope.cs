using System.Security.Cryptography;
using System.Text;

namespace Lookup.Core.Facts;

/// <summary>
/// What a fact is about besides the number (an organisation, a register, a product group), as a 48-bit hash of its
/// name: the first six bytes of SHA-256. Names are hashed, not numbered, so that an instance can ask about an
/// organisation that it has never heard of without a round trip; the store's name registry detects a collision.
/// </summary>
public static class Scope
{
    /// <summary>The scope "all".</summary>
    public const ulong All = 0;

    /// <summary>The name of the scope "all" in requests and files.</summary>
    public const string AllName = "*";

    /// <summary>Length of a stored scope in bytes.</summary>
    public const int Size = 6;

    /// <summary>The scope of a register or an organisation.</summary>
    public static ulong Of(string name) => name == AllName ? All : Hash(name);

    /// <summary>The scope of an organisation's product group; an empty group is the organisation itself.</summary>
    public static ulong Of(string organisation, string productGroup) =>
        productGroup.Length == 0 ? Of(organisation) : Hash(NameOf(organisation, productGroup));

    /// <summary>The name under which the store's registry keeps an organisation's product group.</summary>
    public static string NameOf(string organisation, string productGroup) =>
        productGroup.Length == 0 ? organisation : organisation + "/" + productGroup;

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
