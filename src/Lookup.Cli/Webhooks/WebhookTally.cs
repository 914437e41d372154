using System.Globalization;
using System.Text.Json.Nodes;
using Lookup.Cli.Output;

namespace Lookup.Cli.Webhooks;

/// <summary>Counts what was pushed, and reports when the receiver stops and starts accepting. Thread-safe.</summary>
/// <param name="receiver">The receiver, for people.</param>
/// <param name="note">Writes a note.</param>
internal sealed class WebhookTally(string receiver, Action<string> note)
{
    private readonly Lock _lock = new();
    private string? _failure;
    private long _accepted;
    private long _failed;
    private long _waiting;
    private TimeSpan _slowest;
    private TimeSpan _total;

    /// <summary>Writes a note.</summary>
    public void Note(string text) => note(text);

    /// <summary>Counts a change that is to be pushed.</summary>
    public void AddWaiting()
    {
        lock (_lock)
        {
            _waiting++;
        }
    }

    /// <summary>Counts a change that the receiver accepted.</summary>
    public void AddAccepted(TimeSpan took)
    {
        bool again;
        lock (_lock)
        {
            _accepted++;
            _waiting--;
            _total += took;
            _slowest = took > _slowest ? took : _slowest;
            (again, _failure) = (_failure is not null, null);
        }

        if (again)
        {
            note($"{receiver} accepts changes again.");
        }
    }

    /// <summary>Counts a failed attempt. The first of several with the same reason is reported.</summary>
    public void AddFailed(string why)
    {
        bool known;
        lock (_lock)
        {
            _failed++;
            (known, _failure) = (_failure == why, why);
        }

        if (!known)
        {
            note($"{receiver} {why}. Retrying until it accepts.");
        }
    }

    /// <summary>Formats the counts since the start on one line.</summary>
    public string Format(bool json)
    {
        lock (_lock)
        {
            var mean = _accepted == 0 ? 0 : _total.TotalMilliseconds / _accepted;
            return json
                ? new JsonObject
                {
                    ["accepted"] = _accepted,
                    ["failedAttempts"] = _failed,
                    ["waiting"] = _waiting,
                    ["meanMs"] = Math.Round(mean, 2),
                    ["slowestMs"] = Math.Round(_slowest.TotalMilliseconds, 2),
                }.ToJsonString(JsonText.Options)
                : string.Create(
                    CultureInfo.InvariantCulture,
                    $"changes accepted {_accepted}, failed attempts {_failed}, waiting {_waiting}; mean {mean:0.0} ms, slowest {_slowest.TotalMilliseconds:0.0} ms");
        }
    }
}
