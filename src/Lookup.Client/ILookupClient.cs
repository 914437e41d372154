using Lookup.V1;

namespace Lookup.Client;

/// <summary>
/// The calls that a dialer makes. <see cref="LookupClient"/> calls the service; <see cref="Testing.FakeLookup"/> answers by script, for
/// tests.
/// </summary>
public interface ILookupClient
{
    /// <summary>Decides whether a number may be called. Check just before dialling, and call only if <see cref="CheckResult.MayCall"/>.</summary>
    /// <param name="number">The number in E.164 ("+31612345678"), or in national form with a default region in the options.</param>
    /// <param name="question">Organisation, purpose and kind of the call.</param>
    /// <param name="options">Options; may be null.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>Always a result: a failure of the service is a result that permits no call.</returns>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public Task<CheckResult> CheckAsync(string number, Question question, CheckOptions? options = null, CancellationToken cancellationToken = default);

    /// <summary>
    /// Decides a list of any length; yields one result for each number, in order. Numbers are sent in chunks as the results are
    /// consumed, so memory does not depend on the length of the list.
    /// </summary>
    /// <remarks>
    /// A broken connection is re-established. If the service stays unreachable or rejects the list, every remaining number gets a
    /// result with this failure, which permits no call. Results are for sorting a list; they expire while you process it, so check
    /// each number again before dialling.
    /// </remarks>
    /// <param name="numbers">The numbers, in E.164 or other forms; must honour cancellation.</param>
    /// <param name="question">Organisation, purpose and kind of the calls.</param>
    /// <param name="options">Options; may be null.</param>
    /// <param name="cancellationToken">Cancels the stream.</param>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public IAsyncEnumerable<CheckResult> CheckAsync(
        IAsyncEnumerable<string> numbers, Question question, CheckOptions? options = null, CancellationToken cancellationToken = default);

    /// <summary>Decides like a check and returns how: every evaluated rule, with its article, and the facts.</summary>
    /// <exception cref="LookupException">The service rejected the call, or could not be reached.</exception>
    public Task<ExplainResponse> ExplainAsync(ExplainRequest request, CancellationToken cancellationToken);

    /// <summary>Lists the facts on record about a number.</summary>
    /// <exception cref="LookupException">The service rejected the call, or could not be reached.</exception>
    public Task<ListFactsResponse> ListFactsAsync(ListFactsRequest request, CancellationToken cancellationToken);

    /// <summary>
    /// Records up to 1,000 facts, for example an objection made in a call. Safe to repeat: sending facts twice leaves the same
    /// state. Earlier answers for the numbers are not reused.
    /// </summary>
    /// <exception cref="LookupException">The service rejected the call, or could not be reached; it may have recorded the facts.</exception>
    public Task<RecordFactsResponse> RecordFactsAsync(RecordFactsRequest request, CancellationToken cancellationToken);

    /// <summary>
    /// Streams changes of facts as they are recorded: each change at least once, in order per number. A broken connection is
    /// retried without limit and resumes where it broke; an event reports it. The stream starts with a heartbeat; further ones
    /// follow about every second.
    /// </summary>
    /// <param name="organisations">Up to 64 organisations whose changes are streamed, with those that apply to all organisations; null or empty: all changes.</param>
    /// <param name="resumeToken">Token of an event of an earlier watch, to resume after it; empty: start now.</param>
    /// <param name="cancellationToken">Cancels the watch.</param>
    /// <exception cref="ChangesLostException">The watch cannot resume: scrub the active lists again, then watch without a token.</exception>
    /// <exception cref="LookupException">The service rejected the watch, for example because of an unknown organisation.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public IAsyncEnumerable<WatchEvent> WatchAsync(
        IEnumerable<string>? organisations = null, string resumeToken = "", CancellationToken cancellationToken = default);

    /// <summary>Drops earlier answers for a number whose facts have changed.</summary>
    /// <param name="number">The number in E.164.</param>
    public void Forget(string number);

    /// <summary>Drops all earlier answers, for example because changes may have been missed.</summary>
    public void ForgetAll();
}
