using System.Text;

namespace Lookup.Load.Numbers;

/// <summary>Files of numbers.</summary>
internal static class NumberFile
{
    /// <summary>Writes the numbers of a block at some places, one a line, with the plus.</summary>
    /// <param name="path">The file.</param>
    /// <param name="header">A first line, or null.</param>
    /// <param name="block">The block.</param>
    /// <param name="places">Which numbers, in this order.</param>
    internal static void Write(string path, string? header, NumberBlock block, IEnumerable<long> places)
    {
        using var writer = new StreamWriter(path, append: false, new UTF8Encoding(false), 1 << 20);
        writer.NewLine = "\n";
        if (header is not null)
        {
            writer.WriteLine(header);
        }

        foreach (var place in places)
        {
            writer.Write('+');
            writer.Write(block[place]);
            writer.Write('\n');
        }
    }

    internal static IEnumerable<long> Range(long first, long count, long step = 1)
    {
        for (long i = 0; i < count; i++)
        {
            yield return first + (i * step);
        }
    }
}
