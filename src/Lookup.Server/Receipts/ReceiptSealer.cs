using Lookup.Server.Telemetry;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Lookup.Server.Receipts;

/// <summary>Signs receipts every second and logs failures.</summary>
internal sealed class ReceiptSealer : BackgroundService
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private readonly ReceiptWriter _receipts;
    private readonly ILogger<ReceiptSealer> _log;
    private readonly TimeProvider _clock;

    public ReceiptSealer(ReceiptWriter receipts, ServiceMetrics metrics, TimeProvider clock, ILogger<ReceiptSealer> log)
    {
        (_receipts, _clock, _log) = (receipts, clock, log);
        var written = metrics.Factory.CreateGauge("lookup_receipts", "Receipts in the log of this instance; 0 if none are kept.");
        var signed = metrics.Factory.CreateGauge("lookup_receipts_signed", "Receipts under the latest signed head.");
        var fault = metrics.Factory.CreateGauge("lookup_receipts_failing", "1 if receipts cannot be written or signed.");
        metrics.Registry.AddBeforeCollectCallback(() =>
        {
            signed.Set(receipts.Log?.Head?.TreeSize ?? 0);
            written.Set(receipts.Log?.Count ?? 0);
            fault.Set(receipts.Log?.Fault is null ? 0 : 1);
        });
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (_receipts.Log is not { } log)
        {
            return;
        }

        Exception? erasing = null;
        using var timer = new PeriodicTimer(Pause, _clock);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                var before = log.Fault;
                await Task.Run(log.Seal, stoppingToken);
                LogFault(before, log.Fault);
                var wasErasing = erasing;
                erasing = await Task.Run(log.TryFinishErasure, stoppingToken);
                if (erasing is not null && wasErasing is null)
                {
                    _log.LogError("An erasure of receipts cannot be completed; the service retries each second: {Cause}", erasing.Message);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Shutdown; closing the log signs the rest.
        }
    }

    private void LogFault(Exception? before, Exception? now)
    {
        if (now is not null && before is null)
        {
            _log.LogError("Receipts cannot be written or signed: {Cause}", now.Message);
        }
        else if (now is null && before is not null)
        {
            _log.LogInformation("Receipts are written and signed again.");
        }
    }
}
