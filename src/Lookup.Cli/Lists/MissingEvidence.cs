using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Lookup.Cli.Output;
using Lookup.Client;
using Lookup.V1;
using Timestamp = Google.Protobuf.WellKnownTypes.Timestamp;

namespace Lookup.Cli.Lists;

/// <summary>
/// Lists the numbers of a list that a consent permits or would permit, and whose evidence is missing, or is a certificate that was not
/// claimed. Memory: 16 bytes for each number that depends on a consent.
/// </summary>
/// <param name="inner">Counts the answers.</param>
internal sealed class MissingEvidence(IChunkSink inner) : IChunkSink
{
    /// <summary>How such a file begins.</summary>
    public const string Header = "line,number,evidence,reference,captured,claim_by";

    // Numbers are read in a random order within this many: in ascending order they would look like the enumeration of a range.
    private const int Block = 65_536;

    // Requests at a time.
    private const int InFlight = 64;

    // From the least to the most that is missing.
    private static readonly string[] States = ["to_claim", "not_claimed", "none"];

    private readonly List<(long Line, ulong Number)> _candidates = [];
    private readonly long[] _counts = new long[States.Length];
    private Timestamp? _first;

    /// <inheritdoc/>
    public long Records => inner.Records;

    /// <summary>Numbers in the file.</summary>
    public long Count => _counts.Sum();

    /// <inheritdoc/>
    public void Write(ListChunk chunk)
    {
        inner.Write(chunk);
        for (var i = 0; i < chunk.Count; i++)
        {
            if (chunk.Records[i].Fault == ListFault.None
                && (chunk.Verdicts[i], chunk.Reasons[i]) is (Verdict.Allow, ReasonCode.Consent) or (Verdict.Deny, ReasonCode.ConsentWithoutEvidence))
            {
                _candidates.Add((chunk.FirstLine + chunk.Records[i].Line, chunk.Numbers[i]));
            }
        }
    }

    /// <inheritdoc/>
    public void Save() => inner.Save();

    /// <inheritdoc/>
    public void Dispose() => inner.Dispose();

    /// <summary>Reads the evidence of the numbers and writes the file.</summary>
    /// <param name="path">The file; it appears when it is complete.</param>
    /// <param name="client">The service.</param>
    /// <param name="question">The question of the list.</param>
    /// <param name="now">Certificates to be claimed by then were not claimed in time.</param>
    /// <param name="progress">Receives the completed share, 0 to 1.</param>
    /// <param name="ct">Ends the reading.</param>
    public async Task WriteAsync(string path, LookupClient client, Question question, DateTimeOffset now, Action<double> progress, CancellationToken ct)
    {
        var unfinished = path + ".unfinished";
        try
        {
            await using (var output = new StreamWriter(unfinished, append: false, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false)) { NewLine = "\n" })
            {
                await output.WriteLineAsync(Header);
                var done = 0;
                foreach (var block in _candidates.Chunk(Block))
                {
                    var found = new List<(long Line, string Text)>();
                    var shuffled = block.ToArray();
                    Random.Shared.Shuffle(shuffled);
                    await Parallel.ForEachAsync(shuffled, new ParallelOptions { MaxDegreeOfParallelism = InFlight, CancellationToken = ct }, async (one, stop) =>
                    {
                        var number = string.Create(CultureInfo.InvariantCulture, $"+{one.Number}");
                        var facts = (await client.ListFactsAsync(new ListFactsRequest { Number = number }, stop)).Facts;
                        lock (found)
                        {
                            if (Describe(number, facts, question, now) is { } text)
                            {
                                found.Add((one.Line, text));
                            }

                            progress(++done / (double)_candidates.Count);
                        }
                    });
                    foreach (var (line, text) in found.OrderBy(one => one.Line))
                    {
                        await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{line},{text}"));
                    }
                }
            }

            File.Move(unfinished, path, overwrite: true);
        }
        catch
        {
            File.Delete(unfinished);
            throw;
        }
    }

    /// <summary>The counts for programs.</summary>
    public JsonObject Json(string path)
    {
        var json = new JsonObject { ["file"] = path };
        for (var i = 0; i < States.Length; i++)
        {
            json[States[i]] = _counts[i];
        }

        json["claim_by"] = _first is null ? null : Time(_first);
        return json;
    }

    /// <summary>The counts in one sentence.</summary>
    public string Describe() => Count == 0
        ? "Every consent of these numbers has evidence, and no certificate is unclaimed."
        : $"{_counts[2]:N0} numbers with a consent without evidence, {_counts[0]:N0} with a certificate to be claimed{(_first is { } first ? $" (the first by {Time(first)})" : "")}, {_counts[1]:N0} with one that was not claimed in time.";

    // The consent with the best evidence counts.
    private string? Describe(string number, IEnumerable<KnownFact> facts, Question question, DateTimeOffset now)
    {
        var best = facts.Where(known => Counts(known, question, now)).Select(known => known.Fact.Consent)
            .OrderBy(consent => StateOf(consent.Evidence, now)).ThenByDescending(consent => consent.Captured).FirstOrDefault();
        if (best is null || StateOf(best.Evidence, now) is not (>= 0 and var state))
        {
            return null;
        }

        _counts[state]++;
        var by = best.Evidence?.ClaimBy;
        if (state == 0 && (_first is null || by < _first))
        {
            _first = by;
        }

        return string.Join(',', number, States[state], SafeText.Cell(best.Evidence?.Reference ?? ""), Time(best.Captured), Time(by));
    }

    private static string Time(Timestamp? time) =>
        time is null ? "" : time.ToDateTimeOffset().UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    private static bool Counts(KnownFact known, Question question, DateTimeOffset now) =>
        known is { Current: true, Fact: { Withdrawn: false, Consent: { } consent } }
        && consent.Organisation == question.Organisation
        && (consent.ProductGroup.Length == 0 || consent.ProductGroup == question.ProductGroup)
        && (question.Purpose == Purpose.Unspecified || consent.Purposes.Contains(question.Purpose))
        && consent.Form != ConsentForm.Appointment
        && (consent.Expires is null || consent.Expires.ToDateTimeOffset() > now);

    // An index of States; -1: nothing is missing.
    private static int StateOf(Evidence? evidence, DateTimeOffset now) =>
        evidence is null ? 2
        : evidence.ClaimBy is null || evidence.Claimed is not null ? -1
        : evidence.ClaimBy.ToDateTimeOffset() > now ? 0
        : 1;
}
