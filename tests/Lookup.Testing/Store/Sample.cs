using Lookup.Core;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;

namespace Lookup.Testing.Store;

/// <summary>Facts for tests of stores.</summary>
internal static class Sample
{
    internal const long Now = 1_780_000_000_000;

    internal static readonly NumberCipher Cipher = new(Enumerable.Range(1, 32).Select(i => (byte)i).ToArray());

    internal static NumberPseudonym Key(int number) => Cipher.Encrypt(new PhoneNumber(31_650_000_000UL + (ulong)number));

    internal static StoredFact Objection(int number, long at = Now, bool withdrawn = false, string organisation = "acme", string? detail = null) =>
        new(
            Key(number),
            ObjectionId(organisation),
            new FactEntry { Effective = at, Recorded = 1_780_000_000, Source = 1, Withdrawn = withdrawn },
            organisation,
            detail);

    internal static FactId ObjectionId(string organisation = "acme") => new(FactKind.Objection, 0, Scope.FromName(organisation));

    internal static int Entries(FactId id, byte[]? value) =>
        value is null ? 0 : Timeline.Read(id.Kind, value, new FactEntry[Timeline.MaxEntries], out _);
}
