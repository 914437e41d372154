using System.Globalization;
using Google.Protobuf;
using Grpc.Core;
using Lookup.Core.Facts;
using Lookup.Core.Regimes;
using Lookup.Redis.Credentials;
using Lookup.Redis.Imports;
using Lookup.Redis.Registers;
using Lookup.Server.Access;
using Lookup.Server.Errors;
using Lookup.Server.Imports;
using Lookup.Server.Mapping;
using Lookup.Server.Store;

namespace Lookup.Server.Registers;

/// <summary>lookup.v1.RegistryService.</summary>
internal sealed class RegistryEndpoint(
    IRegistryStore store,
    IAccessStore credentials,
    IImportStore imports,
    RegistryReplica registry,
    RegimeSet regimes,
    SnapshotLoader loader,
    LookupServerOptions options,
    TimeProvider clock,
    AccessControl access,
    DualApproval approval)
    : V1.RegistryService.RegistryServiceBase
{
    // A register's midnight can be ahead of UTC.
    private const long FutureMs = 24L * 60 * 60 * 1000;

    /// <inheritdoc/>
    public override async Task<V1.PutOrganisationResponse> PutOrganisation(V1.PutOrganisationRequest request, ServerCallContext context)
    {
        List<FieldFault>? faults = null;
        var source = request.Organisation ?? throw RpcErrors.Invalid("organisation", FieldFaults.Required);
        var organisation = LayerMapping.Read(source, ref faults);
        FieldFaults.ThrowIfAny(faults);
        await WriteAsync(
            async token =>
            {
                var known = (await registry.ReadAsync(token)).Find(organisation.Name);
                if (organisation.BindsLessThan(known))
                {
                    await approval.DemandAsync(
                        "put " + Convert.ToBase64String(source.ToByteArray()),
                        $"replace the record of {organisation.Name} by a less strict one",
                        isNeverAlone: false,
                        access.CallerOf(context),
                        token);
                }

                await OrganisationNames.ClaimAsync(credentials, organisation.Name, "organisation.name", token);
                await store.PutOrganisationAsync(organisation, token);
            },
            context);
        return new V1.PutOrganisationResponse { Organisation = LayerMapping.ToProto(organisation) };
    }

    /// <inheritdoc/>
    public override async Task<V1.ListOrganisationsResponse> ListOrganisations(V1.ListOrganisationsRequest request, ServerCallContext context)
    {
        var snapshot = await ReadAsync(context);
        var response = new V1.ListOrganisationsResponse();
        foreach (var organisation in snapshot.Organisations.OrderBy(o => o.Name, StringComparer.Ordinal))
        {
            response.Organisations.Add(LayerMapping.ToProto(organisation));
        }

        return response;
    }

    /// <inheritdoc/>
    public override async Task<V1.RecordSnapshotResponse> RecordSnapshot(V1.RecordSnapshotRequest request, ServerCallContext context)
    {
        List<FieldFault>? faults = null;
        var register = RegisterMapping.Find(regimes, request.Register);
        if (register is null)
        {
            FieldFaults.Add(ref faults, "register", RegisterMapping.Unknown);
        }

        var date = FieldFaults.Time(request.SnapshotDate, "snapshot_date", ref faults);
        if (request.SnapshotDate is null)
        {
            FieldFaults.Add(ref faults, "snapshot_date", FieldFaults.Required);
        }
        else if (date > clock.GetUtcNow().ToUnixTimeMilliseconds() + FutureMs)
        {
            FieldFaults.Add(ref faults, "snapshot_date", "Must not be more than a day in the future.");
        }

        FieldFaults.ThrowIfAny(faults);
        await WriteAsync(
            async token =>
            {
                // This makes an old or an empty register count as current.
                await approval.DemandAsync(
                    string.Create(CultureInfo.InvariantCulture, $"state {register!.Name} {date!.Value}"),
                    $"state that {register.Name} is loaded",
                    isNeverAlone: false,
                    access.CallerOf(context),
                    token);
                await SnapshotImports.CheckStatedAsync(imports, register!.Name, date!.Value, token);
                await store.AddSnapshotAsync(register.Name, date.Value, token);
            },
            context);
        return new V1.RecordSnapshotResponse { Register = Map(register!, await ReadAsync(context)) };
    }

    /// <inheritdoc/>
    public override async Task LoadSnapshot(
        IAsyncStreamReader<V1.LoadSnapshotRequest> requestStream,
        IServerStreamWriter<V1.LoadSnapshotResponse> responseStream,
        ServerCallContext context)
    {
        var (id, register) = await loader.RunAsync(requestStream, responseStream, context);
        if (register is not null)
        {
            var done = new V1.LoadSnapshotDone { ImportId = id, Register = Map(register, await ReadAsync(context)) };
            await responseStream.WriteAsync(new V1.LoadSnapshotResponse { Done = done }, context.CancellationToken);
        }
    }

    /// <inheritdoc/>
    public override async Task<V1.ListRegistersResponse> ListRegisters(V1.ListRegistersRequest request, ServerCallContext context)
    {
        var snapshot = await ReadAsync(context);
        var response = new V1.ListRegistersResponse();
        foreach (var register in regimes.Registers)
        {
            response.Registers.Add(Map(register, snapshot));
        }

        response.ProductGroups.Add(regimes.ProductGroups.Select(group =>
            new V1.ProductGroup { Country = group.Country, Name = group.Name, Rule = group.Rule.Text }));

        return response;
    }

    private static V1.Register Map(RegisterDefinition register, RegistrySnapshot snapshot)
    {
        var result = new V1.Register { Name = register.Name, Title = register.Title, Optional = register.IsOptional, Categories = { register.Categories } };
        if (snapshot.Dates.TryGetValue(register.Name, out var dates))
        {
            result.SnapshotDates.AddRange(dates.OrderDescending().Select(FieldFaults.ToTimestamp));
        }

        return result;
    }

    private async Task<RegistrySnapshot> ReadAsync(ServerCallContext context)
    {
        using var call = new StoreDeadline(context, options.StoreReadLimitMs);
        try
        {
            return await registry.ReadAsync(call.Token);
        }
        catch (OperationCanceledException) when (call.Expired)
        {
            throw StoreDeadline.TooSlow();
        }
    }

    // Reads the registry again before responding, so that the next check of this instance sees the change.
    private async Task WriteAsync(Func<CancellationToken, Task> write, ServerCallContext context)
    {
        using var call = new StoreDeadline(context, options.StoreWriteLimitMs);
        try
        {
            await write(call.Token);
            await registry.ReadAsync(call.Token);
        }
        catch (OperationCanceledException) when (call.Expired)
        {
            throw StoreDeadline.TooSlow();
        }
    }
}
