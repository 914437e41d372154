namespace Lookup.StoreWriter;

/// <summary>One thing that a writer does: records the same kind of fact of a range of its numbers.</summary>
/// <param name="Fact">The kind.</param>
/// <param name="First">The first number of the range.</param>
/// <param name="Count">How many.</param>
/// <param name="IsImport">Its numbers are new.</param>
internal readonly record struct SessionOperation(NumberState Fact, int First, int Count, bool IsImport)
{
    private const int RangeSize = 100;
    private const int ErasedSize = 4;

    /// <summary>What a writer does next: the same in the process that writes and in the one that judges.</summary>
    /// <param name="settings">Seed and sizes.</param>
    /// <param name="session">Number of the session.</param>
    /// <param name="writer">Number of the writer.</param>
    /// <param name="step">How many it did before in this session.</param>
    /// <param name="imported">How many of its numbers were imported.</param>
    internal static SessionOperation Next(SessionSettings settings, int session, int writer, int step, int imported)
    {
        var random = new Random(HashCode(settings.Seed, session, writer, step));
        var first = writer * SessionFacts.NumbersPerWriter;
        var roll = random.Next(10);
        if (imported == 0 || roll < 6)
        {
            return new SessionOperation(NumberState.Objection, first + imported, settings.BatchSize, IsImport: true);
        }

        var size = Math.Min(imported, roll == 9 ? ErasedSize : RangeSize);
        return new SessionOperation(
            roll switch { 6 or 7 => NumberState.Consent, 8 => NumberState.Withdrawal, _ => NumberState.Erased },
            first + random.Next(imported - size + 1),
            size,
            IsImport: false);
    }

    // System.HashCode differs from process to process.
    private static int HashCode(int seed, int session, int writer, int step)
    {
        unchecked
        {
            return (((((seed * 1_000_003) + session) * 1_000_003) + writer) * 1_000_003) + step;
        }
    }
}
