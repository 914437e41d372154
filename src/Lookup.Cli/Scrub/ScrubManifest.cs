using System.Text.Json.Nodes;

namespace Lookup.Cli.Scrub;

/// <summary>The input of a scrub, for the manifest.</summary>
internal sealed record InputRecord
{
    public string Name { get; init; } = "";

    public long Bytes { get; init; }

    /// <summary>SHA-256 of the stored file, in hex.</summary>
    public string Sha256 { get; init; } = "";

    /// <summary>Lines of the decompressed content, including header and blank lines.</summary>
    public long Lines { get; init; }

    /// <summary>Records (a quoted one may span lines) that were checked or rejected.</summary>
    public long Records { get; init; }

    public long Blank { get; init; }
}

/// <summary>The manifest of a finished scrub. Contains no phone numbers.</summary>
internal sealed record ScrubManifest
{
    public int Format { get; init; } = 1;

    public string Tool { get; init; } = "";

    /// <summary>Whether the answers are what-if answers, which permit no calls.</summary>
    public bool Hypothetical { get; init; }

    public InputRecord Input { get; init; } = new();

    /// <summary>The question and the layout of the list.</summary>
    public JsonObject Asked { get; init; } = [];

    public SortedDictionary<string, OutputState> Outputs { get; init; } = [];

    /// <summary>Lines by verdict and reason.</summary>
    public SortedDictionary<string, SortedDictionary<string, long>> Counts { get; init; } = [];

    public AnswerBasis Basis { get; init; } = new();

    public DateTimeOffset Began { get; init; }

    public DateTimeOffset Ended { get; init; }

    public IReadOnlyList<ScrubRunRecord> Runs { get; init; } = [];
}
