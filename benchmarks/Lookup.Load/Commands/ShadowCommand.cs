using Lookup.Load.Processes;

namespace Lookup.Load.Commands;

/// <summary>What shadow regimes cost: a service that decides each check under two versions beside one that decides once.</summary>
internal sealed class ShadowCommand()
    : BesideCommand("shadow", "Checks and lists of a service with shadow regimes, beside one without, in turn.", "shadow")
{
    private protected override Task<(ChildProcess Process, Uri Address)> StartAsync(TestBed bed, CancellationToken ct) =>
        LookupTool.ServeWithShadowAsync(bed, ct);
}
