using System.Globalization;
using Grpc.Core;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Core.Regimes;
using Lookup.Redis;
using Lookup.Redis.Imports;
using Lookup.Redis.Registers;
using Lookup.Redis.Topology;
using Lookup.Redis.Writing;
using Lookup.Server.Access;
using Lookup.Server.Errors;
using Lookup.Server.Mapping;
using Lookup.Server.Store;
using Lookup.Server.Telemetry;
using Step = Lookup.V1.LoadSnapshotRequest.StepOneofCase;

namespace Lookup.Server.Imports;

/// <summary>Loads snapshots of registers from streams, one at a time.</summary>
internal sealed class SnapshotLoader(
    StoreManifest manifest,
    KeyRotationState keys,
    IImportStore imports,
    IFactWriter writer,
    IRegistryStore registry,
    RegimeSet regimes,
    NumberCipher cipher,
    StoreMonitor monitor,
    LookupServerOptions options,
    TimeProvider clock,
    Drain drain,
    AccessControl access,
    DualApproval approval,
    FactMetrics metrics) : IDisposable
{
    /// <summary>The maximum numbers in one message.</summary>
    internal const int MaxChunk = 8_192;

    // The end of a load whose caller disconnected takes a moment to notice.
    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(2);

    private readonly NumberPseudonym[] _keys = new NumberPseudonym[MaxChunk];
    private readonly SemaphoreSlim _loading = new(1);

    /// <inheritdoc/>
    public void Dispose() => _loading.Dispose();

    /// <summary>Runs one load.</summary>
    /// <returns>The import and the loaded register; null if the caller only wanted the difference.</returns>
    internal async Task<(string ImportId, RegisterDefinition? Register)> RunAsync(
        IAsyncStreamReader<V1.LoadSnapshotRequest> requests, IServerStreamWriter<V1.LoadSnapshotResponse> responses, ServerCallContext context)
    {
        if (!await _loading.WaitAsync(EndLimit, context.CancellationToken))
        {
            throw RpcErrors.Exhausted("Another snapshot is being loaded; only one can be loaded at a time. Retry when it has ended.", options.RetryAfterMs);
        }

        drain.Track(context);
        using var stop = drain.Link(context);
        try
        {
            return await LoadAsync(requests, responses, context, stop.Token);
        }
        catch (Exception) when (drain.Ends(context))
        {
            throw RpcErrors.Unavailable("The service is shutting down; load the same file again.", options.RetryAfterMs);
        }
        finally
        {
            _loading.Release();
        }
    }

    private async Task<(string ImportId, RegisterDefinition? Register)> LoadAsync(
        IAsyncStreamReader<V1.LoadSnapshotRequest> requests,
        IServerStreamWriter<V1.LoadSnapshotResponse> responses,
        ServerCallContext context,
        CancellationToken stop)
    {
        var open = (await NextAsync(requests, Step.Open, stop))!.Open;
        var (register, record) = Read(open);
        var date = record.SnapshotDate;
        monitor.ThrowIfUntrusted();
        var unfinished = await SnapshotImports.CheckAsync(imports, registry, register.Name, date, clock, stop);
        var load = new SnapshotLoad(manifest, keys, imports, register.Name, date, clock);
        V1.LoadSnapshotRequest? request;
        while ((request = await NextAsync(requests, Step.None, stop))?.StepCase == Step.Numbers)
        {
            Add(load, register, request.Numbers);
        }

        if (request?.StepCase != Step.Compare)
        {
            throw RpcErrors.Invalid("step", "Expected compare after the numbers.");
        }

        record = record with
        {
            FileSha256 = ImportMapping.Sha256(request.Compare.FileSha256, "compare.file_sha256"),
            Refused = Math.Max(0, request.Compare.InvalidLines),
        };
        var difference = await load.CompareAsync(stop);
        var reported = ImportMapping.ToProto(
            difference, await registry.ReadAsync(stop), open, unfinished);
        await responses.WriteAsync(new V1.LoadSnapshotResponse { Difference = reported }, stop);

        // A caller that ends here only wanted the difference.
        if (await NextAsync(requests, Step.Apply, stop) is not { } apply)
        {
            return ("", null);
        }

        if (reported.TooMuch && !apply.Apply.AcceptChange)
        {
            throw new ImportException(
                (ImportMapping.IsExpected(difference.Listed, open, reported.LoadedDate is null), open.ExpectedNumbers) switch
                {
                    (true, _) => $"{difference.Share:P1} of the loaded numbers would change, more than open.max_change_percent ({open.MaxChangePercent / 100:P1}); nothing was changed. If this is right, set apply.accept_change.",
                    (_, 0) => $"The first snapshot of {register.Name} has {difference.Listed:N0} numbers and no earlier one to compare with; nothing was changed. Set open.expected_numbers to the number you expect.",
                    _ => $"The snapshot has {difference.Listed:N0} numbers, but open.expected_numbers is {open.ExpectedNumbers:N0}; nothing was changed.",
                });
        }

        monitor.ThrowIfUntrusted();
        record = record with { Approved = await DemandAsync(load, record, difference, unfinished, context, stop) };
        var session = await SnapshotImports.OpenAsync(imports, registry, record, difference, clock, stop);
        try
        {
            var total = difference.Additions + difference.Removals + difference.Changes;
            var counted = 0L;
            await load.ApplyAsync(
                writer,
                registry,
                session,
                TimeSpan.FromMilliseconds(options.FreshnessBoundMs),
                written =>
                {
                    metrics.CountRegister(written - counted);
                    counted = written;
                    return responses.WriteAsync(
                        new V1.LoadSnapshotResponse { Progress = new V1.LoadSnapshotProgress { Written = written, Total = total } }, stop);
                },
                stop);
        }
        catch
        {
            await session.BreakOffAsync();
            throw;
        }

        return (session.Id, register);
    }

    // The approval covers exactly these numbers.
    private async Task<bool> DemandAsync(
        SnapshotLoad load,
        StoredImport record,
        SnapshotDifference difference,
        StoredImport? unfinished,
        ServerCallContext context,
        CancellationToken stop)
    {
        var wasLoaded = (await registry.ReadAsync(stop)).Snapshots.TryGetValue(record.Register, out var dates) && dates.Length > 0;
        var loads = await imports.ListOfRegisterAsync(record.Register, stop);
        var share = RegisterShare.Of(difference, wasLoaded, unfinished, loads, clock.GetUtcNow().ToUnixTimeMilliseconds());
        return share * 100 > options.RegisterApprovalPercent && await approval.DemandAsync(
            string.Create(CultureInfo.InvariantCulture, $"load {record.Register} {record.SnapshotDate} {Convert.ToHexStringLower(load.Digest())}"),
            wasLoaded
                ? string.Create(CultureInfo.InvariantCulture, $"load a snapshot of {record.Register} that removes or changes {share:P1} of its numbers within seven days")
                : $"load {record.Register} for the first time",
            isNeverAlone: false,
            access.CallerOf(context),
            stop);
    }

    private (RegisterDefinition Register, StoredImport Record) Read(V1.LoadSnapshotOpen open)
    {
        List<FieldFault>? faults = null;
        var register = RegisterMapping.Find(regimes, open.Register);
        if (register is null)
        {
            FieldFaults.Add(ref faults, "open.register", RegisterMapping.Unknown);
        }

        var date = FieldFaults.Time(open.SnapshotDate, "open.snapshot_date", ref faults);
        if (open.SnapshotDate is null)
        {
            FieldFaults.Add(ref faults, "open.snapshot_date", FieldFaults.Required);
        }
        else if (date > clock.GetUtcNow().ToUnixTimeMilliseconds())
        {
            // Its registrations would not forbid calls yet.
            FieldFaults.Add(ref faults, "open.snapshot_date", "Must not be in the future.");
        }

        if (open.MaxChangePercent is not (>= 0 and <= 100))
        {
            FieldFaults.Add(ref faults, "open.max_change_percent", "Must be 0 to 100.");
        }

        if (open.ExpectedNumbers < 0)
        {
            FieldFaults.Add(ref faults, "open.expected_numbers", $"{open.ExpectedNumbers} is negative; must be 0 or more.");
        }

        FieldFaults.ThrowIfAny(faults);
        var record = ImportMapping.Read(open.Import ?? new V1.ImportDescription());
        return (register!, record with
        {
            Id = "",
            Source = record.Source.Length == 0 ? $"snapshot of {register!.Name}" : record.Source,
            Register = register!.Name,
            SnapshotDate = date!.Value,
        });
    }

    private void Add(SnapshotLoad load, RegisterDefinition register, V1.LoadSnapshotNumbers chunk)
    {
        if (chunk.Numbers.Count is 0 or > MaxChunk)
        {
            throw RpcErrors.Invalid("numbers.numbers", $"{chunk.Numbers.Count} numbers; must be 1 to {MaxChunk} per message.");
        }

        if (load.Count + chunk.Numbers.Count > options.MaxSnapshotNumbers)
        {
            throw RpcErrors.Invalid("numbers.numbers", $"The snapshot has more than {options.MaxSnapshotNumbers} numbers, the limit of this service ({nameof(options.MaxSnapshotNumbers)}).");
        }

        if (!RegisterMapping.TryBits(register, chunk.Categories, out var bits, out _))
        {
            throw RpcErrors.Invalid("numbers.categories", $"The register {register.Name} has no such category; it has {(register.Categories.Count == 0 ? "none" : string.Join(", ", register.Categories))}.");
        }

        var numbers = new ulong[chunk.Numbers.Count];
        for (var i = 0; i < numbers.Length; i++)
        {
            numbers[i] = chunk.Numbers[i];
            if (!PhoneNumber.TryFrom(numbers[i], out _, out var fault))
            {
                throw RpcErrors.Invalid($"numbers.numbers[{i}]", fault.Describe());
            }
        }

        cipher.Encrypt(numbers, _keys);
        for (var i = 0; i < numbers.Length; i++)
        {
            load.Add(_keys[i], bits);
        }
    }

    // Returns the next message, which must be of the expected kind (None for any), or null at the end of the stream, except before open.
    private static async Task<V1.LoadSnapshotRequest?> NextAsync(
        IAsyncStreamReader<V1.LoadSnapshotRequest> requests, Step expected, CancellationToken stop)
    {
        if (!await requests.MoveNext(stop))
        {
            return expected == Step.Open ? throw RpcErrors.Invalid("step", "The first message must be open; the stream ended without one.") : null;
        }

        return expected == Step.None || requests.Current.StepCase == expected
            ? requests.Current
            : throw RpcErrors.Invalid("step", $"Expected {expected.ToString().ToLowerInvariant()}, got {requests.Current.StepCase.ToString().ToLowerInvariant()}.");
    }
}
