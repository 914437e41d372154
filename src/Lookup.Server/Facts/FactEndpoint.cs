using System.Globalization;
using Google.Protobuf.Collections;
using Grpc.Core;
using Lookup.Core;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Redis;
using Lookup.Redis.Following;
using Lookup.Redis.Imports;
using Lookup.Redis.Reading;
using Lookup.Redis.Writing;
using Lookup.Server.Access;
using Lookup.Server.Errors;
using Lookup.Server.Http;
using Lookup.Server.Imports;
using Lookup.Server.Mapping;
using Lookup.Server.Reading;
using Lookup.Server.Receipts;
using Lookup.Server.Store;
using Outcome = Lookup.V1.FactResult.Types.Outcome;

namespace Lookup.Server.Facts;

/// <summary>lookup.v1.FactService.</summary>
internal sealed class FactEndpoint(
    StoreMonitor monitor,
    IFactReader reader,
    IFactWriter store,
    INameStore names,
    IImportStore imports,
    FactWriter writer,
    BlockWriter blocks,
    ReadView view,
    RecordingOrder order,
    FilterReplica replica,
    FactResolver naming,
    FactExpander expander,
    NumberCipher cipher,
    LookupServerOptions options,
    TimeProvider clock,
    Drain drain,
    AccessControl access,
    PositionTokens tokens,
    ReceiptWriter receipts,
    RetentionRun retention)
    : V1.FactService.FactServiceBase
{
    private static readonly FactId[] AnyId = [new(FactKind.Objection, 0, Scope.All)];

    // Blocks of one request or one page.
    private const int MaxBlockPage = 1_000;

    private int _imports;

    /// <summary>Imports under way.</summary>
    internal int Imports => Volatile.Read(ref _imports);

    /// <inheritdoc/>
    public override async Task<V1.RecordFactsResponse> RecordFacts(V1.RecordFactsRequest request, ServerCallContext context)
    {
        CheckCount(request.Facts.Count, options.MaxRecordFacts);
        var (outcomes, token) = await WriteAsync(request.Facts, null, context);
        if (Array.TrueForAll(outcomes, outcome => outcome.Outcome == Outcome.Refused))
        {
            throw RpcErrors.Invalid([.. outcomes.SelectMany((outcome, i) => outcome.Faults.Select(fault => fault with { Field = $"facts[{i}].{fault.Field}" }))]);
        }

        var response = new V1.RecordFactsResponse { ConsistencyToken = token };
        foreach (var outcome in outcomes)
        {
            response.Results.Add(new V1.FactResult
            {
                Outcome = outcome.Outcome,
                Errors = { outcome.Errors },
                Warnings = { FactOutcome.ToProto(outcome.Warnings) },
            });
        }

        return response;
    }

    /// <inheritdoc/>
    public override async Task<V1.RecordOutcomeResponse> RecordOutcome(V1.RecordOutcomeRequest request, ServerCallContext context)
    {
        List<FieldFault>? faults = null;
        var facts = OutcomeMapping.Map(request, ref faults);
        FieldFaults.ThrowIfAny(faults);
        access.CallerOf(context).Demand(request.Organisation, access.Now);
        var (outcomes, token) = await WriteAsync(facts, null, context);
        FieldFaults.ThrowIfAny(OutcomeMapping.Faults(outcomes.SelectMany(o => o.Errors)));
        return new V1.RecordOutcomeResponse
        {
            ConsistencyToken = token,
            Unchanged = Array.TrueForAll(outcomes, o => o.Outcome == Outcome.Unchanged),
            Warnings = { FactOutcome.ToProto(OutcomeMapping.Faults(outcomes.SelectMany(o => FactOutcome.ToProto(o.Warnings))) ?? []) },
        };
    }

    /// <summary>
    /// Handles one batch at a time: reads the next when the previous one is durable and acknowledged, so a slow store slows
    /// the sender through the flow control of HTTP/2.
    /// </summary>
    public override async Task ImportFacts(
        IAsyncStreamReader<V1.ImportFactsRequest> requestStream,
        IServerStreamWriter<V1.ImportFactsResponse> responseStream,
        ServerCallContext context)
    {
        if (Interlocked.Increment(ref _imports) > options.MaxImportStreams)
        {
            Interlocked.Decrement(ref _imports);
            throw RpcErrors.Exhausted($"This instance runs {options.MaxImportStreams} imports, its limit; retry when one has ended.", options.RetryAfterMs);
        }

        drain.Track(context);
        using var stop = drain.Link(context);
        using var idle = new IdleLimit(options, stop.Token);
        ImportSession? import = null;
        try
        {
            ulong? last = null;
            while (await NextAsync())
            {
                var batch = requestStream.Current;
                if (batch.Sequence <= last)
                {
                    throw RpcErrors.Invalid("sequence", "Must be greater than the sequence of the previous batch.");
                }

                CheckCount(batch.Facts.Count + batch.Blocks.Count, options.MaxImportBatch);
                if (last is not null && batch.Import is not null)
                {
                    throw RpcErrors.Invalid("import", "Only valid in the first message of a stream.");
                }

                import ??= await OpenAsync(batch.Import, context);
                last = batch.Sequence;
                var response = await ImportAsync(batch, import, context);
                idle.Start();
                await responseStream.WriteAsync(response, idle.Token);
                idle.Stop();
            }

            if (import is not null)
            {
                await LimitedAsync(import.EndAsync, context);
                import = null;
            }
        }
        catch (OperationCanceledException) when (idle.HasExpired)
        {
            throw idle.Error();
        }
        catch (Exception) when (drain.Ends(context))
        {
            throw RpcErrors.Unavailable(
                "The service is shutting down; continue at another instance from the first unacknowledged batch.", options.RetryAfterMs);
        }
        finally
        {
            Interlocked.Decrement(ref _imports);
            if (import is not null)
            {
                await import.BreakOffAsync();
            }
        }

        async Task<bool> NextAsync()
        {
            idle.Start();
            var isThere = await requestStream.MoveNext(idle.Token);
            idle.Stop();
            return isThere;
        }
    }

    /// <inheritdoc/>
    public override async Task<V1.ListFactsResponse> ListFacts(V1.ListFactsRequest request, ServerCallContext context)
    {
        List<FieldFault>? faults = null;
        var numbers = FieldFaults.StoredNumbers(request.Number, request.DefaultRegion, ref faults);
        FieldFaults.ThrowIfAny(faults);
        var caller = access.CallerOf(context);
        access.DetectEnumeration(caller, numbers[0].Value);

        using var call = new StoreDeadline(context, options.StoreReadLimitMs);
        try
        {
            var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
            // Reads the position first, so that the list is at least as new.
            var position = await reader.ReadAsync(cipher.Encrypt(numbers[0]), AnyId, call.Token);
            var response = new V1.ListFactsResponse
            {
                Number = numbers[0].ToString(),
                ConsistencyToken = tokens.TokenOf(new StorePosition(position.Partition, position.Version)),
            };
            var known = new RepeatedField<V1.KnownFact>();
            foreach (var number in numbers)
            {
                foreach (var timeline in await reader.ReadAllAsync(cipher.Encrypt(number), call.Token))
                {
                    if (timeline.Id.IsCopy)
                    {
                        continue;
                    }

                    if (!await naming.AddAsync(known, timeline.Id, timeline.Value, timeline.Details, new CallMoment(now, IsNamed: false), call.Token))
                    {
                        throw new StoreUnavailableException(StoreFault.Damaged, "A stored fact is damaged and cannot be read; run 'lookup doctor'.");
                    }
                }
            }

            response.Facts.AddRange(known.Where(one => caller.MaySee(one.Fact, now)));
            var registry = await view.RegistryAsync(exact: true, call.Token);
            await BlockMapping.AddOverAsync(response.Blocks, registry.Blocks, numbers[0].Value, caller, now, names, call.Token);
            return response;
        }
        catch (OperationCanceledException) when (call.Expired)
        {
            throw StoreDeadline.TooSlow();
        }
    }

    /// <inheritdoc/>
    public override async Task<V1.RecordBlocksResponse> RecordBlocks(V1.RecordBlocksRequest request, ServerCallContext context) =>
        new() { Results = { await ChangeAsync(request.Blocks, blocks.RecordAsync, context) } };

    /// <inheritdoc/>
    public override async Task<V1.RemoveBlocksResponse> RemoveBlocks(V1.RemoveBlocksRequest request, ServerCallContext context) =>
        new() { Results = { await ChangeAsync(request.Blocks, (items, _, caller, stop) => blocks.RemoveAsync(items, caller, stop), context) } };

    /// <inheritdoc/>
    public override async Task<V1.ListBlocksResponse> ListBlocks(V1.ListBlocksRequest request, ServerCallContext context)
    {
        List<FieldFault>? faults = null;
        if (request.Organisation.Length > 0 && request.Organisation != Scope.AllName && !FieldFaults.IsName(request.Organisation))
        {
            FieldFaults.Add(ref faults, "organisation", FieldFaults.NameRule);
        }

        var size = request.PageSize == 0 ? MaxBlockPage : Math.Min(request.PageSize, MaxBlockPage);
        if (size < 0)
        {
            FieldFaults.Add(ref faults, "page_size", $"{request.PageSize} is negative; must be 1 to 1,000, or 0 for 1,000.");
        }

        var from = 0;
        if (request.PageToken.Length > 0 && !int.TryParse(request.PageToken, NumberStyles.None, CultureInfo.InvariantCulture, out from))
        {
            FieldFaults.Add(ref faults, "page_token", "Not a token of an earlier response; omit it to start over.");
        }

        var numbers = request.Number.Length == 0 ? [] : FieldFaults.StoredNumbers(request.Number, request.DefaultRegion, ref faults);
        FieldFaults.ThrowIfAny(faults);
        var caller = access.CallerOf(context);
        if (numbers is [var asked, ..])
        {
            access.DetectEnumeration(caller, asked.Value);
        }

        var now = access.Now;
        if (request.Organisation.Length > 0 && request.Organisation != Scope.AllName)
        {
            caller.Demand(request.Organisation, now);
        }

        using var call = new StoreDeadline(context, options.StoreReadLimitMs);
        try
        {
            var all = (await view.RegistryAsync(exact: true, call.Token)).Blocks;
            var wanted = (numbers is [var number, ..] ? all.Over(number.Value) : all.All).Where(block =>
                (request.Organisation.Length == 0 ? BlockMapping.MaySee(caller, block, now) : block.Organisation == request.Organisation)
                // Without entries, every import that recorded it was reverted.
                && (request.Ended ? block.Entries.Count > 0 : block.Forbids(now, isTimeNamed: false)));
            var page = BlockMapping.InOrder(wanted).Skip(from).Take(size + 1).ToList();
            var response = new V1.ListBlocksResponse { NextPageToken = page.Count > size ? (from + size).ToString(CultureInfo.InvariantCulture) : "" };
            foreach (var block in page.Take(size))
            {
                response.Blocks.Add(await BlockMapping.ToProtoAsync(block, now, names, call.Token));
            }

            return response;
        }
        catch (OperationCanceledException) when (call.Expired)
        {
            throw StoreDeadline.TooSlow();
        }
    }

    private async Task<IEnumerable<V1.BlockResult>> ChangeAsync(
        RepeatedField<V1.Block> items, Func<IReadOnlyList<V1.Block>, ImportSession?, Caller, CancellationToken, Task<BlockOutcome[]>> change, ServerCallContext context)
    {
        if (items.Count is 0 or > MaxBlockPage)
        {
            throw RpcErrors.Invalid("blocks", $"{items.Count} blocks; must be 1 to {MaxBlockPage}.");
        }

        monitor.ThrowIfUntrusted();
        BlockOutcome[] outcomes = [];
        await LimitedAsync(async token => outcomes = await change(items, null, access.CallerOf(context), token), context);
        if (Array.TrueForAll(outcomes, outcome => outcome.Faults.Count > 0))
        {
            throw RpcErrors.Invalid([.. outcomes.SelectMany((outcome, i) => outcome.Faults.Select(fault => fault with { Field = $"blocks[{i}].{fault.Field}" }))]);
        }

        return outcomes.Select(outcome => outcome.ToProto());
    }

    /// <inheritdoc/>
    public override async Task<V1.EraseNumberResponse> EraseNumber(V1.EraseNumberRequest request, ServerCallContext context)
    {
        List<FieldFault>? faults = null;
        var numbers = FieldFaults.StoredNumbers(request.Number, request.DefaultRegion, ref faults);
        var objection = new V1.Fact
        {
            Source = request.Source,
            Actor = request.Actor,
            Reason = request.Reason,
            Objection = new V1.Objection { Organisation = Scope.AllName },
        };
        var fact = FactMapping.Map(objection, FactMapping.Placeholder, ref faults);
        var stored = new List<StoredFact>();
        // The parsed number comes last: the response carries its token and receipt.
        foreach (var number in numbers.Count == 0 ? [FactMapping.Placeholder] : numbers.Reverse())
        {
            expander.TryExpand(fact with { Number = number }, 0, stored, faults ??= []);
        }

        FieldFaults.ThrowIfAny(faults?.Count > 0 ? faults : null);
        using var call = new StoreDeadline(context, options.StoreWriteLimitMs);
        try
        {
            var source = await names.SourceIdAsync(fact.Source, fact.Actor, call.Token);
            var response = new V1.EraseNumberResponse();
            foreach (var one in stored)
            {
                var suppression = await order.PlaceAsync(one with { Entry = one.Entry with { Source = source } }, statesTime: false, call.Token);
                var erased = await store.EraseAsync(suppression.Key, suppression, call.Token);
                replica.Add(suppression.Key, suppression.Id, erased.Token);
                response.ErasedFacts += (uint)erased.Erased;
                response.ConsistencyToken = erased.Token.ToString();
                if (receipts.Log is not null)
                {
                    var askedBy = context.GetHttpContext().CallerId();
                    (response.Receipt, var count) = await Task.Run(() => receipts.Erase(suppression.Key, cipher.EncryptWithAllKeys(cipher.Decrypt(suppression.Key)), askedBy), CancellationToken.None);
                    response.ErasedReceipts += (uint)count;
                }
            }

            return response;
        }
        catch (OperationCanceledException) when (call.Expired)
        {
            throw StoreDeadline.TooSlow();
        }
    }

    /// <inheritdoc/>
    public override Task ApplyRetention(
        V1.ApplyRetentionRequest request, IServerStreamWriter<V1.ApplyRetentionResponse> responseStream, ServerCallContext context) =>
        retention.RunAsync(request, responseStream, context);

    private async Task<ImportSession> OpenAsync(V1.ImportDescription? description, ServerCallContext context)
    {
        monitor.ThrowIfUntrusted();
        var record = ImportMapping.Read(description ?? new V1.ImportDescription()) with { Credential = access.CallerOf(context).Id };
        ImportSession? import = null;
        await LimitedAsync(
            async token => import = record.Id.Length > 0 && await IsOwnAsync(record, token)
                ? await ImportSession.ResumeAsync(imports, record.Id, clock, token)
                : await ImportSession.BeginAsync(imports, record, clock, token),
            context);
        return import!;
    }

    // Facts that another credential added to an import would be reverted with it.
    private async Task<bool> IsOwnAsync(StoredImport record, CancellationToken cancellation) =>
        !access.IsOn || await imports.FindAsync(record.Id, cancellation) is not { } known || known.Credential == record.Credential
            ? true
            : throw RpcErrors.Precondition("Another credential started this import; start your own.", "IMPORT_OF_ANOTHER");

    private async Task<V1.ImportFactsResponse> ImportAsync(V1.ImportFactsRequest batch, ImportSession import, ServerCallContext context)
    {
        // Before writing: a reverted import must not record more facts.
        await LimitedAsync(import.TouchAsync, context);
        var (outcomes, token) = await WriteAsync(batch.Facts, import, context);
        BlockOutcome[] blocked = [];
        if (batch.Blocks.Count > 0)
        {
            var caller = context.Lease()?.Caller ?? access.CallerOf(context);
            await LimitedAsync(async stop => blocked = await blocks.RecordAsync(batch.Blocks, import, caller, stop), context);
        }

        var response = new V1.ImportFactsResponse { Sequence = batch.Sequence, ConsistencyToken = token, ImportId = import.Id };
        for (var i = 0; i < outcomes.Length; i++)
        {
            switch (outcomes[i].Outcome)
            {
                case Outcome.Recorded:
                    response.Recorded++;
                    break;
                case Outcome.Unchanged:
                    response.Unchanged++;
                    break;
                default:
                    response.Refused.Add(new V1.RefusedFact { Index = (uint)i, Errors = { outcomes[i].Errors } });
                    break;
            }
        }

        response.Warnings.Add(FactOutcome.Summarise(outcomes));
        response.Recorded += (uint)blocked.Count(one => one.Outcome == V1.BlockResult.Types.Outcome.Recorded);
        response.Unchanged += (uint)blocked.Count(one => one.Outcome == V1.BlockResult.Types.Outcome.Unchanged);
        response.RefusedBlocks.Add(BlockOutcome.Refused(blocked));
        response.BlockWarnings.Add(BlockOutcome.Summarise(blocked));
        import.Count(response.Recorded, response.Unchanged, response.Refused.Count + response.RefusedBlocks.Count);
        return response;
    }

    private async Task<(FactOutcome[] Outcomes, string Token)> WriteAsync(
        IReadOnlyList<V1.Fact> facts, ImportSession? import, ServerCallContext context)
    {
        monitor.ThrowIfUntrusted();
        (FactOutcome[], string) written = default;
        var caller = context.Lease()?.Caller ?? access.CallerOf(context);
        await LimitedAsync(async token => written = await writer.WriteAsync(facts, import, caller, token), context);
        return written;
    }

    private async Task LimitedAsync(Func<CancellationToken, Task> write, ServerCallContext context)
    {
        using var call = new StoreDeadline(context, options.StoreWriteLimitMs);
        try
        {
            await write(call.Token);
        }
        catch (OperationCanceledException) when (call.Expired)
        {
            throw StoreDeadline.TooSlow();
        }
    }

    private static void CheckCount(int count, int max)
    {
        if (count == 0 || count > max)
        {
            throw RpcErrors.Invalid("facts", $"{count} facts; must be 1 to {max}.");
        }
    }
}
