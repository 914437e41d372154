using Lookup.Load.Processes;

namespace Lookup.Load.Commands;

/// <summary>What receipts cost: a service that writes one for each answer beside one that writes none.</summary>
internal sealed class ReceiptsCommand()
    : BesideCommand("receipts", "Checks and lists of a service that writes a receipt for each answer, beside one that writes none, in turn.", "receipts")
{
    private protected override Task<(ChildProcess Process, Uri Address)> StartAsync(TestBed bed, CancellationToken ct) =>
        LookupTool.ServeWithReceiptsAsync(bed, ct);
}
