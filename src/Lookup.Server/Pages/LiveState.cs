using Lookup.Core.Regimes;
using Lookup.Redis.Maintenance;
using Lookup.Server.Http;
using Lookup.Server.Lists;
using Lookup.Server.Reading;
using Lookup.Server.Receipts;
using Lookup.Server.Store;
using Lookup.Server.Telemetry;

namespace Lookup.Server.Pages;

/// <summary>Collects what the operations page shows besides rates: registers, lists, limits and the verdict above them.</summary>
internal sealed class LiveState(
    RegimeSet regimes,
    RegistryReplica registry,
    StoreMonitor monitor,
    IStoreMaintenance store,
    AllowAudit audit,
    ReceiptWriter receipts,
    OpenLists lists,
    Capacity capacity,
    LookupServerOptions options,
    TimeProvider clock,
    ServerTls? tls = null)
{
    private readonly Dictionary<string, int?> _limits = regimes.Registers.ToDictionary(one => one.Name, one => regimes.MaxAgeDaysOf(one.Name), StringComparer.Ordinal);

    /// <summary>Returns the loaded registers by name.</summary>
    internal IReadOnlyList<LiveRegister> Registers() =>
    [
        .. (registry.Latest?.Dates ?? new Dictionary<string, long[]>()).Where(one => one.Value.Length > 0).OrderBy(one => one.Key, StringComparer.Ordinal)
            .Select(one => new LiveRegister(one.Key, one.Value[^1], _limits.GetValueOrDefault(one.Key))),
    ];

    /// <summary>Returns the open lists, the oldest first.</summary>
    internal IReadOnlyList<LiveList> Lists() =>
    [
        .. lists.All.OrderBy(list => list.Started)
            .Select(list => new LiveList(Redaction.Mask(list.Organisation), list.Credential, list.Started, list.Numbers)),
    ];

    /// <summary>Returns the limits of this instance with their use.</summary>
    internal IReadOnlyList<LiveLoad> Loads() => [.. capacity.Loads().Select(load => new LiveLoad(load.Words, load.Used, load.Limit))];

    /// <summary>Judges whether calls can be checked, and what is about to stop that.</summary>
    internal Outlook Judge(IReadOnlyList<double?> ages, IReadOnlyList<LiveFilter?> filters, IReadOnlyList<LiveRegister> registers)
    {
        var state = monitor.Current;
        return Outlook.Judge(new OutlookFacts
        {
            State = state with { Why = Redaction.Mask(state.Why) },
            Now = clock.GetUtcNow(),
            WrongAllows = audit.CountOf(AllowAudit.Outcome.Wrong),
            ReceiptsFault = receipts.Log?.Fault is not null,
            NeedsReceipts = receipts.StopsAnswers,
            Servers = store.Servers.Count,
            SilentServers = store.Servers.Silent,
            Ages = ages,
            BoundMs = options.FreshnessBoundMs,
            Registers = registers,
            CertificateExpires = tls?.Expires,
            Loads = capacity.Loads(),
            ClockAhead = monitor.ClockAhead ?? TimeSpan.Zero,
            ClockBoundMs = options.ClockBoundMs,
            Filters = filters,
        });
    }
}
