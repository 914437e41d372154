using Lookup.Cli.Output;

namespace Lookup.Cli.Commands;

/// <summary>lookup audit: finds the calls in a dialer's call records that were not permitted.</summary>
internal sealed class AuditCommand(Shell shell) : CallAuditCommand(
    shell,
    "audit",
    "Finds the calls in a dialer's call records that were not permitted: decides each call at its own time, on what was on record then and on what is on record now.",
    "lookup audit calls.csv --column dst --time start --timezone Europe/Amsterdam --org acme --purpose commercial",
    "lookup audit Master.csv --format asterisk --timezone Europe/Amsterdam --region NL --org acme --purpose commercial",
    "lookup audit vicidial_log.csv --format vicidial --timezone America/New_York --by campaign_id --by user --org acme --purpose commercial --json",
    "lookup audit calls.csv --column dst --time start --timezone Europe/Amsterdam --from 2024-03-01 --to 2024-03-31 --only centre=north --org acme --purpose commercial",
    "lookup audit calls.csv --column dst --time start --timezone Europe/Amsterdam --org-column principal --purpose commercial",
    "lookup audit calls.csv --column dst --time start --timezone Europe/Amsterdam --org acme --purpose commercial --receipts /var/lib/lookup/receipts --public-key receipt.key.pub --key-file number.key");
