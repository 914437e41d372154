using Lookup.V1;

namespace Lookup.Client;

/// <summary>
/// What a dialer asks. <see cref="LookupClient"/> asks the service; <see cref="Testing.FakeLookup"/> answers by script, for tests.
/// </summary>
public interface ILookupClient
{
    /// <summary>May this number be called? Ask just before dialling, and call only if <see cref="CheckResult.MayCall"/>.</summary>
    /// <param name="number">The number: E.164 ("+31612345678"), or a national form with a default region in the options.</param>
    /// <param name="question">On whose behalf, for what and how.</param>
    /// <param name="options">What else is asked for; null: nothing.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>A result in every case: a service that is away, slow or refuses is a result that permits nothing.</returns>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public Task<CheckResult> CheckAsync(string number, Question question, CheckOptions? options = null, CancellationToken cancellationToken = default);

    /// <summary>
    /// Decides a list of any length; yields one result for each number, in order. Numbers are asked for in chunks as the results
    /// are taken, so memory stays as it is however long the list.
    /// </summary>
    /// <remarks>
    /// A connection that breaks is made anew. When the service stays away or refuses, every number that is left gets a result that
    /// says so and permits nothing. Results are good for sorting a list; they age while you go through it, so check again
    /// before dialling.
    /// </remarks>
    /// <param name="numbers">The numbers, in E.164 or other forms; has to honour cancellation.</param>
    /// <param name="question">On whose behalf, for what and how.</param>
    /// <param name="options">What else is asked for; null: nothing.</param>
    /// <param name="cancellationToken">Ends the stream.</param>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public IAsyncEnumerable<CheckResult> CheckAsync(
        IAsyncEnumerable<string> numbers, Question question, CheckOptions? options = null, CancellationToken cancellationToken = default);

    /// <summary>Decides as a check does and tells how: every rule looked at, with article and facts.</summary>
    /// <exception cref="LookupException">The service refused, or could not be asked.</exception>
    public Task<ExplainResponse> ExplainAsync(ExplainRequest request, CancellationToken cancellationToken);

    /// <summary>Everything known of a number.</summary>
    /// <exception cref="LookupException">The service refused, or could not be asked.</exception>
    public Task<ListFactsResponse> ListFactsAsync(ListFactsRequest request, CancellationToken cancellationToken);

    /// <summary>
    /// Records up to 1,000 facts, for example an objection made in a call. Safe to repeat: facts sent again leave the same state.
    /// Earlier answers about the numbers are not reused.
    /// </summary>
    /// <exception cref="LookupException">The service refused, or could not be asked; whether it recorded them is not known.</exception>
    public Task<RecordFactsResponse> RecordFactsAsync(RecordFactsRequest request, CancellationToken cancellationToken);

    /// <summary>
    /// Tells of everything new that is known of numbers, as it becomes known: each change at least once, and in order per number.
    /// A connection that breaks is made anew and goes on where it was, for as long as it takes; an event says so. Begins with a
    /// heartbeat; more follow each second or so.
    /// </summary>
    /// <param name="organisations">Changes for these, and those that concern all; null or none: all changes. Up to 64.</param>
    /// <param name="resumeToken">Of an event of an earlier watch: go on behind it. Empty: from now on.</param>
    /// <param name="cancellationToken">Ends the watch.</param>
    /// <exception cref="ChangesLostException">It cannot go on: scrub the active lists again, then watch without a token.</exception>
    /// <exception cref="LookupException">The service refused, for example an organisation that it does not know.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public IAsyncEnumerable<WatchEvent> WatchAsync(
        IEnumerable<string>? organisations = null, string resumeToken = "", CancellationToken cancellationToken = default);

    /// <summary>Something new is known of this number: earlier answers about it are not reused.</summary>
    /// <param name="number">In E.164.</param>
    public void Forget(string number);

    /// <summary>No earlier answer is reused: for when changes may have been missed.</summary>
    public void ForgetAll();
}
