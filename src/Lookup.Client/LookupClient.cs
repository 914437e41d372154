using Grpc.Core;
using Grpc.Health.V1;
using Lookup.Client.Sharing;
using Lookup.V1;

namespace Lookup.Client;

/// <summary>
/// A client of the service. Checks return a <see cref="CheckResult"/>, which permits no call after a failure; the other calls throw
/// a <see cref="LookupException"/>. Thread-safe; use one client for the lifetime of the process.
/// </summary>
public sealed partial class LookupClient : ILookupClient, IDisposable
{
    private readonly LookupClientOptions _options;
    private readonly ChannelPool _channels;
    private readonly ReuseCache _reuse;
    private readonly LookupService.LookupServiceClient _lookup;
    private readonly FactService.FactServiceClient _facts;
    private readonly RegistryService.RegistryServiceClient _registry;
    private readonly ReceiptService.ReceiptServiceClient _receipts;
    private readonly ImportService.ImportServiceClient _imports;
    private readonly Health.HealthClient _health;
    private readonly ReuseWatch? _watch;
    private readonly SharedChecks? _shared;

    /// <summary>Creates a client. It connects with the first calls.</summary>
    /// <exception cref="ArgumentException">Options are missing or out of range; lists all of them.</exception>
    public LookupClient(LookupClientOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.ThrowIfFaulty();
        // Copy the options: the caller can change them, a client cannot change.
        _options = options with { };
        _channels = new ChannelPool(_options);
        _reuse = new ReuseCache(_options.ReuseLimit);
        _lookup = new LookupService.LookupServiceClient(_channels);
        _facts = new FactService.FactServiceClient(_channels);
        _registry = new RegistryService.RegistryServiceClient(_channels);
        _receipts = new ReceiptService.ReceiptServiceClient(_channels);
        _access = new AccessService.AccessServiceClient(_channels);
        _trail = new TrailService.TrailServiceClient(_channels);
        _imports = new ImportService.ImportServiceClient(_channels);
        _health = new Health.HealthClient(_channels);
        _shared = _options.ShareChecks ? new SharedChecks(_channels, _options) : null;
        _watch = _options is { ReuseWatched: true, ReuseLimit: > 0 } ? new ReuseWatch(this, _reuse, _options.TimeProvider) : null;
    }

    /// <summary>Address of the service.</summary>
    public Uri Address => _options.Address;

    /// <inheritdoc/>
    public async Task<CheckResult> CheckAsync(
        string number, Question question, CheckOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(number);
        ArgumentNullException.ThrowIfNull(question);
        options ??= CheckOptions.None;
        var reusable = _options.ReuseLimit > 0 && options is { Consistency: null, WhatIf: null, Reserve: null } && (_watch?.IsLive() ?? true);
        var key = new ReuseCache.Key(number, options.DefaultRegion, question, options.AllReasons);
        if (reusable && _reuse.TryGet(key, out var earlier))
        {
            return earlier;
        }

        // The caller may change the question while the check is under way: neither a retry nor the cache may see that.
        question = question.Clone();
        var ticket = _reuse.Ticket;
        var sent = Moment.Now(_options.TimeProvider);
        CheckResult result;
        try
        {
            var response = await (_shared?.Find(number, question, options, cancellationToken) is { } lane
                ? CheckAsync(lane, number, question, options, cancellationToken)
                : CheckAsync(RequestOf(number, question, options), cancellationToken));
            result = Fits(response, number) ? CheckResult.Answered(response, sent) : CheckResult.Failed(number, Senseless(number));
        }
        catch (LookupException exception)
        {
            return CheckResult.Failed(number, exception);
        }

        if (reusable && result.MayCall)
        {
            _reuse.Add(key with { Question = question }, result, ticket);
        }
        else if (options.WhatIf is null && result.Verdict != Verdict.Allow)
        {
            _reuse.Contradict(result.Number);
        }

        return result;
    }

    /// <inheritdoc/>
    public IAsyncEnumerable<CheckResult> CheckAsync(
        IAsyncEnumerable<string> numbers, Question question, CheckOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(numbers);
        ArgumentNullException.ThrowIfNull(question);
        return new Streams.NumberList(this, _options, numbers, question.Clone(), options ?? CheckOptions.None).RunAsync(cancellationToken);
    }

