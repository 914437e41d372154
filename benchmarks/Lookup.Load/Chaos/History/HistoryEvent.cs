using System.Text.Json;
using System.Text.Json.Serialization;

namespace Lookup.Load.Chaos.History;

/// <summary>What an event of a history tells.</summary>
internal enum EventKind
{
    None,

    /// <summary>A write was sent for the first time.</summary>
    Write,

    /// <summary>A write was acknowledged, for the first time or again after a loss.</summary>
    Ack,

    /// <summary>An attempt of a write ended without an acknowledgement: it may count from its start on, or never.</summary>
    Failed,

    /// <summary>A write was refused: it never counts.</summary>
    Refused,

    /// <summary>A number was asked, from <see cref="HistoryEvent.Start"/> to <see cref="HistoryEvent.At"/>.</summary>
    Check,

    /// <summary>Something was broken, from <see cref="HistoryEvent.Start"/> to <see cref="HistoryEvent.At"/>.</summary>
    Fault,

    /// <summary>
    /// An older copy of the store was put in its place: acknowledgements after <see cref="HistoryEvent.Start"/> are lost
    /// from <see cref="HistoryEvent.At"/> on, when the operator lets the services use it.
    /// </summary>
    Lost,

    /// <summary>
    /// From <see cref="HistoryEvent.Start"/> to <see cref="HistoryEvent.At"/> the store lacked what every instance had seen: none of them may
    /// permit anything that was asked more than the bound after the start.
    /// </summary>
    Doubt,

    /// <summary>At the end the facts of a number were listed; its <see cref="Found"/> events come behind.</summary>
    Listed,

    /// <summary>A fact that was listed.</summary>
    Found,

    /// <summary>A consumer watches from here on.</summary>
    Watching,

    /// <summary>A consumer was told that it lost continuity, or the run ended.</summary>
    WatchEnded,

    /// <summary>A consumer was told of a change.</summary>
    Watched,
}

/// <summary>What a write says. The values are kept in histories.</summary>
internal enum WriteKind
{
    None,
    Consent,
    ConsentWithdrawal,
    Objection,
    ObjectionWithdrawal,
    Erasure,
}

/// <summary>What a check demanded.</summary>
internal enum ReadMode
{
    Bounded,
    Token,
    Exact,
}

/// <summary>One line of a history. Members that an event does not use keep their defaults and are not written.</summary>
internal sealed record HistoryEvent
{
    private static readonly JsonSerializerOptions Options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
    };

    public EventKind Event { get; init; }

    /// <summary>When it happened or ended: microseconds since the run began, on one clock for all.</summary>
    public long At { get; init; }

    /// <summary>When it began, on the same clock.</summary>
    public long Start { get; init; }

    /// <summary>Which write, from 1 on.</summary>
    public long Id { get; init; }

    /// <summary>Which number, from 0 on.</summary>
    public int Number { get; init; }

    public WriteKind Write { get; init; }

    /// <summary>An objection to all instead of to the organisation.</summary>
    public bool All { get; init; }

    /// <summary>When the fact took effect, Unix milliseconds. Erasure: it takes effect no earlier.</summary>
    public long Effective { get; init; }

    /// <summary>When a consent expires, Unix milliseconds; 0: never.</summary>
    public long Until { get; init; }

    /// <summary>The instance of the service, from 0 on.</summary>
    public int Instance { get; init; }

    /// <summary>Acknowledged: version of the partition with it. Check: the version that was demanded. Watched: the token's.</summary>
    public ulong Version { get; init; }

    /// <summary>Acknowledged: nothing changed, since it was known already.</summary>
    public bool Unchanged { get; init; }

    public ReadMode Mode { get; init; }

    /// <summary>The number is of a country where a call is permitted unless something forbids it.</summary>
    public bool OptOut { get; init; }

    /// <summary>The check was an item of a list.</summary>
    public bool Stream { get; init; }

    /// <summary>Verdict of the check, or the status that it ended with.</summary>
    public string? Answer { get; init; }

    /// <summary>When the check began, Unix milliseconds.</summary>
    public long Wall { get; init; }

    /// <summary>How many of the kind, where events of a kind were put together; 0 stands for one.</summary>
    public int Count { get; init; }

    /// <summary>Which consumer of Watch.</summary>
    public int Consumer { get; init; }

    /// <summary>
    /// A consumer that had not caught up when the run ended: by number, the version of its partition up to which it was told everything.
    /// </summary>
    public ulong[]? Reached { get; init; }

    /// <summary>In words.</summary>
    public string? Text { get; init; }

    internal string ToJson() => JsonSerializer.Serialize(this, Options);

    /// <exception cref="JsonException">The line is no event.</exception>
    internal static HistoryEvent Parse(string line) =>
        JsonSerializer.Deserialize<HistoryEvent>(line, Options) ?? throw new JsonException("An event is missing.");
}
