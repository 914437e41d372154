using System.Globalization;

namespace Lookup.Load.Chaos.Plan;

/// <summary>Which kind of store a run is on.</summary>
internal enum StoreMode
{
    /// <summary>One redis-server with an append-only file that is flushed with every write.</summary>
    Single,

    /// <summary>A primary and two replicas, of which one must have each write; an operator fails it over.</summary>
    Replicas,

    /// <summary>The same behind three sentinels, which fail it over.</summary>
    Sentinel,

    /// <summary>A Redis Cluster of three primaries with a replica each.</summary>
    Cluster,
}

/// <summary>What is broken.</summary>
internal enum FaultKind
{
    /// <summary>The redis that is written to is killed with -9 and started again.</summary>
    KillStore,

    /// <summary>It is stopped with SIGSTOP and goes on.</summary>
    FreezeStore,

    /// <summary>It is stopped for moments, again and again.</summary>
    StutterStore,

    /// <summary>What an instance sends to the store, and what comes back, is delayed.</summary>
    SlowLink,

    /// <summary>An instance and the store do not hear one another; what was sent arrives afterwards.</summary>
    CutLink,

    /// <summary>The connections of an instance to the store break, and no new ones can be made.</summary>
    RefuseLink,

    /// <summary>Everything in the store is deleted; an operator restores the newest copy.</summary>
    Flush,

    /// <summary>Another store comes up in place of the store, and goes again.</summary>
    Exchange,

    /// <summary>An older copy comes up in place of the store; an operator makes the loss good.</summary>
    Restore,

    /// <summary>
    /// An older copy comes up while the instances stand still, and others write to it until its versions are as high as before;
    /// an operator makes the loss good.
    /// </summary>
    Fork,

    /// <summary>Filters in the store are deleted, cut, emptied or lose bits; then an instance is started again.</summary>
    LoseFilters,

    /// <summary>Some of the facts are deleted past the service; an operator restores the newest copy.</summary>
    LoseFacts,

    /// <summary>The registry alone goes back to an older copy, and is changed again; an operator restarts the instances.</summary>
    LoseRegistry,

    /// <summary>The store's memory is full.</summary>
    Full,

    /// <summary>The primary is killed with -9, a replica takes its place, and the old one comes back as a replica.</summary>
    FailOver,

    /// <summary>The primary is frozen, a replica takes its place, and the old one goes on as if nothing had happened.</summary>
    SplitBrain,

    /// <summary>A partition moves to another server of the cluster, key by key.</summary>
    Reshard,

    /// <summary>A replica is killed with -9 and started again.</summary>
    KillReplica,

    /// <summary>An instance of the service is killed with -9 and started again.</summary>
    KillService,

    /// <summary>An instance of the service is stopped with SIGSTOP and goes on.</summary>
    FreezeService,

    /// <summary>
    /// An instance is stopped with SIGSTOP, and its clocks with it, as in a virtual machine that is paused. Only where it is asked for:
    /// the clocks are those of libfaketime, which slows everything down.
    /// </summary>
    SuspendService,
}

/// <summary>One fault of a plan.</summary>
/// <param name="Pause">Before it.</param>
/// <param name="Kind">What.</param>
/// <param name="Target">Which instance or replica, from 0 on; for some kinds it says nothing.</param>
/// <param name="Length">How long it lasts, without what an operator then does.</param>
internal sealed record PlannedFault(TimeSpan Pause, FaultKind Kind, int Target, TimeSpan Length)
{
    /// <summary>A fault of an instance that comes in the middle of this one.</summary>
    internal PlannedFault? Within { get; init; }

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Kind} {Target} for {Length.TotalSeconds:F2} s after {Pause.TotalSeconds:F2} s{(Within is null ? "" : $", within it {Within}")}");
}

/// <summary>The faults of a run, all of them from its seed.</summary>
/// <param name="Seed">The seed.</param>
/// <param name="Mode">The kind of store.</param>
/// <param name="Faults">In their order.</param>
internal sealed record ChaosPlan(int Seed, StoreMode Mode, IReadOnlyList<PlannedFault> Faults)
{
    // Of a second of a run so much goes by before the fault that a plan is filled up with; beyond it the plan is cut off.
    private const double MinPause = 0.6;
    private const double MaxPause = 2.0;
    private const double MinLength = 0.3;
    private const double MaxLength = 3.5;

    /// <summary>The longest fault in milliseconds, and so the most by which the clocks of an instance are behind.</summary>
    internal const long MaxLengthMs = (long)(MaxLength * 1_000) + 100;

    // What an operator does takes its time as well.
    private const double Surgery = 5;

