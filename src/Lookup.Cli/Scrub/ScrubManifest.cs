using System.Text.Json.Nodes;

namespace Lookup.Cli.Scrub;

/// <summary>What the manifest says of the input.</summary>
internal sealed record InputRecord
{
    public string Name { get; init; } = "";

    public long Bytes { get; init; }

    /// <summary>SHA-256 of the file as it is stored, in hex.</summary>
    public string Sha256 { get; init; } = "";

    /// <summary>Lines of the decompressed content, the header and blank ones included.</summary>
    public long Lines { get; init; }

    /// <summary>Lines, or records over several lines, that were asked about or refused.</summary>
    public long Records { get; init; }

    public long Blank { get; init; }
}

/// <summary>The record of a finished scrub. Holds no numbers.</summary>
internal sealed record ScrubManifest
{
    public int Format { get; init; } = 1;

    public string Tool { get; init; } = "";

    /// <summary>The answers are to "what if" and permit no calls.</summary>
    public bool Hypothetical { get; init; }

    public InputRecord Input { get; init; } = new();

    /// <summary>The question, and how the list was read.</summary>
    public JsonObject Asked { get; init; } = [];

    public SortedDictionary<string, OutputState> Outputs { get; init; } = [];

    /// <summary>Lines by verdict and reason.</summary>
    public SortedDictionary<string, SortedDictionary<string, long>> Counts { get; init; } = [];

    public AnswerBasis Basis { get; init; } = new();

    public DateTimeOffset Began { get; init; }

    public DateTimeOffset Ended { get; init; }

    public IReadOnlyList<ScrubRunRecord> Runs { get; init; } = [];
}
