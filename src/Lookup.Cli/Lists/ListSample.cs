// Purpose: a uniform sample of a list of unknown length.
//
// Reservoir sampling: take the first n records; the k-th record (k > n) replaces one of them with probability n / k.
// Every record then has the same chance, and memory is bounded by the sample.
// Reference: J. S. Vitter, "Random Sampling with a Reservoir", ACM TOMS 11(1), 1985, algorithm R.
namespace Lookup.Cli.Lists;

/// <summary>Records drawn at random from a list.</summary>
internal sealed class ListSample
{
    private readonly List<(ulong Number, ListFault Fault)> _drawn = [];
    private int _given;

    private ListSample()
    {
    }

    /// <summary>Records of the whole list.</summary>
    public long Records { get; private set; }

    public int Count => _drawn.Count;

    /// <summary>Reads the list and draws <paramref name="size"/> records; the same seed draws the same records.</summary>
    public static ListSample Draw(ListReader reader, ListLayout layout, int size, int seed, CancellationToken ct)
    {
        var sample = new ListSample();
        var random = new Random(seed);
        var chunk = new ListChunk();
        while (reader.Read(chunk, ct))
        {
            ct.ThrowIfCancellationRequested();
            for (var i = 0; i < chunk.Count; i++)
            {
                sample.Records++;
                var place = sample._drawn.Count < size ? sample._drawn.Count : random.NextInt64(sample.Records);
                if (place < size)
                {
                    var drawn = (chunk.ReadNumber(i, layout, out var fault), fault);
                    if (place == sample._drawn.Count)
                    {
                        sample._drawn.Add(drawn);
                    }
                    else
                    {
                        sample._drawn[(int)place] = drawn;
                    }
                }
            }
        }

        return sample;
    }

    /// <summary>Fills a chunk with drawn records; returns false when none are left.</summary>
    public bool Read(ListChunk chunk)
    {
        chunk.Reset(0);
        while (!chunk.IsFull && _given < _drawn.Count)
        {
            chunk.Add(_drawn[_given].Number, _drawn[_given].Fault);
            _given++;
        }

        return chunk.Count > 0;
    }

    /// <summary>Half the width of the 95 % confidence interval of the share of <paramref name="count"/> records, 0 to 1.</summary>
    public double Margin(long count)
    {
        var share = (double)count / Math.Max(Count, 1);
        var left = Records > 1 ? (double)(Records - Count) / (Records - 1) : 0;
        return 1.96 * Math.Sqrt(share * (1 - share) / Math.Max(Count, 1) * left);
    }
}
