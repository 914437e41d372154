using Lookup.Core;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;

namespace Lookup.StoreWriter;

/// <summary>What a number has. One byte for each of millions of numbers.</summary>
[Flags]
internal enum NumberState : byte
{
    Nothing = 0,
    Objection = 1,
    Consent = 2,
    Withdrawal = 4,
    Erased = 8,
}

/// <summary>The facts of sessions, and the bytes that each state of a number must have in the store.</summary>
internal static class SessionFacts
{
    /// <summary>Numbers of one writer.</summary>
    internal const int NumbersPerWriter = 10_000_000;

    private const ulong FirstNumber = 31_650_000_000UL;
    private const long Time = 1_780_000_000_000;
    private const string Organisation = "acme";
    private const string Eraser = "erased";

    private static readonly FactId ObjectionId = new(FactKind.Objection, 0, Scope.FromName(Organisation));
    private static readonly FactId ConsentId = new(FactKind.Consent, 1, Scope.FromName(Organisation));
    private static readonly FactId ErasedId = new(FactKind.Objection, 0, Scope.FromName(Eraser));
    private static readonly FactEntry Objected = new() { Effective = Time, Recorded = 1_780_000_000, Source = 1 };
    private static readonly FactEntry Granted = new() { Effective = Time + 1, Recorded = 1_780_000_001, Source = 1 };
    private static readonly FactEntry Withdrawn = new() { Effective = Time + 2, Recorded = 1_780_000_002, Source = 1, Withdrawn = true };

    private static readonly (FactId Id, byte[] Value, NumberState State)[] Stored =
    [
        (ObjectionId, Timeline.Single(FactKind.Objection, Objected), NumberState.Objection),
        (ConsentId, Timeline.Single(FactKind.Consent, Granted), NumberState.Consent),
        (ConsentId, Timeline.Single(FactKind.Consent, Withdrawn), NumberState.Withdrawal),
        (ConsentId, Merge(FactKind.Consent, Granted, Withdrawn), NumberState.Consent | NumberState.Withdrawal),
        (ErasedId, Merge(FactKind.Objection, Objected, Objected with { Effective = 0 }), NumberState.Erased),
    ];

    /// <summary>Every fact that a number of the sessions can have.</summary>
    internal static FactId[] Ids { get; } = [ObjectionId, ConsentId, ErasedId];

    internal static PhoneNumber Number(int index) => new(FirstNumber + (ulong)index);

    /// <summary>Which number of the sessions a stored one is.</summary>
    internal static int IndexOf(PhoneNumber number) => checked((int)(number.Value - FirstNumber));

    internal static StoredFact Fact(NumberCipher cipher, int index, NumberState state)
    {
        var key = cipher.Encrypt(Number(index));
        return state switch
        {
            NumberState.Objection => new StoredFact(key, ObjectionId, Objected, Organisation, null),
            NumberState.Consent => new StoredFact(key, ConsentId, Granted, Organisation, null),
            NumberState.Withdrawal => new StoredFact(key, ConsentId, Withdrawn, Organisation, null),
            NumberState.Erased => new StoredFact(key, ErasedId, Objected, Eraser, null),
            _ => throw new ArgumentOutOfRangeException(nameof(state)),
        };
    }

    /// <summary>What a stored field says of its number; nothing where no session ever wrote such bytes.</summary>
    internal static NumberState StateOf(FactId id, ReadOnlySpan<byte> value)
    {
        foreach (var stored in Stored)
        {
            if (stored.Id == id && value.SequenceEqual(stored.Value))
            {
                return stored.State;
            }
        }

        return NumberState.Nothing;
    }

    /// <summary>A number's state after a fact was recorded.</summary>
    internal static NumberState After(NumberState before, NumberState fact) => fact == NumberState.Erased ? NumberState.Erased : before | fact;

    private static byte[] Merge(FactKind kind, in FactEntry one, in FactEntry other) =>
        Timeline.Merge(kind, Timeline.Single(kind, one), Timeline.Single(kind, other));
}
