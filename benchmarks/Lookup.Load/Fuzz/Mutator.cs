using System.Text;

namespace Lookup.Load.Fuzz;

/// <summary>Changes samples at random: bytes flipped, cut, doubled, taken from other samples, or what is known to be nasty put in.</summary>
internal sealed class Mutator(Random random)
{
    private const int MaxChanges = 6;

    private static readonly byte[][] Nasty =
    [
        .. new[]
        {
            "\0", "+", "-1", "0", "00", "999999999999999999999", "1e308", "NaN", "\"", "\\", "\r\n", "\u202e", "\ud83d\udcde", "<script>", "%s", "../", "{", "}", "[[[[", "null", "true",
            "+31612345678", "+0", "2026-02-30", "9999-12-31T23:59:59.999999999Z", "0001-01-01T00:00:00+14:00", "1969-12-31T23:59:59.999Z", "2024-06-30T23:59:60Z",
            "315576000000s", "-0.000000001s", "1e2s", "1e400", "-1e400", "1e-400", "-0", "9007199254740993", "10.12", "31612345678.0", ",,,,", ";", "\t", "'", "\"\"", "ﬁ", "١٢٣",
        }.Select(Encoding.UTF8.GetBytes),
        [0xff], [0xc0, 0x80], [0xef, 0xbb, 0xbf], [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01], [0xff, 0xff, 0xff, 0x7f],
    ];

    internal Random Random { get; } = random;

    /// <summary>A changed copy of one of the samples.</summary>
    internal byte[] Of(IReadOnlyList<byte[]> samples)
    {
        var bytes = samples[Random.Next(samples.Count)].ToList();
        for (var change = Random.Next(1, MaxChanges + 1); change > 0; change--)
        {
            Change(bytes, samples);
        }

        return [.. bytes];
    }

    private void Change(List<byte> bytes, IReadOnlyList<byte[]> samples)
    {
        var at = Random.Next(bytes.Count + 1);
        switch (Random.Next(7))
        {
            case 0 when at < bytes.Count:
                bytes[at] ^= (byte)(1 << Random.Next(8));
                break;
            case 1 when at < bytes.Count:
                bytes[at] = (byte)Random.Next(256);
                break;
            case 2 when at < bytes.Count:
                bytes.RemoveRange(at, Random.Next(1, Math.Min(16, bytes.Count - at) + 1));
                break;
            case 3 when at < bytes.Count:
                bytes.InsertRange(at, bytes.GetRange(at, Random.Next(1, Math.Min(32, bytes.Count - at) + 1)));
                break;
            case 4:
                var other = samples[Random.Next(samples.Count)];
                if (other.Length > 0)
                {
                    var from = Random.Next(other.Length);
                    bytes.InsertRange(at, other[from..Random.Next(from, Math.Min(other.Length, from + 64))]);
                }

                break;
            case 5 when Random.Next(8) == 0:
                bytes.RemoveRange(at, bytes.Count - at);
                break;
            default:
                bytes.InsertRange(at, Nasty[Random.Next(Nasty.Length)]);
                break;
        }
    }
}
