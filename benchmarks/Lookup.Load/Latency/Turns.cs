namespace Lookup.Load.Latency;

/// <summary>In which order two things that are compared are measured.</summary>
internal static class Turns
{
    /// <summary>The warm-up takes as long as so many rounds.</summary>
    internal const int WarmUpRounds = 10;

    /// <summary>
    /// Each in turn, a warm-up first. Many short rounds: a machine that is shared changes its pace every few seconds, and what is
    /// compared should meet the same one. Who is first in a round has the colder machine, so that changes, too.
    /// </summary>
    internal static IEnumerable<(T Side, bool IsWarmUp)> Of<T>(T subject, T beside, int rounds)
    {
        for (var round = 0; round <= rounds; round++)
        {
            var (first, second) = round % 2 == 0 ? (subject, beside) : (beside, subject);
            yield return (first, round == 0);
            yield return (second, round == 0);
        }
    }
}