    /// <summary>Sends a check and returns the service's response; the other overload fails closed instead of throwing.</summary>
    /// <exception cref="LookupException">The service rejected the call, or could not be reached.</exception>
    public Task<CheckResponse> CheckAsync(CheckRequest request, CancellationToken cancellationToken) => request.Reserve is null
        ? CheckAsync(request, DateTime.UtcNow + _options.Timeout, cancellationToken)
        // A reservation writes: a hedged check would count the call twice.
        : CallAsync(options => _lookup.CheckAsync(request, options), cancellationToken);

    /// <summary>Decides many numbers under one question; with what_ifs, each on assumptions of its own. No answer is reused.</summary>
    /// <exception cref="LookupException">The service rejected the call, or could not be reached.</exception>
    public Task<CheckBatchResponse> CheckBatchAsync(CheckBatchRequest request, CancellationToken cancellationToken) =>
        CallAsync(options => _lookup.CheckBatchAsync(request, options), cancellationToken);

    /// <inheritdoc/>
    public Task<ExplainResponse> ExplainAsync(ExplainRequest request, CancellationToken cancellationToken) => ReadAsync(
        (channel, options) => new LookupService.LookupServiceClient(channel).ExplainAsync(request, options), Strictness.Stricter, cancellationToken);

    /// <inheritdoc/>
    public IAsyncEnumerable<WatchEvent> WatchAsync(
        IEnumerable<string>? organisations = null, string resumeToken = "", CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(resumeToken);
        return WatchAsync(new WatchRequest { Organisations = { organisations ?? [] }, ResumeToken = resumeToken }, cancellationToken);
    }

    /// <summary>Streams changes as the other overload does, with the settings of a request, for example with blocks of number ranges.</summary>
    /// <param name="request">The request; copied.</param>
    /// <param name="cancellationToken">Cancels the watch.</param>
    public IAsyncEnumerable<WatchEvent> WatchAsync(WatchRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        return new Streams.WatchRun(_options, new WatchService.WatchServiceClient(_channels), request.Clone()).RunAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public void Forget(string number) => _reuse.Forget(number);

    /// <inheritdoc/>
    public void ForgetAll() => _reuse.ForgetAll();

    /// <inheritdoc/>
    public void Dispose()
    {
        _watch?.Dispose();
        _shared?.Dispose();
        _channels.Dispose();
    }

    private void ForgetAsGiven(string number)
    {
        if (E164.TryParse(number, out _))
        {
            Forget(number);
        }
        else
        {
            // Answers are cached by the decided number in E.164, which a national form does not give.
            ForgetAll();
        }
    }

    private static bool Fits(CheckResponse response, string number) =>
        response.Decision is not null && (!E164.TryParse(number, out _) || response.Number == number);

    private LookupException Senseless(string number) =>
        LookupException.Because(StatusCode.Internal, $"The service at {Address} did not answer for {number}.");

    private Task<T> ReadAsync<T>(
        Func<CallInvoker, CallOptions, AsyncUnaryCall<T>> start, Func<T, T, T> stricter, CancellationToken cancellationToken) =>
        ReadAsync(start, stricter, DateTime.UtcNow + _options.Timeout, cancellationToken);

    private Task<T> ReadAsync<T>(
        Func<CallInvoker, CallOptions, AsyncUnaryCall<T>> start, Func<T, T, T> stricter, DateTime deadline, CancellationToken cancellationToken)
    {
        var channel = _channels.Next();
        return _options.HedgeAfter is not { } delay
            ? AttemptAsync(cancellationToken)
            : Hedge.RunAsync(AttemptAsync, delay, stricter, _options.TimeProvider, cancellationToken);

        Task<T> AttemptAsync(CancellationToken attempt)
        {
            var invoker = _channels[channel];
            channel = (channel + 1) % _channels.Count;
            return CallAsync(options => start(invoker, options), deadline, attempt);
        }
    }

    private Task<T> CallAsync<T>(Func<CallOptions, AsyncUnaryCall<T>> start, CancellationToken cancellationToken) =>
        CallAsync(start, DateTime.UtcNow + _options.Timeout, cancellationToken);

    private async Task<T> CallAsync<T>(Func<CallOptions, AsyncUnaryCall<T>> start, DateTime deadline, CancellationToken cancellationToken)
    {
        try
        {
            using var call = start(new CallOptions(deadline: deadline, cancellationToken: cancellationToken));
            return await call;
        }
        catch (RpcException exception)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw LookupException.From(exception, Address);
        }
    }
}