    private static readonly FaultKind[] Everywhere =
    [
        FaultKind.KillStore, FaultKind.FreezeStore, FaultKind.StutterStore, FaultKind.SlowLink, FaultKind.CutLink, FaultKind.RefuseLink,
        FaultKind.Full, FaultKind.LoseFilters, FaultKind.KillService, FaultKind.FreezeService,
    ];

    // Sentinels and the cluster act for the operator, and tell the services themselves where the servers are.
    private static readonly FaultKind[] Governed =
    [
        FaultKind.KillStore, FaultKind.FreezeStore, FaultKind.StutterStore, FaultKind.Full, FaultKind.LoseFilters, FaultKind.KillReplica, FaultKind.KillService,
        FaultKind.FreezeService,
    ];

    private static readonly FaultKind[] OfService = [FaultKind.KillService, FaultKind.FreezeService, FaultKind.SlowLink, FaultKind.CutLink];

    /// <summary>Clocks of instances are stopped with them.</summary>
    internal bool Suspends => Faults.Any(fault => fault.Kind == FaultKind.SuspendService);

    /// <summary>Makes the plan of a seed.</summary>
    /// <param name="seed">The seed; the same one gives the same plan.</param>
    /// <param name="mode">The kind of store; null: by the seed.</param>
    /// <param name="time">How long the faults are to go on, roughly.</param>
    /// <param name="instances">Instances of the service.</param>
    /// <param name="only">Nothing but these faults; null: all that the kind of store has.</param>
    internal static ChaosPlan Make(int seed, StoreMode? mode, TimeSpan time, int instances, IReadOnlyList<FaultKind>? only = null)
    {
        var random = new Random(seed);
        var modes = Enum.GetValues<StoreMode>();
        var drawn = modes[random.Next(modes.Length)];
        var chosen = mode ?? drawn;
        var faults = new List<PlannedFault>();
        var kinds = Deck(chosen, random, only);
        for (var left = time.TotalSeconds; ;)
        {
            if (kinds.Count == 0)
            {
                kinds = Deck(chosen, random, only);
            }

            var fault = Draw(kinds.Pop(), chosen, random, instances);
            left -= fault.Pause.TotalSeconds + fault.Length.TotalSeconds + (IsSurgery(fault.Kind) ? Surgery : 0);
            if (left < 0 && faults.Count > 0)
            {
                return new ChaosPlan(seed, chosen, faults);
            }

            faults.Add(fault);
        }
    }

    /// <summary>Whether an operator has to act before the service is used again.</summary>
    internal static bool IsSurgery(FaultKind kind) =>
        kind is FaultKind.Flush or FaultKind.Restore or FaultKind.Exchange or FaultKind.FailOver or FaultKind.SplitBrain or FaultKind.Fork
            or FaultKind.LoseFacts or FaultKind.LoseRegistry;

    // Each kind comes once before any comes again, so that a short run meets many.
    private static Stack<FaultKind> Deck(StoreMode mode, Random random, IReadOnlyList<FaultKind>? only)
    {
        FaultKind[] kinds =
        [
            .. mode switch
            {
                _ when only is not null => only,
                StoreMode.Sentinel => Governed,
                StoreMode.Cluster => [.. Governed, FaultKind.Reshard, FaultKind.Reshard],
                StoreMode.Replicas => (FaultKind[])
                [
                    .. Everywhere, FaultKind.Flush, FaultKind.Restore, FaultKind.LoseFacts, FaultKind.LoseRegistry, FaultKind.FailOver,
                    FaultKind.SplitBrain, FaultKind.KillReplica,
                ],
                _ => [.. Everywhere, FaultKind.Flush, FaultKind.Restore, FaultKind.Fork, FaultKind.LoseFacts, FaultKind.LoseRegistry, FaultKind.Exchange],
            },
        ];
        random.Shuffle(kinds);
        return new Stack<FaultKind>(kinds);
    }

    private static PlannedFault Draw(FaultKind kind, StoreMode mode, Random random, int instances)
    {
        var fault = new PlannedFault(
            Between(random, MinPause, MaxPause), kind, random.Next(instances), Between(random, MinLength, MaxLength));
        var second = new PlannedFault(
            fault.Length * random.NextDouble(), OfService[random.Next(mode is StoreMode.Single or StoreMode.Replicas ? OfService.Length : 2)], random.Next(instances), Between(random, MinLength, MaxLength / 2));
        // An operator who works on the store has no service killed under his hands.
        return random.Next(4) == 0 && !IsSurgery(kind) && kind is not (FaultKind.KillService or FaultKind.FreezeService or FaultKind.SuspendService or FaultKind.LoseFilters or FaultKind.SlowLink or FaultKind.CutLink
                or FaultKind.RefuseLink)
            ? fault with { Within = second }
            : fault;
    }

    private static TimeSpan Between(Random random, double least, double most) =>
        TimeSpan.FromSeconds(Math.Round(least + (random.NextDouble() * (most - least)), 2));
}
