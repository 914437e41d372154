using Lookup.V1;

namespace Lookup.Testing.Server;

/// <summary>Asks until the answer is written in time: on a busy machine an ALLOW may expire first, and then has no duration.</summary>
internal static class InTime
{
    internal static async Task<T> AskAsync<T>(Func<Task<T>> ask, Func<T, Decision> decision)
    {
        while (true)
        {
            var answer = await ask();
            if (decision(answer).ReusableFor is not null)
            {
                return answer;
            }

            TestContext.Current.CancellationToken.ThrowIfCancellationRequested();
        }
    }
}
